package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// A fakeKernel seals records of TLS 1.3 as that of Linux does, without its socket. As there,
// sendfile leaves a record open if the file ends early.
type fakeKernel struct {
	raw    net.Conn
	seal   func(typ iana.ContentType, payload []byte) []byte
	seq    uint64
	keys   int
	open   []byte // plaintext of the record that sendFile has begun
	begun  bool
	most   int   // how many bytes one call of sendFile takes; 0 for all
	parts  []int // how many bytes the next calls of sendFile find in the file
	failed error // of the next sendFile
	later  int   // how often drained answers that something is left
	lost   error // of drained
	asked  int   // calls of drained
	sent   int   // bytes of files
}

var _ recordMaker = (*fakeKernel)(nil)

// install takes a key.
func (k *fakeKernel) install(key engine.SendingKey) error {
	k.seq = key.Sequence
	k.keys++
	return key.Use(func(secret, iv []byte) error {
		aead, err := suites.TLS13(key.CipherSuite).Cipher(secret)
		iv = bytes.Clone(iv)
		k.seal = func(typ iana.ContentType, payload []byte) []byte { // RFC 9846, Section 5.2
			inner := append(bytes.Clone(payload), byte(typ))
			head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(inner)+aead.Overhead()))
			nonce := bytes.Clone(iv)
			for i, b := range binary.BigEndian.AppendUint64(nil, k.seq) {
				nonce[4+i] ^= b
			}
			k.seq++
			return aead.Seal(head, nonce, inner, head)
		}
		return err
	})
}

func (k *fakeKernel) write(frames []byte, s *engine.Sender) (rest []byte, err error) {
	for len(frames) > 0 {
		typ, payload, after, ok := engine.NextFrame(frames)
		switch {
		case !ok:
			return frames, errFrames
		case typ != 0:
			err = k.record(typ, payload)
		default:
			if key, ok := s.NextKey(); !ok || k.install(key) != nil {
				err = errFrames
			}
		}
		if err != nil {
			return frames, err
		}
		frames = after
	}
	return nil, nil
}

func (k *fakeKernel) record(typ iana.ContentType, payload []byte) error {
	if k.begun {
		return errors.New("a record was not ended")
	}
	_, err := k.raw.Write(k.seal(typ, payload))
	return err
}

func (k *fakeKernel) sendFile(f *os.File, offset int64, n int) (sent int, err error) {
	if err, k.failed = k.failed, nil; err != nil {
		return 0, err
	}
	if k.most > 0 {
		n = min(n, k.most)
	}
	b := make([]byte, n)
	if len(k.parts) > 0 {
		b, k.parts = b[:k.parts[0]], k.parts[1:]
	}
	sent, err = f.ReadAt(b, offset)
	if err != nil && err != io.EOF {
		return 0, err
	}
	k.open, k.begun = append(k.open, b[:sent]...), k.begun || sent > 0
	k.sent += sent
	if sent == n {
		return sent, k.end()
	}
	return sent, nil
}

