//go:build !windows

package starttls

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/internal/servertest"
)

func startVsftpd(t *testing.T, p *servertest.Place, ports []int) {
	p.Folder("empty")
	conf := p.Write("vsftpd.conf", p.Fill(`listen=YES
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
	servertest.Start(t, exec.Command("/usr/sbin/vsftpd", conf))
}

func startSlapd(t *testing.T, p *servertest.Place, ports []int) {
	conf := p.Write("slapd.conf", p.Fill(`TLSCertificateFile {dir}/cert.pem
TLSCertificateKeyFile {dir}/key.pem
TLSCACertificateFile {dir}/ca.pem
`, 0))
	servertest.Start(t, exec.Command("/usr/sbin/slapd", "-d", "0", "-f", conf, "-h",
		fmt.Sprintf("ldap://127.0.0.1:%d", ports[0])))
}

func startProsody(t *testing.T, p *servertest.Place, ports []int) {
	p.Folder("data")
	conf := p.Write("prosody.cfg.lua", p.Fill(fmt.Sprintf(`pidfile = "{dir}/prosody.pid"
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
	cmd.SysProcAttr, cmd.Dir = p.Give(t), p.Dir
	servertest.Start(t, cmd)
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

func startNNRPD(t *testing.T, p *servertest.Place, ports []int) {
	for _, name := range []string{"db", "etc", "tmp", "spool", "run"} {
		p.Folder(name)
	}
	p.Write("db/active", "control 0000000000 0000000001 n\n")
	p.Write("db/newsgroups", "")
	p.Write("spool/group.index", "")
	p.Write("etc/readers.conf", `auth all {
  hosts: "*"
  default: "reader"
}
access all {
  users: "*"
  newsgroups: "*"
}
`)
	p.Write("etc/storage.conf", "method timehash {\n newsgroups: *\n class: 0\n}\n")
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
	conf := p.Write("etc/inn.conf", p.Fill(own+`organization: "test"
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
		"-c", p.Path("etc/readers.conf"))
	p.Give(t)
	cmd.Env = append(os.Environ(), "INNCONF="+conf,
		"LD_LIBRARY_PATH="+filepath.Dir(filepath.Dir(program)))
	servertest.Start(t, cmd)
}

const ircName = "irc.localhost"

func startInspIRCd(t *testing.T, p *servertest.Place, ports []int) {
	conf := p.Write("inspircd.conf", p.Fill(`
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
	p.Write("motd", "test\n")
	cmd := exec.Command("/usr/sbin/inspircd", "--nofork", "--config", conf)
	cmd.SysProcAttr, cmd.Dir = p.Give(t), p.Dir
	servertest.Start(t, cmd)
}

func startNATS(t *testing.T, p *servertest.Place, ports []int) {
	servertest.Start(t, exec.Command("/usr/sbin/nats-server",
		"-a", "127.0.0.1", "-p", fmt.Sprint(ports[0]), "--tls",
		"--tlscert", p.Path("cert.pem"), "--tlskey", p.Path("key.pem")))
}

func startXrdp(t *testing.T, p *servertest.Place, ports []int) {
	conf := p.Write("xrdp.ini", p.Fill(`[Globals]
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
	cmd.SysProcAttr, cmd.Dir = p.Give(t), p.Dir
	servertest.Start(t, cmd)
}
