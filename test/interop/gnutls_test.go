package interop

import (
	"strconv"

	"github.com/sealsock/sealsock/iana"
)

var (
	gnutlsGroups = map[iana.NamedGroup]string{
		iana.X25519: "X25519", iana.SecP256r1: "SECP256R1", iana.SecP384r1: "SECP384R1", iana.SecP521r1: "SECP521R1",
		iana.X25519MLKEM768: "X25519-MLKEM768", iana.SecP256r1MLKEM768: "SECP256R1-MLKEM768", iana.SecP384r1MLKEM1024: "SECP384R1-MLKEM1024",
		iana.X448: "X448", iana.FFDHE2048: "FFDHE2048",
	}
	gnutlsSuites = map[iana.CipherSuite]string{
		iana.TLS_AES_128_GCM_SHA256: "AES-128-GCM", iana.TLS_AES_256_GCM_SHA384: "AES-256-GCM",
		iana.TLS_CHACHA20_POLY1305_SHA256: "CHACHA20-POLY1305",
		iana.TLS_AES_128_CCM_SHA256:       "AES-128-CCM",
	}
)

// The GnuTLS of the system, and that of a newer system.
var (
	gnutls37 = gnutls("GnuTLS 3.7", withoutPostQuantum(nil), gnutls37Without12)
	gnutls38 = gnutls("GnuTLS 3.8", withoutPostQuantum(nil), gnutls38Without12, newer())
)

// gnutls makes the pair of programs of one installation. prefix comes before
// the program's name.
func gnutls(name string, without, without12 map[string]string, prefix ...string) *program {
	without["server key update"] = "gnutls-serv has no command for it"
	common := func(s *scenario, tool string, port int) []string {
		priority := "NORMAL:-VERS-ALL:+VERS-TLS1.3"
		if s.group != 0 && (tool == "gnutls-serv" || !s.retry) {
			priority += ":-GROUP-ALL:+GROUP-" + gnutlsGroups[s.group]
		}
		if s.suite != 0 {
			priority += ":-CIPHER-ALL:+" + gnutlsSuites[s.suite]
		}
		if s.plain {
			priority += ":%DISABLE_TLS13_COMPAT_MODE"
		}
		args := append(append([]string{}, prefix...), tool, "--port", strconv.Itoa(port), "--priority", priority, "--x509cafile", file("ca.pem"))
		if s.alpn != "" {
			args = append(args, "--alpn", s.alpn)
		}
		return args
	}
	return &program{
		name:    name,
		prefix:  prefix,
		without: without, without12: without12,
		find: func() (string, error) {
			argv := append(append([]string{}, prefix...), "gnutls-cli", "--version")
			return output(argv[0], argv[1:]...)
		},
		client: func(s *scenario, port int) command {
			if s.v12 != nil {
				return gnutlsClient12(s, port, prefix)
			}
			args := append(common(s, "gnutls-cli", port), "--logfile", "/dev/stderr", "--sni-hostname", serverName, "--verify-hostname", serverName)
			if s.clientKey != "" {
				args = append(args, "--x509certfile", file(s.clientKey+".pem"), "--x509keyfile", file(s.clientKey+".key"))
			}
			if s.keyUpdate {
				return command{args: append(args, "--inline-commands", "127.0.0.1"), update: "^rekey^\n"}
			}
			return command{args: append(args, "127.0.0.1")}
		},
		server: func(s *scenario, port int) command {
			if s.v12 != nil {
				return gnutlsServer12(s, port, prefix)
			}
			args := append(common(s, "gnutls-serv", port), "--echo", "--x509certfile", file(s.serverKey()+".pem"), "--x509keyfile", file(s.serverKey()+".key"))
			if s.clientKey != "" {
				args = append(args, "--require-client-cert", "--verify-client-cert")
			} else {
				args = append(args, "--disable-client-cert")
			}
			return command{args: args}
		},
	}
}