func (k *fakeKernel) end() error {
	if !k.begun {
		return nil
	}
	data := k.open
	k.open, k.begun = nil, false
	for len(data) > 0 {
		n := min(len(data), 1<<14)
		if err := k.record(iana.ContentApplicationData, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (k *fakeKernel) next() (uint64, error) { return k.seq, nil }

func (k *fakeKernel) drained() (bool, error) {
	k.asked++
	return k.asked > k.later && k.lost == nil, k.lost
}

// kernelPair returns both ends of a connection, of which the client has a fakeKernel once it
// sends a file, and what the server has received when that is at the end. The client asks
// refuse, if it is set, first.
func kernelPair(t *testing.T, k *fakeKernel, refuse func() error) (c, s *Conn, got func() []byte) {
	t.Helper()
	a, b := sockets(t)
	c, s = opened(t, a, b)
	c.opts.KernelTLS = true
	c.out.seldom().fake = func(raw net.Conn, key engine.SendingKey) (recordMaker, error) {
		if refuse != nil {
			if err := refuse(); err != nil {
				return nil, err
			}
		}
		k.raw = raw
		return k, k.install(key)
	}
	received := make(chan []byte, 1)
	go func() {
		all, err := io.ReadAll(s)
		if err != nil {
			t.Error(err)
		}
		received <- all
	}()
	return c, s, func() []byte {
		select {
		case all := <-received:
			return all
		case <-time.After(20 * time.Second):
			t.Fatal("the end does not arrive")
			return nil
		}
	}
}

// fileWith returns a file with n bytes, and these.
func fileWith(t *testing.T, n int) (*os.File, []byte) {
	t.Helper()
	content := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, content
}

// TestKernel: what goes through the kernel, and what goes in front of it and behind it, arrives in
// its order: data, files, a new key, and the end.
func TestKernel(t *testing.T) {
	k := &fakeKernel{most: 40_000}
	c, _, got := kernelPair(t, k, nil)
	f, content := fileWith(t, 100_000)
	var want []byte
	for i, step := range []func() (int64, error){
		func() (int64, error) { n, err := c.Write(content[:100]); return int64(n), err },
		func() (int64, error) { return c.SendFile(f, 0, -1) },
		func() (int64, error) { n, err := c.Write(content[:100]); return int64(n), err },
		func() (int64, error) { return c.SendFile(f, 99_900, 5000) },
		func() (int64, error) { return 100, c.Rekey(t.Context(), true) },
		func() (int64, error) { return c.SendFile(f, 0, 100) },
		func() (int64, error) { return c.ReadFrom(io.NewSectionReader(f, 0, 100)) },
	} {
		n, err := step()
		if size := []int64{100, 100_000, 100, 100, 100, 100, 100}[i]; n != size || err != nil {
			t.Fatalf("step %d: %d, want %d: %v", i, n, size, err)
		}
		part := content[:n]
		switch i {
		case 3:
			part = content[99_900:]
		case 4:
			part = nil
		}
		want = append(want, part...)
	}
	if on, why := c.KernelTLS(); !on {
		t.Errorf("the kernel does not seal: %v", why)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if all := got(); !bytes.Equal(all, want) {
		t.Errorf("%d other bytes came than %d that were sent", len(all), len(want))
	}
	if k.keys != 2 {
		t.Errorf("the kernel has been given %d keys", k.keys)
	}
}

// A countingFile is a file that is read in another way.
type countingFile struct {
	*os.File
	reads *int
}

func (f countingFile) Read(p []byte) (int, error) { *f.reads++; return f.File.Read(p) }

// TestKernelCopies: once the kernel seals, io.Copy has it send a file too, from the position of the
// file on, which moves as if the file had been read, and with a limit. What is only like a file is
// read.
func TestKernelCopies(t *testing.T) {
	k := &fakeKernel{most: 40_000}
	c, _, got := kernelPair(t, k, nil)
	f, content := fileWith(t, 100_000)
	copied := func(most int64) func() (int64, error) {
		return func() (int64, error) {
			limited := &io.LimitedReader{R: f, N: most}
			n, err := io.Copy(c, limited)
			if limited.N != most-n {
				t.Errorf("of a limit of %d are %d left", most, limited.N)
			}
			return n, err
		}
	}
	wrapped := countingFile{f, new(int)}
	var want []byte
	for i, step := range []struct {
		from, to int64 // positions in the file
		kernel   int   // how many bytes it has sealed of the file
		send     func() (int64, error)
	}{
		{0, 10, 0, copied(10)},
		{10, 10, 5, func() (int64, error) { _, err := c.SendFile(f, 0, 5); return 0, err }},
		{10, 99_000, 98_990, copied(98_990)},
		{99_000, 100_000, 1000, func() (int64, error) { return io.Copy(c, f) }},
		{100_000, 100_000, 0, func() (int64, error) { return io.Copy(c, f) }},
		{99_000, 100_000, 1000, copied(5000)},
		{99_000, 99_000, 0, copied(0)},
		{98_000, 100_000, 0, func() (int64, error) { return c.ReadFrom(wrapped) }},
	} {
		if _, err := f.Seek(step.from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		before := k.sent
		n, err := step.send()
		at, _ := f.Seek(0, io.SeekCurrent)
		if n != step.to-step.from || at != step.to || k.sent-before != step.kernel || err != nil {
			t.Errorf("step %d: %d, %v; then at %d, and the kernel sent %d", i, n, err, at, k.sent-before)
		}
		if want = append(want, content[step.from:step.to]...); i == 1 {
			want = append(want, content[:5]...)
		}
	}
	if *wrapped.reads == 0 {
		t.Error("a type that embeds a file is not read")
	}
	c.CloseWrite()
	if !bytes.Equal(got(), want) {
		t.Error("other bytes came")
	}
}

// TestKernelRefuses: if the kernel takes no key the file is read and sealed here, and the kernel is
// not asked again.
func TestKernelRefuses(t *testing.T) {
	asked := 0
	refused := kernelRefused("a test", nil)
	c, _, got := kernelPair(t, nil, func() error { asked++; return refused })
	f, content := fileWith(t, 100_000)
	for range 2 {
		if n, err := c.SendFile(f, 0, -1); n != 100_000 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if on, why := c.KernelTLS(); on || why != refused {
		t.Errorf("%v, %v", on, why)
	}
	c.CloseWrite()
	if !bytes.Equal(got(), append(content, content...)) || asked != 1 {
		t.Errorf("other bytes came, or the kernel was asked %d times", asked)
	}
}

// TestKernelFileEnds: a file that sendfile does not read is read here, and the record that it has
// begun is ended first.
func TestKernelFileEnds(t *testing.T) {
	for name, k := range map[string]*fakeKernel{
		"refused": {failed: os.ErrInvalid}, "shorter": {}, "with gaps": {parts: []int{20_000, 0}},
		"continued": {parts: []int{100, 100}},
	} {
		c, _, got := kernelPair(t, k, nil)
		f, content := fileWith(t, 50_000)
		if n, err := c.SendFile(f, 0, 60_000); n != 50_000 || err != nil {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		if _, err := c.Write([]byte("end")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.CloseWrite()
		if !bytes.Equal(got(), append(content, "end"...)) {
			t.Errorf("%s: other bytes came", name)
		}
	}
}

// TestKernelDeadline: a file whose deadline passes is continued behind what SendFile has counted.
func TestKernelDeadline(t *testing.T) {
	k := &fakeKernel{most: 10_000}
	c, _, got := kernelPair(t, k, nil)
	f, content := fileWith(t, 50_000)
	if n, err := c.SendFile(f, 0, 10_000); n != 10_000 || err != nil {
		t.Fatal(n, err)
	}
	k.failed = os.ErrDeadlineExceeded
	if n, err := c.SendFile(f, 10_000, -1); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(n, err)
	}
	if n, err := c.SendFile(f, 10_000, -1); n != 40_000 || err != nil {
		t.Fatal(n, err)
	}
	c.CloseWrite()
	if !bytes.Equal(got(), content) {
		t.Error("other bytes came")
	}
}

// TestKernelCloseWaits: Close waits until TCP has what the kernel has sealed, and tells of a loss.
func TestKernelCloseWaits(t *testing.T) {
	for name, k := range map[string]*fakeKernel{
		"waits": {later: 3}, "lost": {lost: io.ErrClosedPipe},
	} {
		c, _, got := kernelPair(t, k, nil)
		f, _ := fileWith(t, 1000)
		if _, err := c.SendFile(f, 0, -1); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); !errors.Is(err, k.lost) || (err == nil) != (k.lost == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if k.asked != k.later+1 {
			t.Errorf("%s: the kernel was asked %d times", name, k.asked)
		}
		got()
	}
}

// TestKernelKeepsItsKey: methods that would need the key, or a connection below that does not
// encrypt, are refused, and the connection remains open.
func TestKernelKeepsItsKey(t *testing.T) {
	c, _, got := kernelPair(t, new(fakeKernel), nil)
	f, content := fileWith(t, 1000)
	if _, err := c.SendFile(f, 0, -1); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Unwrap": func() error { _, err := c.Unwrap(t.Context()); return err },
		"Detach": func() error { _, err := c.Detach(); return err },
		"HandOver": func() error {
			_, err := c.HandOver(t.Context(), make([]byte, engine.HandoverTokenLen), nil, nil)
			return err
		},
	} {
		if err := call(); err != errKernelSealed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Write(content); err != nil {
		t.Error(err)
	}
	c.CloseWrite()
	if !bytes.Equal(got(), append(content, content...)) {
		t.Error("other bytes came")
	}
}

// A hookContext calls do when it is asked for its end, once.
type hookContext struct {
	context.Context
	do func()
}

func (h *hookContext) Done() <-chan struct{} {
	if do := h.do; do != nil {
		h.do = nil
		do()
	}
	return h.Context.Done()
}

// TestUnwrapBesideSendFile: a SendFile that gives the kernel the key while Unwrap begins makes it
// fail. It returned a connection whose plain bytes the kernel encrypts.
func TestUnwrapBesideSendFile(t *testing.T) {
	c, _, got := kernelPair(t, new(fakeKernel), nil)
	f, content := fileWith(t, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	raw, err := c.Unwrap(&hookContext{ctx, func() {
		if n, err := c.SendFile(f, 0, -1); n != 1000 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}})
	if raw != nil || err != errKernelSealed {
		t.Errorf("%v, %v", raw, err)
	}
	c.CloseWrite()
	if !bytes.Equal(got(), content) {
		t.Error("other bytes came")
	}
}

// TestSendFileBehindUnwrap: once Unwrap has begun, the kernel is given no key.
func TestSendFileBehindUnwrap(t *testing.T) {
	k := new(fakeKernel)
	c, s, got := kernelPair(t, k, nil)
	done := make(chan error, 1)
	go func() { _, err := c.Unwrap(t.Context()); done <- err }()
	got()
	f, _ := fileWith(t, 1000)
	if n, err := c.SendFile(f, 0, -1); n != 0 || err == nil || k.keys != 0 {
		t.Errorf("%d, %v; the kernel has %d keys", n, err, k.keys)
	}
	s.CloseWrite()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
