package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/inspect"
	"github.com/sealsock/sealsock/internal/capture"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/readfile"
)

// An inspectedFile is the result for one file: a packet capture, or what else is in it.
type inspectedFile struct {
	File    string          `json:"file"`
	Capture *capture.Result `json:"capture,omitempty"`
	items   []certificate.Item
	err     error
}

// maxKeyLog bounds a key log, in bytes.
const maxKeyLog = 256 << 20

// isFile reports whether an argument names a file, and not a server. A pipe is the file
// that a shell makes of <(COMMAND).
func isFile(arg string) bool {
	if arg == "-" {
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && (info.Mode().IsRegular() || info.Mode()&fs.ModeNamedPipe != 0)
}

// files reads the files of the command line.
func (flags *inspectFlags) files(ctx context.Context, names []string) []inspectedFile {
	var read []inspectedFile
	var log *capture.KeyLog
	var logErr error
	if flags.keyLog != "" {
		log, logErr = loadKeyLog(ctx, flags.keyLog)
	}
	for _, name := range names {
		f := inspectedFile{File: name, err: logErr}
		if logErr == nil {
			f.err = flags.readFile(ctx, &f, log)
		}
		read = append(read, f)
	}
	return read
}

func loadKeyLog(ctx context.Context, name string) (*capture.KeyLog, error) {
	text, err := readBounded(ctx, name, maxKeyLog)
	if err != nil {
		return nil, err
	}
	log, err := capture.ParseKeyLog(text)
	if err != nil {
		return nil, failed(err, "--keylog %s: %v", printable.Line(name), err).
			hinted("it is a file that a program wrote with SSLKEYLOGFILE")
	}
	return log, nil
}

// readFile reads one file, of the kind that its beginning tells.
func (flags *inspectFlags) readFile(ctx context.Context, f *inspectedFile,
	log *capture.KeyLog) error {
	_, err := interruptibly(ctx, func() (struct{}, error) {
		r, done, err := openInput(f.File)
		if err != nil {
			return struct{}{}, err
		}
		defer done()
		if head, _ := r.Peek(4); capture.IsCapture(head) {
			f.Capture, err = capture.Read(ctx, r, log)
			return struct{}{}, err
		}
		data, err := io.ReadAll(io.LimitReader(r, maxCertFile+1))
		if err == nil && len(data) > maxCertFile {
			err = &readfile.TooLargeError{Path: f.File, Most: maxCertFile}
		}
		if err == nil {
			owner := identityFlags{passwordFile: flags.password}
			f.items, err = certificate.Read(data, owner.passwords(f.File)...)
		}
		return struct{}{}, err
	})
	if err != nil {
		return unreadableItems(f.File, err)
	}
	return nil
}

// openInput opens a file, or standard input.
func openInput(name string) (r *bufio.Reader, done func(), err error) {
	if name == "-" {
		return bufio.NewReaderSize(os.Stdin, 1<<16), func() {}, nil
	}
	file, err := os.Open(name) // see interruptibly
	if err != nil {
		return nil, nil, err
	}
	return bufio.NewReaderSize(file, 1<<16), func() { file.Close() }, nil
}

// printFile writes what a file has.
func (flags *inspectFlags) printFile(stdout io.Writer, json bool, f *inspectedFile) error {
	switch {
	case f.err != nil:
		return nil
	case f.Capture != nil && json:
		return printJSON(stdout, f)
	case f.Capture != nil:
		if _, err := io.WriteString(stdout, flags.captureText(f)); err != nil {
			return outputError(err)
		}
		return nil
	}
	return printItems(stdout, json, f.File, f.items)
}

// fileError returns the error for a file that cannot be read, or has a certificate that ends
// within --expires-within.
func (flags *inspectFlags) fileError(f *inspectedFile) error {
	if f.err != nil {
		return f.err
	}
	for _, item := range f.items {
		if c := item.Certificate; c != nil {
			if err := flags.expiry(printable.Line(f.File), c.Subject.String(), c.NotAfter); err != nil {
				return err
			}
		}
	}
	if f.Capture != nil && f.Capture.Cut != "" {
		return failed(errors.New(f.Capture.Cut), "%s was read in part: %s",
			printable.Line(f.File), f.Capture.Cut)
	}
	return nil
}

// captureText describes a capture.
func (flags *inspectFlags) captureText(f *inspectedFile) string {
	s, r := new(sheet), f.Capture
	fmt.Fprintf(&s.b, "%s: %d connections with TLS, %d without, %d packets\n",
		printable.Line(f.File), len(r.Connections), r.Other, r.Packets)
	for _, c := range r.Connections {
		fmt.Fprintf(&s.b, "%v > %v, %s\n", c.Client, c.Server,
			c.Start.Format("2006-01-02 15:04:05.000 UTC"))
		s.connection(c)
		if flags.messages {
			for _, m := range c.Messages {
				t := engine.Trace{Sent: m.FromClient, Type: m.Type, Data: m.Data}
				s.b.WriteString(inspect.Message(t))
			}
		}
	}
	for why, n := range r.LeftOut {
		s.line("left out", "%d %s", n, why)
	}
	return s.b.String()
}

// connection describes a connection of a capture.
func (s *sheet) connection(c *capture.Connection) {
	if h := c.ClientHello; h != nil {
		s.line("name", "%s", h.ServerName)
		s.line("offers", "%s, %d suites", strings.Join(h.Versions, ", "), len(h.CipherSuites))
		s.line("protocols", "%s", strings.Join(h.ALPN, ", "))
		s.line("groups", "%s", strings.Join(h.Groups, ", "))
		s.line("JA3", "%s", h.JA3)
		s.line("JA4", "%s", h.JA4)
	}
	if h := c.ServerHello; h != nil {
		text := h.Version + ", " + h.CipherSuite
		for _, more := range []string{h.Group, c.ALPN} {
			if more != "" {
				text += ", " + more
			}
		}
		if h.Resumed {
			text += ", resumed"
		}
		if c.Retried {
			text += ", after a retry"
		}
		s.line("chosen", "%s", text)
		s.line("JA3S", "%s", h.JA3S)
	}
	if len(c.Certificates) > 0 {
		s.line("certificate", "%s, %d sent", c.Certificates[0].Subject, len(c.Certificates))
	}
	for _, a := range c.Alerts {
		who := map[bool]string{true: "client", false: "server"}[a.FromClient]
		s.line("alert", "%s, from the %s", a.Name, who)
	}
	s.line("data", "%d bytes from the client, %d from the server",
		c.FromClient.Bytes, c.FromServer.Bytes)
	if c.Decrypted {
		s.line("decrypted", "with the key log")
	}
	s.line("not decrypted", "%s", c.NotDecrypted)
	s.line("incomplete", "%s", c.Incomplete)
}
