package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// listening reports that connections are served now, and how to make one.
type listening struct {
	Address  string            `json:"address"`         // the true one, with the port that was chosen
	Names    []string          `json:"names,omitempty"` // that the certificate is for, if there is one
	NotAfter string            `json:"not_after,omitempty"`
	Pin      string            `json:"pin,omitempty"`
	Further  []certificateFact `json:"further_certificates,omitempty"`
	RawKey   bool              `json:"raw_key,omitempty"`    // the bare key is shown to those that take one
	Keys     int               `json:"psks,omitempty"`       // pre-shared keys
	ECH      string            `json:"ech_config,omitempty"` // for clients, in base64
	RootFile string            `json:"root_file,omitempty"`  // to give to clients, if it is known
	Commands []string          `json:"commands,omitempty"`   // that connect

	// Elsewhere is a command for other machines, which do not have the authority
	// of this one: by the key.
	Elsewhere string `json:"elsewhere,omitempty"`
}

func (*listening) event() string { return "listening" }

func (l *listening) text() string {
	var with []string
	if len(l.Pin) > 0 {
		with = append(with, fmt.Sprintf("a certificate for %s, until %s", strings.Join(l.Names, ", "), l.NotAfter))
	}
	for _, c := range l.Further {
		with = append(with, fmt.Sprintf("one for %s, until %s", strings.Join(c.Names, ", "), c.NotAfter))
	}
	if l.RawKey {
		with = append(with, "its bare key "+l.Pin)
	}
	if l.Keys > 0 {
		with = append(with, keyCount(l.Keys))
	}
	text := fmt.Sprintf("seal: listening on %s with %s", l.Address, strings.Join(with, ", and "))
	if len(l.Commands) > 0 {
		text += "\nconnect with:\n  " + strings.Join(l.Commands, "\n  ")
	}
	if l.Elsewhere != "" {
		text += "\nfrom another machine:\n  " + l.Elsewhere
	}
	return text
}

// credentials are what a listener presents to clients.
type credentials struct {
	cfg      *sealsock.Config
	done     func()               // closes what the configuration needs
	id       *identity.Identity   // nil with pre-shared keys alone
	further  []certificateFact    // of the further --cert
	files    []*identity.Reloader // what SIGHUP reads again; none if id is not from files
	certFile string               // what --cert named
	keyOnly  bool                 // a key without a certificate
	ca       *authority.Authority // the local one, if the certificate is its own
	keyFile  string               // what --psk-file named
	keys     []*engine.PSK
	ech      []byte // the ECHConfigList for clients
	http     bool
}

// listeningOf describes a listener.
func listeningOf(a address.Address, at net.Addr, o *credentials) *listening {
	l := &listening{Address: displayAddress(a, at), Keys: len(o.keys), Further: o.further}
	if len(o.ech) > 0 {
		l.ECH = base64.StdEncoding.EncodeToString(o.ech)
	}
	if o.id != nil {
		l.Names, l.NotAfter = namesOf(o.id.Leaf), day(o.id.Leaf.NotAfter)
		l.Pin, l.RawKey = trust.PinOf(o.id.Leaf).String(), o.id.RawPublicKey
		switch {
		case o.ca != nil:
			l.RootFile = o.ca.RootFile()
		case selfSigned(o.id):
			l.RootFile = o.certFile
		}
	}
	l.addCommands(a, at, o)
	return l
}

// addCommands adds the commands that connect.
func (l *listening) addCommands(a address.Address, at net.Addr, o *credentials) {
	tcp, ok := at.(*net.TCPAddr)
	switch {
	case a.Packets():
		l.Commands = l.packetCommands(a, at, o)
	case ok && isWebSocket(a):
		l.Commands = l.webSocketCommands(a, tcp, o)
	case ok && o.id == nil:
		host, port := reachable(a, tcp)
		l.Commands = pskCommands(o.keyFile, o.keys[0].Identity, net.JoinHostPort(host, fmt.Sprint(port)))
	case ok:
		host, port := reachable(a, tcp)
		l.Commands = l.tcpCommands(host, port, o)
		if name := l.externalName(tcp); o.ca != nil && name != "" {
			l.Elsewhere = "seal connect --pin " + l.Pin + " " + quoted(net.JoinHostPort(name, fmt.Sprint(port)))
		}
	case at.Network() == "unix" && o.id == nil:
		l.Commands = pskCommands(o.keyFile, o.keys[0].Identity, quoted(l.Address))[:1]
	case at.Network() == "unix":
		l.Commands = []string{programName() + " connect" + l.trusted(o.ca) + " " + quoted(l.Address)}
	}
}

