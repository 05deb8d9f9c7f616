package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sealsock/sealsock/internal/printable"
)

// The format of --framed and --into. The sender sends a line with a frame, the receiver
// answers with a line, the sender sends the content and ends its direction, and the
// receiver answers again once the file is written. A line is frameLabel, a space, an object
// in JSON, and a line feed. A member that is not known is ignored.
const (
	frameLabel = "seal-file/1"
	maxFrame   = 4 << 10 // bytes of a line
)

// A frame describes a file.
type frame struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of the content, in hexadecimal
}

// An answer is what the receiver sends: that it is ready, or that the file is written, or
// why not.
type answer struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func writeFrameLine(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s %s\n", frameLabel, body)
	return err
}

var (
	errNoFrame   = errors.New("the other side does not frame files: its first line is another one")
	errLongFrame = fmt.Errorf("the other side sent a line of more than %d bytes", maxFrame)
)

// readFrameLine reads a line into v.
func readFrameLine(r *bufio.Reader, v any) error {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return errLongFrame
	case err == io.EOF && len(line) > 0:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	body, ok := strings.CutPrefix(string(line), frameLabel+" ")
	if !ok || json.Unmarshal([]byte(body), v) != nil {
		return errNoFrame
	}
	return nil
}

// check returns why a frame is refused, or nil.
func (f *frame) check(most int64) error {
	if err := checkFileName(f.Name); err != nil {
		return err
	}
	sum, err := hex.DecodeString(f.SHA256)
	switch {
	case f.Size < 0:
		return fmt.Errorf("%s has a negative size", f.Name)
	case f.Size > most:
		return fmt.Errorf("%s has %d bytes, and --max-size allows %d", f.Name, f.Size, most)
	case err != nil || len(sum) != sha256.Size:
		return fmt.Errorf("%s has no SHA-256 checksum", f.Name)
	}
	return nil
}

// maxFileName is the length of a file name that common file systems take, in bytes.
const maxFileName = 255

// checkFileName returns why a name must not be that of a received file, or nil: it must be
// a name in the folder itself, on every system, that is visible and reads as what it is.
func checkFileName(name string) error {
	quoted := fmt.Sprintf("%q", printable.Line(name))
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch {
	case name == "" || len(name) > maxFileName || !utf8.ValidString(name):
		return fmt.Errorf("the file name has %d bytes, or is not UTF-8: it must have 1 to %d",
			len(name), maxFileName)
	case strings.ContainsAny(name, `/\:*?"<>|`):
		return fmt.Errorf("the file name %s has a character that separates folders or that some "+
			"systems do not allow", quoted)
	case strings.ContainsFunc(name, unseen):
		return fmt.Errorf("the file name %s has a character that cannot be seen", quoted)
	case strings.Trim(name, ". ") != name || name[0] == '-':
		return fmt.Errorf("the file name %s begins with a period, a hyphen or a space, or ends "+
			"with a period or a space", quoted)
	case isDevice(stem):
		return fmt.Errorf("the file name %s is that of a device on Windows", quoted)
	}
	return nil
}

func unseen(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) && r != ' ' }

// isDevice reports whether Windows takes a name, without what follows a period, for a
// device.
func isDevice(stem string) bool {
	switch stem = strings.TrimRight(stem, " "); stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (stem[:3] == "COM" || stem[:3] == "LPT") && stem[3] >= '0' && stem[3] <= '9'
}

// A framedFile is the content that --framed sends.
type framedFile struct {
	frame
	file *os.File // at the start of the content
}

// openFramed reads standard input, which must be a file, for its size and checksum.
func openFramed(ctx context.Context, out *output, name string) (*framedFile, error) {
	if err := checkFileName(name); err != nil {
		return nil, usage("--framed: %v", err).hinted("give the name alone: --framed NAME < PATH/NAME")
	}
	info, err := os.Stdin.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, usage("--framed sends the size in front, and standard input is not a file").
			hinted("as in --framed %s ADDRESS < %s", quoted(name), quoted(name))
	}
	start, err := os.Stdin.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, failed(err, "standard input cannot be read: %v", cause(err))
	}
	f := &framedFile{frame{Name: name, Size: max(0, info.Size()-start)}, os.Stdin}
	hash := sha256.New()
	p := out.meter("reading "+name, f.Size)
	defer p.end()
	f.Size, err = copyCounted(hash, untilDone{ctx, os.Stdin}, p)
	if err == nil {
		_, err = os.Stdin.Seek(start, io.SeekStart)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, failed(err, "standard input cannot be read: %v", cause(err))
	}
	f.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return f, nil
}

