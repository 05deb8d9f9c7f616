//go:build !windows

package starttls

import (
	"cmp"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/starttls"
)

var update = flag.Bool("update", false, "write docs/starttls.md")

// specifications has the document of each protocol's upgrade.
var specifications = map[string]string{
	"ftp":         "RFC 4217",
	"imap":        "RFC 9051, Section 6.2.1",
	"irc":         "the tls capability of IRCv3",
	"ldap":        "RFC 4511, Section 4.14",
	"lmtp":        "RFC 2033, RFC 3207",
	"mysql":       "the client/server protocol of MySQL, SSLRequest",
	"nats":        "the client protocol of NATS",
	"nntp":        "RFC 4642",
	"pop3":        "RFC 2595, Section 4",
	"postgres":    "the frontend/backend protocol of PostgreSQL, SSLRequest",
	"rdp":         "[MS-RDPBCGR], Section 2.2.1.1",
	"sieve":       "RFC 5804, Section 2.2",
	"smtp":        "RFC 3207",
	"xmpp":        "RFC 6120, Section 5",
	"xmpp-server": "RFC 6120, Section 5",
}

const introduction = `# Package starttls and other programs

Written by ` + "`go test ./test/starttls -update`" + `. CI runs the programs, all of Debian:
` + "`make peers`" + ` installs them, and the test starts each server with its own configuration,
without root where the server allows it. Each entry stands for a connection that one side
upgraded and the other accepted, whose certificate was verified, and over which a command of
the protocol was answered.

| protocol | specification | servers, with starttls.Client | clients, with starttls.Server |
|---|---|---|---|
`

const remarks = `
- RDP: no client of Debian upgrades without a display. starttls.Server is tested with messages
  that are written from [MS-RDPBCGR] instead.
- postfix runs only as root. The test of it is left out, with a message, for another user.
- curl 7.88 with ` + "`--ssl-reqd`" + ` continues in plaintext after StartTLS of LDAP. The server
  refuses what it sends.
- ldapsearch demands the name of the machine in the certificate of localhost: use an address.
- inspircd, prosody, PostgreSQL, MariaDB and xrdp run as nobody if the test runs as root.
`

// document returns docs/starttls.md.
func document() string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, name := range starttls.Protocols() {
		var from, to []string
		for i := range servers {
			if slices.Contains(servers[i].protocols, name) {
				from = append(from, servers[i].name)
			}
		}
		for i := range clients {
			if slices.Contains(clients[i].protocols, name) {
				to = append(to, clients[i].name)
			}
		}
		row := []string{name, specifications[name], strings.Join(from, ", "),
			cmp.Or(strings.Join(to, ", "), "–")}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	b.WriteString(remarks)
	return b.String()
}

// TestDocument checks that each protocol has a server, and that the document is what the
// tables make.
func TestDocument(t *testing.T) {
	for _, name := range starttls.Protocols() {
		if specifications[name] == "" || proofs[name] == nil || !slices.ContainsFunc(servers,
			func(s server) bool { return slices.Contains(s.protocols, name) }) {
			t.Errorf("%s: no specification, proof or server", name)
		}
	}
	const file = "../../docs/starttls.md"
	if *update {
		if err := os.WriteFile(file, []byte(document()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != document() {
		t.Errorf("%s is not what the tables make (%v): go test ./test/starttls -update", file, err)
	}
}
