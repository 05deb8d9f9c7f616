package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"github.com/sealsock/sealsock/iana"
)

// nss is the pair of test programs of Mozilla's library.
var nss = &program{
	name: "NSS",
	find: func() (string, error) {
		for _, tool := range []string{"tstclnt", "selfserv", "certutil", "pk12util"} {
			if _, err := exec.LookPath(tool); err != nil {
				return "", fmt.Errorf("no %s here", tool)
			}
		}
		return "tstclnt and selfserv", nssDatabase()
	},
	client: func(s *scenario, port int) command {
		if s.v12 != nil {
			return nssClient12(s, port)
		}
		// Its input is a file, because it does not see the end of a pipe.
		args := append(nssArgs("tstclnt", s, port), "-h", "127.0.0.1", "-a", serverName, "-A", file("hello"))
		if s.group != 0 && !s.retry {
			args = append(args, "-I", nssGroups[s.group])
		}
		if s.clientKey != "" {
			args = append(args, "-n", s.clientKey)
		}
		return command{args: args, whole: true, waits: true}
	},
	server: func(s *scenario, port int) command {
		if s.v12 != nil {
			return nssServer12(s, port)
		}
		args := append(nssArgs("selfserv", s, port), "-w", "", "-n", s.serverKey())
		if s.group != 0 {
			args = append(args, "-I", nssGroups[s.group])
		}
		if s.clientKey != "" {
			args = append(args, "-r", "-r")
		}
		if s.alpn != "" {
			args = append(args, "-Q")
		}
		return command{args: args, http: true}
	},
	without12: nssWithout12,
	without: withoutPostQuantum(map[string]string{
		"X448":                       "no X448",
		"AES-128-CCM":                "no AES-CCM in its TLS",
		"Ed25519 certificate":        "no Ed25519 in this version",
		"Ed25519 client certificate": "no Ed25519 in this version",
		"client ALPN":                "tstclnt has no setting for it",
		"no compatibility mode":      "no setting for it",
		"key update":                 "no command for it",
		"key update by sealsock":     "all that is said is one record",
	}),
}

var nssGroups = map[iana.NamedGroup]string{
	iana.X25519: "x25519", iana.SecP256r1: "P256", iana.SecP384r1: "P384", iana.SecP521r1: "P521",
	iana.FFDHE2048: "FF2048",
}

func nssArgs(tool string, s *scenario, port int) []string {
	args := []string{tool, "-p", strconv.Itoa(port), "-d", "sql:" + file("nss"), "-V", "tls1.3:tls1.3"}
	if s.suite != 0 {
		args = append(args, "-c", fmt.Sprintf(":%04X", uint16(s.suite)))
	}
	return args
}

// nssDatabase imports the certificates into the database of these programs,
// each under its subject, which is the kind of its key.
var nssDatabase = sync.OnceValue(func() error {
	db := "sql:" + file("nss")
	if err := os.Mkdir(file("nss"), 0o700); err != nil {
		return err
	}
	commands := [][]string{
		{"certutil", "-N", "--empty-password", "-d", db},
		{"certutil", "-A", "-n", "ca", "-t", "CT,C,", "-d", db, "-i", file("ca.pem")},
	}
	write("hello", []byte(strings.Repeat(hello, lines)))
	// Its server signs OCSP responses by itself, with the authority's key.
	for _, name := range []string{"ca", "pss"} { // and crypto/x509 writes no key for PSS alone
		commands = append(commands, []string{"openssl", "pkcs12", "-export", "-in", file(name + ".pem"), "-inkey", file(name + ".key"),
			"-name", name, "-passout", "pass:interop", "-out", file(name + ".p12")}, nssImport(name))
	}
	for kind, id := range identities {
		if kind == "ed25519" || kind == "pss" || strings.HasPrefix(kind, "mldsa") {
			continue // pk12util refuses them
		}
		p12, err := id.EncodePKCS12("interop")
		if err != nil {
			return err
		}
		write(kind+".p12", p12)
		commands = append(commands, nssImport(kind))
	}
	for _, args := range commands {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	return nil
})

// nssImport takes a key and its certificate into the database.
func nssImport(name string) []string {
	return []string{"pk12util", "-i", file(name + ".p12"), "-W", "interop", "-d", "sql:" + file("nss"), "-K", ""}
}
