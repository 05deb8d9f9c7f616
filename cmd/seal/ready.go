package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// listening tells that connections are served now, and how to make one.
type listening struct {
	Address  string   `json:"address"` // the true one, with the port that was chosen
	Names    []string `json:"names"`   // that the certificate is for
	NotAfter string   `json:"not_after"`
	Pin      string   `json:"pin"`
	RootFile string   `json:"root_file,omitempty"` // to give to clients, if it is known
	Commands []string `json:"commands,omitempty"`  // that connect
}

func (*listening) event() string { return "listening" }

func (l *listening) text() string {
	text := fmt.Sprintf("seal: listening on %s with a certificate for %s, until %s",
		l.Address, strings.Join(l.Names, ", "), l.NotAfter)
	if len(l.Commands) > 0 {
		text += "\nconnect with:\n  " + strings.Join(l.Commands, "\n  ")
	}
	return text
}

// listeningOf describes a listener. certFile is what --cert named; ca is the
// local authority if the certificate is its own.
func listeningOf(a address.Address, at net.Addr, id *identity.Identity, certFile string, ca *authority.Authority, http bool) *listening {
	l := &listening{
		Address:  addressText(at),
		Names:    namesOf(id.Leaf),
		NotAfter: day(id.Leaf.NotAfter),
		Pin:      trust.PinOf(id.Leaf).String(),
	}
	switch {
	case ca != nil:
		l.RootFile = ca.RootFile()
	case selfMade(id):
		l.RootFile = certFile
	}
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		if at.Network() == "unix" {
			l.Commands = []string{calledAs() + " connect" + l.trusted(ca, " --ca ", " --pin ") + " " + quoted(l.Address)}
		}
		return l
	}
	host, port := reachable(a, tcp)
	l.Commands = l.overTCP(host, port, id, ca, http)
	return l
}

// selfMade reports whether the chain ends in a certificate that signed itself, so
// that the file it came from can stand for the authority.
func selfMade(id *identity.Identity) bool {
	return len(id.Chain) == 1 && bytes.Equal(id.Leaf.RawIssuer, id.Leaf.RawSubject)
}

// reachable returns host and port that a client on this machine can use.
func reachable(a address.Address, at *net.TCPAddr) (host string, port int) {
	host = a.Host()
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return host, at.Port
}

// overTCP lists commands that connect, each ready to be pasted into a shell.
func (l *listening) overTCP(host string, port int, id *identity.Identity, ca *authority.Authority, http bool) []string {
	name := l.provable(host, id)
	to := net.JoinHostPort(host, fmt.Sprint(port))
	var as, verify, sni string
	if name != host {
		as = " --name " + name
	}
	if _, err := netip.ParseAddr(name); err == nil {
		verify = " -verify_ip " + name
	} else {
		verify, sni = " -verify_hostname "+name, " -servername "+name
	}
	root := l.RootFile
	if root == "" {
		root = "ROOT.pem"
	}
	commands := []string{
		calledAs() + " connect" + l.trusted(ca, " --ca ", " --pin ") + as + " " + to,
		"openssl s_client -quiet -verify_return_error -CAfile " + quoted(root) + verify + sni + " -connect " + to,
		python(root, host, port, name, http),
	}
	if http {
		curl := "curl --cacert " + quoted(root)
		if name != host {
			curl += fmt.Sprintf(" --connect-to %s:%d:%s", name, port, to)
		}
		commands = append(commands, curl+" https://"+net.JoinHostPort(name, fmt.Sprint(port))+"/")
	}
	return commands
}

// provable is the name that a client should ask for: the host, if the certificate
// has it, else the first that the certificate has.
func (l *listening) provable(host string, id *identity.Identity) string {
	if trust.MatchName(id.Leaf, host) == nil {
		return host
	}
	for _, n := range l.Names {
		if !strings.ContainsAny(n, "*@/") {
			return n
		}
	}
	return host
}

// trusted is what seal needs to accept the certificate: nothing if the local
// authority is there anyway.
func (l *listening) trusted(ca *authority.Authority, byFile, byPin string) string {
	switch {
	case ca != nil:
		return ""
	case l.RootFile != "":
		return byFile + quoted(l.RootFile)
	}
	return byPin + l.Pin
}

// python is a line that sends a line and prints what comes back.
func python(root, host string, port int, name string, http bool) string {
	line := "hello\\n"
	if http {
		line = "GET / HTTP/1.0\\r\\n\\r\\n"
	}
	code := fmt.Sprintf(`import socket, ssl; c = ssl.create_default_context(cafile=%q).wrap_socket(socket.create_connection((%q, %d)), server_hostname=%q); c.sendall(b"%s"); print(c.recv(4096).decode())`,
		root, host, port, name, line)
	return "python3 -c " + quoted(code)
}

// calledAs is this program as it was called: a path stays one, since the shell may
// not find it otherwise.
func calledAs() string {
	if name := os.Args[0]; strings.ContainsAny(name, `/\`) {
		return quoted(name)
	}
	return "seal"
}

// quoted makes text one word for a shell.
func quoted(text string) string {
	safe := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-:@%+=,", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
