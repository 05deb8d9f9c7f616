//go:build !windows

package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Postfix starts the server of SMTP at ports[0], as root.
func Postfix(t *testing.T, p *Place, ports []int) {
	p.Folder("queue")
	p.Folder("postfix")
	p.Write("postfix/main.cf", p.Fill(`compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = /dev/stdout
myhostname = mail.localhost
mydestination = localhost
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = {dir}/key.pem, {dir}/cert.pem
`, 0))
	p.Write("postfix/master.cf", p.Fill(`127.0.0.1:{port} inet n - n - - smtpd
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
postlog unix-dgram n - n - 1 postlogd
`, ports[0]))
	Start(t, exec.Command("/usr/sbin/postfix", "-c", p.Path("postfix"), "start-fg"))
	// The master process is in a session of its own, which the end of start-fg leaves.
	t.Cleanup(func() {
		pid, err := os.ReadFile(p.Path("queue/pid/master.pid"))
		if err != nil {
			t.Fatal(err)
		}
		master, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		if err != nil {
			t.Fatal(err)
		}
		Run(t, exec.Command("/usr/sbin/postfix", "-c", p.Path("postfix"), "abort"))
		end := time.Now().Add(Patience)
		for syscall.Kill(master, 0) == nil {
			if time.Now().After(end) {
				t.Fatalf("the master process %d does not end", master)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// dovecotConfig is the configuration with the ports of IMAP, POP3, LMTP and ManageSieve.
const dovecotConfig = `base_dir = {dir}/run
state_dir = {dir}/state
log_path = /dev/stderr
protocols = imap pop3 lmtp sieve
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
passdb {
  driver = static
  args = password=seal
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home={dir}/home
}
service imap-login {
  inet_listener imap {
    port = %d
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = %d
  }
  inet_listener pop3s {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    port = %d
    ssl = no
  }
}
service managesieve-login {
  inet_listener sieve {
    port = %d
  }
}
`

// Dovecot starts the servers of IMAP, POP3, LMTP and ManageSieve at ports.
func Dovecot(t *testing.T, p *Place, ports []int) {
	settings := "" // of a user who cannot become another one
	if os.Getuid() != 0 {
		own, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		if group, err := user.LookupGroupId(own.Gid); err == nil {
			settings = "default_internal_group = " + group.Name + "\n"
		}
		settings += "default_internal_user = " + own.Username + "\n" +
			"default_login_user = " + own.Username + "\n"
		for _, service := range []string{"anvil", "imap-login", "pop3-login", "managesieve-login"} {
			settings += "service " + service + " {\n  chroot =\n}\n"
		}
	}
	config := fmt.Sprintf(dovecotConfig, ports[0], ports[1], ports[2], ports[3])
	p.Folder("run")
	p.Folder("state")
	p.Write("dovecot.conf", p.Fill(settings+config, 0))
	Start(t, exec.Command("/usr/sbin/dovecot", "-F", "-c", p.Path("dovecot.conf")))
}

// PostgresTool returns the path of a tool of PostgreSQL's server, which is not in PATH.
func PostgresTool(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}

// Postgres starts PostgreSQL at ports[0], with the user postgres.
func Postgres(t *testing.T, p *Place, ports []int) {
	p.Folder("data")
	attributes := p.Give(t)
	cmd := exec.Command(PostgresTool("initdb"), "-D", p.Path("data"), "-U", "postgres",
		"-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
	cmd.SysProcAttr, cmd.Dir = attributes, p.Dir
	Run(t, cmd)
	if err := os.Chmod(p.Path("data"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(PostgresTool("postgres"), "-D", p.Path("data"), "-p", fmt.Sprint(ports[0]),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_cert_file="+p.Path("cert.pem"),
		"-c", "ssl_key_file="+p.Path("key.pem"))
	cmd.SysProcAttr, cmd.Dir = attributes, p.Dir
	Start(t, cmd)
}

// MariaDB starts the server at ports[0]. It accepts any user.
func MariaDB(t *testing.T, p *Place, ports []int) {
	p.Folder("data")
	startMariaDB(t, p, ports[0], "--skip-grant-tables")
}

// MariaDBWithUsers starts the server at the port, and runs statements of SQL at its start,
// one a line.
func MariaDBWithUsers(t *testing.T, p *Place, port int, statements string) {
	p.Folder("data")
	cmd := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+p.Path("data"),
		"--skip-test-db", "--auth-root-authentication-method=normal", "--skip-name-resolve",
		"--innodb=OFF", "--default-storage-engine=Aria")
	cmd.SysProcAttr, cmd.Dir = p.Give(t), p.Dir
	Run(t, cmd)
	startMariaDB(t, p, port, "--skip-name-resolve", "--init-file="+p.Write("init.sql", statements))
}

func startMariaDB(t *testing.T, p *Place, port int, options ...string) {
	cmd := exec.Command("/usr/sbin/mariadbd", append([]string{
		"--no-defaults", "--datadir=" + p.Path("data"),
		"--skip-innodb", "--default-storage-engine=MyISAM",
		"--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", port), "--skip-log-bin",
		"--socket=" + p.Path("socket"), "--pid-file=" + p.Path("pid"),
		"--ssl-cert=" + p.Path("cert.pem"), "--ssl-key=" + p.Path("key.pem"),
		"--ssl-ca=" + p.Path("ca.pem"),
	}, options...)...)
	cmd.SysProcAttr, cmd.Dir = p.Give(t), p.Dir
	Start(t, cmd)
}

// Redis starts a server at the port, which demands certificates of clients if mutual is set.
func Redis(t *testing.T, p *Place, port int, mutual bool) {
	clients := "no"
	if mutual {
		clients = "yes"
	}
	Start(t, exec.Command("redis-server", "--port", "0", "--tls-port", fmt.Sprint(port),
		"--bind", "127.0.0.1", "--dir", p.Dir, "--save", "", "--appendonly", "no",
		"--tls-cert-file", p.Path("cert.pem"), "--tls-key-file", p.Path("key.pem"),
		"--tls-ca-cert-file", p.Path("ca.pem"), "--tls-auth-clients", clients))
}
