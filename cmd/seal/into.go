package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/internal/newname"
)

// intoService writes the file of each connection into a folder: whole, or not at all.
type intoService struct {
	out     *output
	folder  *os.Root
	most    int64 // bytes of a file
	timeout time.Duration
}

// partEnding is the ending of a file that is not complete.
const partEnding = ".part"

// intoFlags are the flags of --into.
type intoFlags struct{ into, size string }

func (i *intoFlags) register(f *pflag.FlagSet) {
	f.StringVar(&i.into, "into", "",
		"write the file of each client of connect --framed into this `folder`, whole or not at all")
	f.StringVar(&i.size, "max-size", "10G", "most bytes of a file, a `size` such as 500M, with --into")
}

// open opens the folder.
func (i *intoFlags) open(out *output, timeout time.Duration) (*intoService, error) {
	most, err := parseSize(i.size)
	if err != nil {
		return nil, err
	}
	folder, err := os.OpenRoot(i.into)
	if err != nil {
		return nil, failed(err, "--into %s cannot be opened: %v", i.into, cause(err)).
			hinted("name a folder that exists, as in --into received")
	}
	return &intoService{out, folder, most, timeout}, nil
}

func (s *intoService) serve(ctx context.Context, conn *serverConn) error {
	defer closeOnDone(ctx, conn)()
	conn.SetReadDeadline(time.Now().Add(s.timeout))
	r := bufio.NewReaderSize(conn, maxFrame)
	var f frame
	err := readFrameLine(r, &f)
	if err == nil {
		err = f.check(s.most)
	}
	if err == nil {
		err = s.absent(f.Name)
	}
	if err == nil {
		conn.SetReadDeadline(time.Time{})
		if err = writeFrameLine(conn, answer{OK: true}); err == nil {
			err = s.receive(r, &f)
		}
	}
	if err != nil {
		return s.refuse(conn, &f, err)
	}
	path := filepath.Join(s.folder.Name(), f.Name)
	done := &transferred{ID: conn.facts.ID, Remote: conn.facts.Remote, File: f, Path: path,
		verb: "received"}
	s.out.print(done)
	return writeFrameLine(conn, answer{OK: true})
}

// refuse tells the sender why its file was not written.
func (s *intoService) refuse(conn *serverConn, f *frame, err error) error {
	p := explain(err)
	conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	writeFrameLine(conn, answer{Error: p.text})
	abort(conn.tlsConn) // so that a client that does not know the format fails too
	text := "the file was not received: " + p.text
	if f.Name != "" {
		text = oneLine(f.Name) + " was not received: " + p.text
	}
	return &problem{text: text, hint: p.hint, code: "transfer", err: err}
}

// absent returns an error if there is a file of that name.
func (s *intoService) absent(name string) error {
	_, err := s.folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		return existsError(name)
	}
	return fmt.Errorf("%s cannot be written: %w", name, cause(err))
}

func existsError(name string) error {
	return fmt.Errorf("there is a file %s already, and none is overwritten", name)
}

// receive writes the content to a file with another name, and gives it its own name once
// all of it is on the disk and has the checksum. Another file that has the name keeps it.
func (s *intoService) receive(r io.Reader, f *frame) error {
	part := ".seal-" + rand.Text() + partEnding
	const mode = 0o666 // but for the umask, as for other files that a program writes
	file, err := s.folder.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", f.Name, cause(err))
	}
	defer s.folder.Remove(part)
	err = s.copyChecked(file, r, f)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if _, own := errors.AsType[*fs.PathError](err); own { // the sender learns no names of folders
		return fmt.Errorf("%s cannot be written: %w", f.Name, cause(err))
	}
	if err != nil {
		return err
	}
	err = newname.Move(s.folder, part, f.Name)
	if errors.Is(err, fs.ErrExist) {
		return existsError(f.Name)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", f.Name, cause(err))
	}
	return nil
}

// copyChecked copies the content, to its end and no further, and compares the checksum.
func (s *intoService) copyChecked(w io.Writer, r io.Reader, f *frame) error {
	hash := sha256.New()
	p := s.out.meter(f.Name, f.Size)
	defer p.end()
	n, err := copyCounted(io.MultiWriter(w, hash), io.LimitReader(r, f.Size), p)
	switch {
	case err != nil:
		return err
	case n < f.Size:
		return fmt.Errorf("it ended after %d of %d bytes", n, f.Size)
	case hex.EncodeToString(hash.Sum(nil)) != strings.ToLower(f.SHA256):
		return errors.New("the checksum is not that of the content")
	}
	switch _, err := io.ReadFull(r, make([]byte, 1)); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("more than %d bytes were sent", f.Size)
	default:
		return err
	}
}

// parseSize parses the value of --max-size: a number of bytes, or one with K, M, G or T.
func parseSize(text string) (int64, error) {
	number, shift := strings.ToUpper(text), 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = rest, 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)>>shift {
		return 0, usage("--max-size %q is not a size", text).hinted("as in --max-size 500M or 20G")
	}
	return n << shift, nil
}
