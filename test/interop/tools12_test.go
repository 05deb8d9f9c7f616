package interop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/iana"
)

// The programs of three projects, with options for TLS 1.2.

// openssl12 returns the options that s_client and s_server share.
func openssl12(s *scenario, argv []string, tool string) []string {
	args := append(slices.Clone(argv), tool, "-CAfile", file("ca.pem"), "-verify_return_error")
	if !s.v12.ranged {
		args = append(args, "-tls1_2")
	}
	if s.group != 0 {
		args = append(args, "-groups", opensslGroups[s.group])
	}
	if s.suite != 0 {
		list := opensslSuite(s.suite)
		if strings.Contains(list, "CCM8") {
			list += ":@SECLEVEL=0" // its tag is too short for more
		}
		args = append(args, "-cipher", list)
	}
	if s.alpn != "" {
		args = append(args, "-alpn", s.alpn)
	}
	if s.withPSK() {
		args = append(args, "-psk", pskKey, "-psk_identity", pskIdentity)
	}
	if s.v12.resume == "ID" {
		args = append(args, "-no_ticket")
	}
	if s.v12.separate {
		args = append(args, "-no_ems")
	}
	if s.v12.exporter {
		args = append(args, "-keymatexport", exporterLabel, "-keymatexportlen", strconv.Itoa(exporterLen))
	}
	return args
}

// talks reports whether the program must print more than the received data.
func (v *tls12) talks() bool { return v.staple || v.exporter || v.renegotiate }

func opensslClient12(s *scenario, port int, argv []string) command {
	args := append(openssl12(s, argv, "s_client"), "-connect", "127.0.0.1:"+strconv.Itoa(port), "-servername", serverName)
	if !s.withPSK() {
		args = append(args, "-verify_hostname", serverName)
	}
	if s.clientKey != "" {
		args = append(args, "-cert", file(s.clientKey+".pem"), "-key", file(s.clientKey+".key"))
	}
	if s.v12.staple {
		args = append(args, "-status")
	}
	if s.v12.talks() {
		c := command{args: args, chatty: true, stapled: "OCSP Response Status: successful"}
		if s.v12.renegotiate {
			c.update = "R\n"
		}
		return c
	}
	args = append(args, "-quiet", "-no_ign_eof")
	if s.v12.resume == "" {
		return command{args: args}
	}
	session := file(fmt.Sprintf("session-%d", port))
	next := &command{args: append(slices.Clone(args), "-sess_in", session)}
	return command{args: append(args, "-sess_out", session), next: next}
}

func opensslServer12(s *scenario, port int, argv []string) command {
	args := append(openssl12(s, argv, "s_server"), "-accept", "127.0.0.1:"+strconv.Itoa(port), "-naccept", strconv.Itoa(s.connections()))
	if s.withPSK() {
		args = append(args, "-nocert")
		if s.v12.hint != "" {
			args = append(args, "-psk_hint", s.v12.hint)
		}
	} else {
		args = append(args, "-cert", file(s.serverKey()+".pem"), "-key", file(s.serverKey()+".key"))
	}
	if s.clientKey != "" {
		args = append(args, "-Verify", "1")
	}
	if s.v12.staple {
		args = append(args, "-status_file", file("staple.der"))
	}
	if !s.v12.talks() {
		return command{args: append(args, "-quiet"), loop: true}
	}
	c := command{args: args, loop: true, chatty: true}
	switch {
	case s.v12.late:
		c.update = "R\n"
	case s.v12.renegotiate:
		c.update = "r\n"
	}
	return c
}

// gnutls12 returns the options that gnutls-cli and gnutls-serv share.
func gnutls12(s *scenario, prefix []string, tool string, port int) []string {
	priority := "NORMAL"
	if !s.v12.ranged {
		priority += ":-VERS-ALL:+VERS-TLS1.2"
	}
	if s.group != 0 {
		priority += ":-GROUP-ALL:+GROUP-" + gnutlsGroups[s.group]
	}
	if s.suite != 0 {
		kx, cipher := suiteParts(s.suite)
		priority += ":-KX-ALL:+" + kx + ":-CIPHER-ALL:+" + cipher
	}
	if s.v12.separate {
		priority += ":%NO_SESSION_HASH"
	}
	args := append(slices.Clone(prefix), tool, "--port", strconv.Itoa(port), "--priority", priority, "--x509cafile", file("ca.pem"))
	if s.alpn != "" {
		args = append(args, "--alpn", s.alpn)
	}
	if s.v12.resume == "ID" {
		args = append(args, "--noticket")
	}
	if s.v12.exporter {
		args = append(args, "--keymatexport", exporterLabel, "--keymatexportsize", strconv.Itoa(exporterLen))
	}
	return args
}