// displayAddress is where a listener listens, as a user would write it: with the scheme
// that was given, which the socket's own address may not contain.
func displayAddress(a address.Address, at net.Addr) string {
	if a.Scheme() == "seqpacket" {
		return a.String()
	}
	if tcp, ok := at.(*net.TCPAddr); ok && isWebSocket(a) {
		return webSocketURL(a, tcp.IP.String(), tcp.Port)
	}
	return addressText(at)
}

// selfSigned reports whether the chain ends in a certificate that signed itself, so
// that the file it came from can stand for the authority.
func selfSigned(id *identity.Identity) bool {
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

// tcpCommands lists commands that connect, each ready to be pasted into a shell.
func (l *listening) tcpCommands(host string, port int, o *credentials) []string {
	name := l.nameFor(host, o.id)
	to := net.JoinHostPort(host, fmt.Sprint(port))
	var as string
	if name != host {
		as = " --name " + quoted(name)
	}
	root := l.RootFile
	if root == "" {
		root = "ROOT.pem"
	}
	commands := []string{programName() + " connect" + l.trusted(o.ca) + as + " " + to}
	if o.keyOnly {
		return commands // no other program takes a bare key by its pin
	}
	commands = append(commands,
		"openssl s_client -quiet -verify_return_error -CAfile "+quoted(root)+provesName(name)+
			" -connect "+to,
		python(root, host, port, name, o.http),
	)
	if o.http {
		curl := "curl --cacert " + quoted(root)
		if name != host {
			curl += " --connect-to " + quoted(fmt.Sprintf("%s:%d:%s", name, port, to))
		}
		commands = append(commands, curl+" "+quoted("https://"+net.JoinHostPort(name, fmt.Sprint(port))+"/"))
	}
	return commands
}

// provesName has the flags of OpenSSL for the name that the server must prove.
func provesName(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return " -verify_ip " + name
	}
	return " -verify_hostname " + quoted(name) + " -servername " + quoted(name)
}

// externalName is the name or address by which other machines may reach the listener and
// which it can prove; empty for none.
func (l *listening) externalName(at *net.TCPAddr) string {
	if l.RawKey || l.ECH != "" || at.IP.IsLoopback() {
		return ""
	}
	for _, name := range l.Names {
		ip := net.ParseIP(name)
		switch {
		case name == "localhost" || strings.ContainsAny(name, "*@/") || ip.IsLoopback():
		case ip == nil || at.IP.IsUnspecified() || at.IP.Equal(ip):
			return name
		}
	}
	return ""
}

// nameFor is the name that a client should ask for: the host, if the certificate
// has it, else the first that the certificate has.
func (l *listening) nameFor(host string, id *identity.Identity) string {
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
func (l *listening) trusted(ca *authority.Authority) string {
	hidden := ""
	if l.ECH != "" {
		hidden = " --ech-config " + l.ECH
	}
	switch {
	case l.RawKey:
		return " --raw-key --pin " + l.Pin + hidden
	case ca != nil:
		return hidden
	case l.RootFile != "":
		return " --ca " + quoted(l.RootFile) + hidden
	}
	return " --pin " + l.Pin + hidden
}

// python returns a line of Python that sends a line and prints the answer.
func python(root, host string, port int, name string, http bool) string {
	line := "hello\\n"
	if http {
		line = "GET / HTTP/1.0\\r\\n\\r\\n"
	}
	code := fmt.Sprintf(`import socket, ssl; c = ssl.create_default_context(cafile=%q).wrap_socket(socket.create_connection((%q, %d)), server_hostname=%q); c.sendall(b"%s"); print(c.recv(4096).decode())`,
		root, host, port, name, line)
	return "python3 -c " + quoted(code)
}

// programName is this program as it was called: a path stays one, since the shell may
// not find it otherwise.
func programName() string {
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
