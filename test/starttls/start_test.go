//go:build !windows

package starttls

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

func startPostfix(t *testing.T, p *place, ports []int) {
	p.folder("queue")
	p.folder("postfix")
	p.write("postfix/main.cf", p.fill(`compatibility_level = 3.6
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
	p.write("postfix/master.cf", p.fill(`127.0.0.1:{port} inet n - n - - smtpd
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
postlog unix-dgram n - n - 1 postlogd
`, ports[0]))
	start(t, exec.Command("/usr/sbin/postfix", "-c", p.path("postfix"), "start-fg"))
	// The master process is in a session of its own, which the end of start-fg leaves.
	t.Cleanup(func() {
		pid, err := os.ReadFile(p.path("queue/pid/master.pid"))
		if err != nil {
			t.Fatal(err)
		}
		master, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		if err != nil {
			t.Fatal(err)
		}
		run(t, exec.Command("/usr/sbin/postfix", "-c", p.path("postfix"), "abort"))
		end := time.Now().Add(patience)
		for syscall.Kill(master, 0) == nil {
			if time.Now().After(end) {
				t.Fatalf("the master process %d does not end", master)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

func startDovecot(t *testing.T, p *place, ports []int) {
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
	config := fmt.Sprintf(`base_dir = {dir}/run
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
  args = uid=nobody gid=nogroup home={dir}/home
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
`, ports[0], ports[1], ports[2], ports[3])
	p.folder("run")
	p.folder("state")
	p.write("dovecot.conf", p.fill(settings+config, 0))
	start(t, exec.Command("/usr/sbin/dovecot", "-F", "-c", p.path("dovecot.conf")))
}

func startVsftpd(t *testing.T, p *place, ports []int) {
	p.folder("empty")
	conf := p.write("vsftpd.conf", p.fill(`listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
run_as_launching_user=YES
seccomp_sandbox=NO
secure_chroot_dir={dir}/empty
anonymous_enable=YES
xferlog_enable=NO
ssl_enable=YES
allow_anon_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file={dir}/cert.pem
rsa_private_key_file={dir}/key.pem
`, ports[0]))
	start(t, exec.Command("/usr/sbin/vsftpd", conf))
}

func startSlapd(t *testing.T, p *place, ports []int) {
	conf := p.write("slapd.conf", p.fill(`TLSCertificateFile {dir}/cert.pem
TLSCertificateKeyFile {dir}/key.pem
TLSCACertificateFile {dir}/ca.pem
`, 0))
	start(t, exec.Command("/usr/sbin/slapd", "-d", "0", "-f", conf, "-h",
		fmt.Sprintf("ldap://127.0.0.1:%d", ports[0])))
}

// postgresTool returns the path of a tool of PostgreSQL's server, which is not in PATH.
func postgresTool(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}

func startPostgres(t *testing.T, p *place, ports []int) {
	p.folder("data")
	attributes := p.give(t)
	cmd := exec.Command(postgresTool("initdb"), "-D", p.path("data"), "-U", "postgres",
		"-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
	cmd.SysProcAttr, cmd.Dir = attributes, p.dir
	run(t, cmd)
	if err := os.Chmod(p.path("data"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(postgresTool("postgres"), "-D", p.path("data"), "-p", fmt.Sprint(ports[0]),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_cert_file="+p.path("cert.pem"),
		"-c", "ssl_key_file="+p.path("key.pem"))
	cmd.SysProcAttr, cmd.Dir = attributes, p.dir
	start(t, cmd)
}

func startMariaDB(t *testing.T, p *place, ports []int) {
	p.folder("data")
	cmd := exec.Command("/usr/sbin/mariadbd", "--no-defaults", "--datadir="+p.path("data"),
		"--skip-grant-tables", "--skip-innodb", "--default-storage-engine=MyISAM",
		"--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", ports[0]), "--skip-log-bin",
		"--socket="+p.path("socket"), "--pid-file="+p.path("pid"),
		"--ssl-cert="+p.path("cert.pem"), "--ssl-key="+p.path("key.pem"), "--ssl-ca="+p.path("ca.pem"))
	cmd.SysProcAttr, cmd.Dir = p.give(t), p.dir
	start(t, cmd)
}

func startProsody(t *testing.T, p *place, ports []int) {
	p.folder("data")
	conf := p.write("prosody.cfg.lua", p.fill(fmt.Sprintf(`pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
daemonize = false
log = { info = "*console" }
modules_enabled = { "tls", "saslauth", "dialback" }
modules_disabled = { "s2s_auth_certs" }
c2s_require_encryption = true
s2s_require_encryption = true
authentication = "internal_hashed"
interfaces = { "127.0.0.1" }
c2s_ports = { %d }
s2s_ports = { %d }
certificates = "{dir}"
ssl = { certificate = "{dir}/cert.pem", key = "{dir}/key.pem" }
c2s_ssl = ssl
s2s_ssl = ssl
VirtualHost "localhost"
ssl = { certificate = "{dir}/cert.pem", key = "{dir}/key.pem" }
`, ports[0], ports[1]), 0))
	cmd := exec.Command("/usr/bin/prosody", "-F", "--config", conf)
	cmd.SysProcAttr, cmd.Dir = p.give(t), p.dir
	start(t, cmd)
}

// peersDir is the folder in which scripts/peers.sh unpacks what it does not install.
func peersDir() string {
	if dir := os.Getenv("SEALSOCK_PEERS_DIR"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), ".cache")
	}
	return filepath.Join(dir, "sealsock", "peers")
}

// nnrpd is the path of INN's server for readers. scripts/peers.sh unpacks INN, because
// its installation fails on a machine whose name has no domain.
func nnrpd() string {
	for _, root := range []string{"/", filepath.Join(peersDir(), "inn2")} {
		if path := filepath.Join(root, "usr/lib/news/bin/nnrpd"); isFile(path) {
			return path
		}
	}
	return "nnrpd"
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func startNNRPD(t *testing.T, p *place, ports []int) {
	for _, name := range []string{"db", "etc", "tmp", "spool", "run"} {
		p.folder(name)
	}
	p.write("db/active", "control 0000000000 0000000001 n\n")
	p.write("db/newsgroups", "")
	p.write("spool/group.index", "")
	p.write("etc/readers.conf", `auth all {
  hosts: "*"
  default: "reader"
}
access all {
  users: "*"
  newsgroups: "*"
}
`)
	p.write("etc/storage.conf", "method timehash {\n newsgroups: *\n class: 0\n}\n")
	own := "runasuser: nobody\nrunasgroup: nogroup\n"
	if os.Getuid() != 0 {
		if u, err := user.Current(); err == nil {
			own = "runasuser: " + u.Username + "\n"
			if g, err := user.LookupGroupId(u.Gid); err == nil {
				own += "runasgroup: " + g.Name + "\n"
			}
		}
	}
	program := nnrpd()
	own += "pathbin: " + filepath.Dir(program) + "\n"
	conf := p.write("etc/inn.conf", p.fill(own+`organization: "test"
domain: localhost
pathhost: news.localhost
server: localhost
mta: "/bin/false %s"
nnrpdloadlimit: 0
hismethod: hisv6
enableoverview: true
ovmethod: tradindexed
pathnews: {dir}
pathdb: {dir}/db
pathetc: {dir}/etc
pathrun: {dir}/run
pathtmp: {dir}/tmp
pathlog: {dir}/tmp
pathspool: {dir}/spool
patharticles: {dir}/spool
pathoverview: {dir}/spool
tlscertfile: {dir}/cert.pem
tlskeyfile: {dir}/key.pem
tlscafile: {dir}/ca.pem
`, 0))
	cmd := exec.Command(program, "-D", "-f", "-b", "127.0.0.1", "-p", fmt.Sprint(ports[0]),
		"-c", p.path("etc/readers.conf"))
	p.give(t)
	cmd.Env = append(os.Environ(), "INNCONF="+conf,
		"LD_LIBRARY_PATH="+filepath.Dir(filepath.Dir(program)))
	start(t, cmd)
}

const ircName = "irc.localhost"

func startInspIRCd(t *testing.T, p *place, ports []int) {
	conf := p.write("inspircd.conf", p.fill(`
<server name="irc.localhost" description="-" network="-">
<admin name="test" nick="test" email="test@localhost">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="all" allow="*" resolvehostnames="no" useident="no" threshold="100" timeout="60">
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="seal" provider="gnutls" certfile="{dir}/cert.pem"
 keyfile="{dir}/key.pem" cafile="" crlfile="">
<starttls provider="seal">
<dns server="127.0.0.1" timeout="1">
<pid file="{dir}/inspircd.pid">
<files motd="{dir}/motd">
<path datadir="{dir}" logdir="{dir}" runtimedir="{dir}">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{dir}/ircd.log">
`, ports[0]))
	p.write("motd", "test\n")
	cmd := exec.Command("/usr/sbin/inspircd", "--nofork", "--config", conf)
	cmd.SysProcAttr, cmd.Dir = p.give(t), p.dir
	start(t, cmd)
}

func startNATS(t *testing.T, p *place, ports []int) {
	start(t, exec.Command("/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", fmt.Sprint(ports[0]),
		"--tls", "--tlscert", p.path("cert.pem"), "--tlskey", p.path("key.pem")))
}

func startXrdp(t *testing.T, p *place, ports []int) {
	conf := p.write("xrdp.ini", p.fill(`[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{port}
security_layer=tls
crypt_level=high
certificate={dir}/cert.pem
key_file={dir}/key.pem
ssl_protocols=TLSv1.2, TLSv1.3
max_bpp=32
[Logging]
LogFile={dir}/xrdp.log
LogLevel=DEBUG
EnableSyslog=0
EnableConsole=1
ConsoleLevel=DEBUG
[Xorg]
name=Xorg
lib=libxup.so
username=ask
password=ask
port=-1
code=20
`, ports[0]))
	cmd := exec.Command("/usr/sbin/xrdp", "-n", "-c", conf)
	cmd.SysProcAttr, cmd.Dir = p.give(t), p.dir
	start(t, cmd)
}