// suiteParts are the key exchange and the cipher of a suite, by GnuTLS's names:
// those of the registry, but for the hash.
func suiteParts(id iana.CipherSuite) (kx, cipher string) {
	kx, cipher, _ = strings.Cut(strings.TrimPrefix(id.String(), "TLS_"), "_WITH_")
	cipher = strings.TrimSuffix(strings.TrimSuffix(cipher, "_SHA256"), "_SHA384")
	return strings.ReplaceAll(kx, "_", "-"), strings.ReplaceAll(cipher, "_", "-")
}

func gnutlsClient12(s *scenario, port int, prefix []string) command {
	args := append(gnutls12(s, prefix, "gnutls-cli", port), "--logfile", "/dev/stderr", "--sni-hostname", serverName, "--verify-hostname", serverName)
	if s.clientKey != "" {
		args = append(args, "--x509certfile", file(s.clientKey+".pem"), "--x509keyfile", file(s.clientKey+".key"))
	}
	if s.withPSK() {
		args = append(args, "--pskusername", pskIdentity, "--pskkey", pskKey)
	}
	if s.v12.resume != "" {
		args = append(args, "--resume")
	}
	if s.v12.unique {
		args = append(args, "--verbose")
	}
	c := command{stapled: " OCSP status request,"}
	if s.v12.renegotiate {
		args, c.update = append(args, "--inline-commands"), "^renegotiate^\n"
	}
	c.args = append(args, "127.0.0.1")
	return c
}

func gnutlsServer12(s *scenario, port int, prefix []string) command {
	args := append(gnutls12(s, prefix, "gnutls-serv", port), "--echo")
	if s.withPSK() {
		args = append(args, "--pskpasswd", file("gnutls.psk"))
		if s.v12.hint != "" {
			args = append(args, "--pskhint", s.v12.hint)
		}
	} else {
		args = append(args, "--x509certfile", file(s.serverKey()+".pem"), "--x509keyfile", file(s.serverKey()+".key"))
	}
	if s.v12.staple {
		args = append(args, "--ocsp-response", file("staple.der"))
	}
	if s.clientKey != "" {
		args = append(args, "--require-client-cert", "--verify-client-cert")
	} else {
		args = append(args, "--disable-client-cert")
	}
	c := command{args: args, chatty: s.v12.exporter || s.v12.unique}
	if s.v12.renegotiate {
		c.asks = "**REHANDSHAKE**\n"
	}
	return c
}

// nss12 returns the options that tstclnt and selfserv share.
func nss12(s *scenario, tool string, port int) []string {
	versions := "tls1.2:tls1.2"
	if s.v12.ranged {
		versions = "tls1.2:tls1.3"
	}
	args := []string{tool, "-p", strconv.Itoa(port), "-d", "sql:" + file("nss"), "-V", versions, "-G"}
	if s.suite != 0 {
		args = append(args, "-c", fmt.Sprintf(":%04X", uint16(s.suite)))
	}
	if s.group != 0 {
		args = append(args, "-I", nssGroups[s.group])
	}
	if s.v12.resume == "ticket" {
		args = append(args, "-u")
	}
	if s.v12.scheme != 0 {
		args = append(args, "-J", s.v12.scheme.String()+",ecdsa_secp256r1_sha256")
	} else if s.clientKey == "pss" {
		args = append(args, "-J", "rsa_pss_pss_sha256,ecdsa_secp256r1_sha256")
	}
	if s.v12.exporter {
		args = append(args, "-x", fmt.Sprintf("%s:%d", exporterLabel, exporterLen))
	}
	return args
}

func nssClient12(s *scenario, port int) command {
	args := append(nss12(s, "tstclnt", port), "-h", "127.0.0.1", "-a", serverName, "-A", file("hello"))
	if s.clientKey != "" {
		args = append(args, "-n", s.clientKey)
	}
	if s.v12.resume != "" {
		args = append(args, "-L", "2")
	}
	if s.v12.renegotiate {
		args = append(args, "-r", "1")
	}
	if s.v12.staple {
		args = append(args, "-T")
	}
	c := command{args: args, whole: true, waits: true, stapled: "Received 1 Cert Status items"}
	c.chatty = s.v12.resume != "" || s.v12.exporter // the echo is printed twice, or more output follows
	return c
}

func nssServer12(s *scenario, port int) command {
	args := append(nss12(s, "selfserv", port), "-w", "", "-n", s.serverKey())
	if s.clientKey != "" {
		args = append(args, "-r", "-r")
	}
	if s.v12.renegotiate {
		args = append(args, "-r", "-r", "-r") // with a request for a certificate
	}
	if s.v12.late {
		args = append(args, "-r") // which is required
	}
	if s.alpn != "" {
		args = append(args, "-Q")
	}
	if s.v12.staple {
		args = append(args, "-T", "good", "-A", "ca")
	}
	c := command{args: args, http: true, ownStaple: true}
	if s.v12.exporter {
		c.args, c.chatty = append([]string{"stdbuf", "-oL"}, args...), true
	}
	if s.v12.renegotiate {
		c.asks = "GET / HTTP/1.0\r\n\r\n"
	}
	return c
}
