package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

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

// proxying http|socks5 listens on a port, sets $PROXY to its URL, and is a proxy. It writes a
// line for each connection to the file proxy.log.
func proxying(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: proxying http|socks5")
	}
	accept := map[string]func(net.Conn, *bufio.Reader) (string, error){
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
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				addr, err := accept(c, r)
				if err != nil {
					return
				}
				fmt.Fprintln(log, addr)
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

func acceptConnect(c net.Conn, r *bufio.Reader) (string, error) {
	request, err := http.ReadRequest(r)
	if err != nil || request.Method != http.MethodConnect {
		return "", fmt.Errorf("no CONNECT: %v", err)
	}
	_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	return request.Host, err
}

// acceptSOCKS speaks as much of RFC 1928 as a client without authentication needs.
func acceptSOCKS(c net.Conn, r *bufio.Reader) (string, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	if _, err := r.Discard(int(head[1])); err != nil {
		return "", err
	}
	c.Write([]byte{5, 0})
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
