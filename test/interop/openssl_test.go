package interop

import (
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/iana"
)

var opensslGroups = map[iana.NamedGroup]string{
	iana.X25519: "X25519", iana.SecP256r1: "P-256", iana.SecP384r1: "P-384", iana.SecP521r1: "P-521",
	iana.X25519MLKEM768: "X25519MLKEM768", iana.SecP256r1MLKEM768: "SecP256r1MLKEM768", iana.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
	iana.X448: "X448", iana.FFDHE2048: "ffdhe2048",
	iana.MLKEM768: "MLKEM768", iana.MLKEM1024: "MLKEM1024",
}

// withoutPostQuantum returns the gaps of a program that lacks ML-KEM and ML-DSA, with its
// other gaps.
func withoutPostQuantum(more map[string]string) map[string]string {
	without := map[string]string{}
	for _, s := range scenarios {
		switch {
		case strings.Contains(s.name, "MLKEM"):
			without[s.name] = "no ML-KEM in this version"
		case strings.HasPrefix(s.name, "ML-DSA"):
			without[s.name] = "no ML-DSA in this version"
		}
	}
	for name, why := range more {
		without[name] = why
	}
	return without
}

// The OpenSSL of the system, and that of a newer system.
var (
	openssl30 = openssl("OpenSSL 3.0", withoutPostQuantum(nil), openssl30Without12, "openssl")
	openssl35 = openssl("OpenSSL 3.5", map[string]string{}, openssl35Without12, newer(), "openssl")
)

// openssl makes the program of one installation.
func openssl(name string, without, without12 map[string]string, argv ...string) *program {
	common := func(s *scenario, tool string) []string {
		args := append(append([]string{}, argv...), tool, "-tls1_3", "-CAfile", file("ca.pem"), "-verify_return_error")
		if s.group != 0 && (tool == "s_server" || !s.retry) {
			args = append(args, "-groups", opensslGroups[s.group])
		}
		if s.suite != 0 {
			args = append(args, "-ciphersuites", s.suite.String())
		}
		if s.alpn != "" {
			args = append(args, "-alpn", s.alpn)
		}
		if s.plain {
			args = append(args, "-no_middlebox")
		}
		return args
	}
	return &program{
		name:    name,
		prefix:  argv,
		without: without, without12: without12,
		find: func() (string, error) { return output(argv[0], append(argv[1:], "version")...) },
		client: func(s *scenario, port int) command {
			if s.v12 != nil {
				return opensslClient12(s, port, argv)
			}
			args := append(common(s, "s_client"), "-connect", "127.0.0.1:"+strconv.Itoa(port), "-servername", serverName,
				"-verify_hostname", serverName)
			if s.clientKey != "" {
				args = append(args, "-cert", file(s.clientKey+".pem"), "-key", file(s.clientKey+".key"))
			}
			if s.keyUpdate {
				return command{args: args, chatty: true, update: "K\n", updated: "KEYUPDATE"}
			}
			return command{args: append(args, "-quiet", "-no_ign_eof")}
		},
		server: func(s *scenario, port int) command {
			if s.v12 != nil {
				return opensslServer12(s, port, argv)
			}
			args := append(common(s, "s_server"), "-accept", "127.0.0.1:"+strconv.Itoa(port), "-naccept", "1",
				"-cert", file(s.serverKey()+".pem"), "-key", file(s.serverKey()+".key"))
			if s.clientKey != "" {
				args = append(args, "-Verify", "1")
			}
			if s.keyUpdate {
				// -msg makes it print each message immediately; otherwise it waits
				// for more.
				updated := ">>> TLS 1.3, Handshake [length 0005], KeyUpdate"
				return command{args: append(args, "-msg"), loop: true, chatty: true, update: "K\n", updated: updated}
			}
			return command{args: append(args, "-quiet"), loop: true}
		},
	}
}
