package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/printable"
)

// httpService answers one HTTP request for any path with a page about the connection. With
// late, a path under secretPath is answered only after the client's certificate.
type httpService struct {
	out     *output
	timeout time.Duration
	late    bool
}

// Limits on a request.
const (
	maxRequest = 64 << 10 // bytes up to the empty line
	lingerTime = time.Second
)

func (p httpService) serve(ctx context.Context, conn *serverConn) error {
	defer closeOnDone(ctx, conn)()
	conn.SetReadDeadline(time.Now().Add(p.timeout))
	line, err := readRequest(conn)
	if err == nil && p.late && isSecret(line) {
		err = p.authenticate(ctx, conn)
	}
	status, answer := respond(line, err, conn.facts)
	if answer == nil {
		return err
	}
	p.out.print(requestOf(conn.facts, line, status))
	conn.SetWriteDeadline(time.Now().Add(p.timeout))
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	// The body of the request is read and discarded for a moment: closing
	// with unread input would cut off the answer.
	conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, conn, 1<<20)
	return nil
}

var (
	errLongRequest = errors.New("the request is too long")
	errNoRequest   = errors.New("not an HTTP request")
)

// readRequest reads up to an empty line, with CRLF or bare line feeds, and returns
// the first line.
func readRequest(r io.Reader) (first string, err error) {
	in := bufio.NewReader(io.LimitReader(r, maxRequest))
	for size := 0; ; {
		line, err := in.ReadString('\n')
		size += len(line)
		if err == io.EOF && size >= maxRequest {
			return first, errLongRequest
		}
		if err != nil {
			return first, err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case first == "" && !isRequestLine(line):
			return line, errNoRequest
		case first == "":
			first = line
			if strings.Count(line, " ") == 1 {
				return first, nil // HTTP/0.9 has no more than this line
			}
		case line == "":
			return first, nil
		}
	}
}

// isRequestLine accepts "METHOD target HTTP/x" and "GET target".
// RFC 9112, Section 3.
func isRequestLine(line string) bool {
	parts := strings.Split(line, " ")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return false
	}
	if strings.Trim(parts[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return false
	}
	if len(parts) == 2 {
		return parts[0] == "GET"
	}
	return strings.HasPrefix(parts[2], "HTTP/")
}

// respond makes the answer, or nil if the connection failed.
func respond(line string, err error, f *facts) (status string, answer []byte) {
	body := ""
	status = "200 OK"
	var timeout net.Error
	var denied denial
	switch {
	case err == nil:
		body = describeConnection(f) + "\nrequest: " + printable.Line(line) + "\n"
	case errors.As(err, &denied):
		status, body = "403 Forbidden", string(denied)+"\n"
	case errors.Is(err, errLongRequest):
		status, body = "431 Request Header Fields Too Large", fmt.Sprintf("%v: more than %d bytes\n", err, maxRequest)
	case errors.Is(err, errNoRequest):
		status, body = "400 Bad Request", errNoRequest.Error()+"\n"
	case errors.As(err, &timeout) && timeout.Timeout():
		status, body = "408 Request Timeout", "the request did not end with an empty line in time\n"
	default:
		return "", nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n", status, len(body))
	b.WriteString("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(line, "HEAD ") {
		b.WriteString(body)
	}
	return status, b.Bytes()
}

// request reports a request of --http and its answer.
type request struct {
	ID     int64  `json:"id"`
	Remote string `json:"remote"`
	Method string `json:"method,omitempty"`
	Target string `json:"target,omitempty"`
	Status int    `json:"status"`
}

func requestOf(f *facts, line, status string) note {
	r := &request{ID: f.ID, Remote: f.Remote}
	if parts := strings.Split(line, " "); isRequestLine(line) {
		r.Method, r.Target = parts[0], parts[1]
	}
	r.Status, _ = strconv.Atoi(status[:3])
	return r
}

func (*request) event() string       { return "request" }
func (r *request) connection() int64 { return r.ID }

func (r *request) text() string {
	what := "what is no HTTP request"
	if r.Method != "" {
		what = r.Method + " " + r.Target
	}
	return printable.Line(fmt.Sprintf("seal: %s requested %s: %d", r.Remote, what, r.Status))
}

// describeConnection is the page: one fact a line.
func describeConnection(f *facts) string {
	var b strings.Builder
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-16s %s\n", name+":", printable.Line(value))
		}
	}
	b.WriteString("This connection is encrypted.\n\n")
	fact("version", f.Version)
	fact("cipher suite", f.Suite)
	fact("key agreement", f.Group)
	fact("signature", f.Own)
	fact("protocol", f.ALPN)
	fact("name asked for", f.Name)
	fact("pre-shared key", f.PSK)
	fact("server", f.Local)
	fact("client", f.Remote)
	if f.Resumed {
		fact("resumed", "yes")
	}
	if f.Early != nil {
		fact("early data", fmt.Sprintf("%d bytes", f.Early.Bytes))
	}
	if f.ECH {
		fact("encrypted hello", "yes")
	}
	if p := f.Peer; p != nil {
		fact("client's name", p.Name)
		fact("client's key", p.Pin)
		if !p.RawKey {
			fact("valid until", day(p.NotAfter))
		}
	}
	return b.String()
}
