package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// conform FILE fails if a line of the file does not conform to docs/inspect.schema.json, or
// if there is none.
func conform(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: conform FILE")
	}
	schema, err := os.ReadFile(schemaFile)
	ts.Check(err)
	text := bytes.TrimSpace([]byte(ts.ReadFile(args[0])))
	if len(text) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if err := conforms(schema, line); err != nil {
			ts.Fatalf("line %d: %v", i+1, err)
		}
	}
}

// captured copies a file of the tests of internal/capture.
func captured(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: captured FILE")
	}
	data, err := os.ReadFile(filepath.Join("../../internal/capture/testdata", args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// proxying http|socks5 [USER:PASSWORD] listens on a port, sets $PROXY to its URL and
// $PROXYADDR to its address, and is a proxy, which may ask for a password. It writes a line
// for each connection to the file proxy.log. Names that end in .test are this machine.
func proxying(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: proxying http|socks5 [USER:PASSWORD]")
	}
	user := strings.Join(args[1:], "")
	accept := map[string]func(net.Conn, *bufio.Reader, string) (string, error){
		"http": acceptConnect, "socks5": acceptSOCKS,
	}[args[0]]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	log, err := os.Create(ts.MkAbs("proxy.log"))
	ts.Check(err)
	b := backgroundOf(ts)
	b.Lock()
	defer b.Unlock()
	b.closers = append(b.closers, func() { l.Close(); log.Close() })
	ts.Setenv("PROXY", args[0]+"://"+l.Addr().String())
	ts.Setenv("PROXYADDR", l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				addr, err := accept(c, r, user)
				if err != nil {
					return
				}
				fmt.Fprintln(log, addr)
				if host, port, _ := net.SplitHostPort(addr); strings.HasSuffix(host, ".test") {
					addr = net.JoinHostPort("127.0.0.1", port)
				}
				to, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer to.Close()
				go func() { io.Copy(to, r); to.Close() }()
				io.Copy(c, to)
			}()
		}
	}()
}

func acceptConnect(c net.Conn, r *bufio.Reader, user string) (string, error) {
	request, err := http.ReadRequest(r)
	if err != nil || request.Method != http.MethodConnect {
		return "", fmt.Errorf("no CONNECT: %v", err)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(user))
	if user != "" && request.Header.Get("Proxy-Authorization") != basic {
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
		return "", errors.New("no password")
	}
	_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	return request.Host, err
}

// acceptSOCKS speaks as much of RFC 1928 and RFC 1929 as a client needs.
func acceptSOCKS(c net.Conn, r *bufio.Reader, user string) (string, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(r, methods); err != nil {
		return "", err
	}
	if user != "" && !bytes.Contains(methods, []byte{2}) {
		c.Write([]byte{5, 0xff})
		return "", errors.New("no password")
	}
	if user == "" {
		c.Write([]byte{5, 0})
	} else {
		c.Write([]byte{5, 2})
		name, password, _ := strings.Cut(user, ":")
		want := "\x01" + string(rune(len(name))) + name + string(rune(len(password))) + password
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			c.Write([]byte{1, 1})
			return "", errors.New("another password")
		}
		c.Write([]byte{1, 0})
	}
	request := make([]byte, 4)
	if _, err := io.ReadFull(r, request); err != nil {
		return "", err
	}
	n := map[byte]int{1: 4, 4: 16}[request[3]]
	if request[3] == 3 {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		n = int(b)
	}
	rest := make([]byte, n+2)
	if _, err := io.ReadFull(r, rest); err != nil {
		return "", err
	}
	host := string(rest[:n])
	if request[3] != 3 {
		host = net.IP(rest[:n]).String()
	}
	_, err := c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return net.JoinHostPort(host, fmt.Sprint(int(rest[n])<<8|int(rest[n+1]))), err
}