// untilDone is a reader that fails once ctx has ended.
type untilDone struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

// copyCounted copies and counts.
func copyCounted(w io.Writer, r io.Reader, p *meter) (int64, error) {
	return io.CopyBuffer(io.MultiWriter(onlyWriter{w}, meterWriter{p}), onlyReader{r},
		make([]byte, bufferSize))
}

// meterWriter counts what is written.
type meterWriter struct{ *meter }

// Write implements io.Writer.
func (p meterWriter) Write(b []byte) (int, error) {
	p.add(len(b))
	return len(b), nil
}

// send sends the file and returns nil once the other side has written it. timeout bounds
// the first answer.
func (f *framedFile) send(ctx context.Context, out *output, conn measuredConn,
	timeout time.Duration) error {
	defer closeOnDone(ctx, conn)()
	answers := bufio.NewReaderSize(conn, maxFrame)
	if err := writeFrameLine(conn, f.frame); err != nil {
		return f.failure(ctx, err)
	}
	conn.SetReadDeadline(time.Now().Add(timeout))
	if err := readAnswer(answers); err != nil {
		return f.failure(ctx, err)
	}
	conn.SetReadDeadline(time.Time{})
	err := f.sendContent(out, conn)
	if err == nil {
		err = conn.CloseWrite()
	}
	if err == nil {
		err = readAnswer(answers)
	} else {
		err = f.reason(conn, answers, err)
	}
	if err != nil {
		return f.failure(ctx, err)
	}
	out.print(&transferred{File: f.frame, verb: "sent", Remote: addressText(conn.RemoteAddr())})
	return nil
}

// reason returns why the other side reads no more of the content, which it sends before it
// closes the connection, or err if it did not tell.
func (f *framedFile) reason(conn measuredConn, answers *bufio.Reader, err error) error {
	if _, own := errors.AsType[*problem](err); own {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(closeTimeout))
	if refused, told := errors.AsType[receiverError](readAnswer(answers)); told {
		return refused
	}
	return err
}

// sendContent sends the content, which must still match the frame.
func (f *framedFile) sendContent(out *output, conn measuredConn) error {
	hash := sha256.New()
	p := out.meter(f.Name, f.Size)
	defer p.end()
	_, err := copyCounted(conn, io.TeeReader(io.LimitReader(f.file, f.Size), hash), p)
	if err == nil && hex.EncodeToString(hash.Sum(nil)) != f.SHA256 {
		conn.NetConn().Close() // without close_notify: the content is not complete
		return failed(nil, "%s changed while it was sent", f.Name).hinted("send it again")
	}
	return err
}

// A receiverError is the reason of the receiver why it does not have the file.
type receiverError string

func (r receiverError) Error() string { return string(r) }

func readAnswer(r *bufio.Reader) error {
	var a answer
	if err := readFrameLine(r, &a); err != nil {
		return err
	}
	switch {
	case a.OK:
		return nil
	case a.Error == "":
		return errNoFrame
	}
	return receiverError(a.Error)
}

// failure is the problem of a file that was not received.
func (f *framedFile) failure(ctx context.Context, err error) error {
	var own *problem
	var refused receiverError
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.As(err, &own) {
		return own
	}
	p := failed(err, "%s was not received: %s", f.Name, explain(err).text)
	p.code = "transfer"
	switch {
	case errors.As(err, &refused):
		p.text = f.Name + " was not received: " + oneLine(string(refused))
		return p.hinted("the other side decides what it takes; --framed NAME sends another name")
	case errors.Is(err, errNoFrame), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF):
		p.text = f.Name + " was not received: the other side does not answer as seal listen --into does"
		return p.hinted("start the other side with --into FOLDER, or leave out --framed")
	}
	return p.hinted("the other side has no part of it under its name: send it again")
}

// transferred reports a file that was sent or received as a whole.
type transferred struct {
	ID     int64  `json:"id,omitempty"`
	Remote string `json:"remote"`
	File   frame  `json:"file"`
	Path   string `json:"path,omitempty"` // where it was written
	verb   string // "sent" or "received"
}

func (*transferred) event() string       { return "file" }
func (t *transferred) connection() int64 { return t.ID }

func (t *transferred) text() string {
	text := fmt.Sprintf("seal: %s %s, %s, SHA-256 %s", t.verb, t.File.Name,
		byteText(float64(t.File.Size)), t.File.SHA256)
	if t.Path != "" {
		text += ", as " + t.Path
	}
	return printable.Line(text)
}
