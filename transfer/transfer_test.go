package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/internal/safename"
)

// within bounds a test.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// log collects events.
type log struct {
	mu  sync.Mutex
	all []Event
}

func (l *log) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

// first returns the first event of a kind.
func (l *log) first(kind EventKind) (Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.Kind == kind {
			return e, true
		}
	}
	return Event{}, false
}

// await waits for an event of a kind.
func (l *log) await(t *testing.T, kind EventKind) Event {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if e, ok := l.first(kind); ok {
			return e
		}
	}
	t.Fatalf("no event of kind %d among %v", kind, l.all)
	return Event{}
}

// filled returns bytes that look random, and are the same each time.
func filled(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	r.Read(b)
	return b
}

// write makes files below a folder. A name that ends in a slash is a folder.
func write(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(at), 0o777)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(at, 0o777)
		} else if err == nil {
			err = os.WriteFile(at, content, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// check compares a folder with the files that should be in it, and finds nothing else.
func check(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && at == dir {
			return err
		}
		name, _ := filepath.Rel(dir, at)
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if strings.HasPrefix(name, safename.PartialPrefix) {
				t.Errorf("%s was left", name)
			}
			if _, ok := files[name+"/"]; ok {
				seen++
			}
			return nil
		}
		want, ok := files[name]
		got, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("%s has %d bytes, want %d", name, len(got), len(want))
		}
		seen++
		return nil
	})
	if err != nil || seen != len(files) {
		t.Errorf("%d of %d files are there: %v", seen, len(files), err)
	}
}

// TestScanEmptyName: an empty name is not the working directory.
func TestScanEmptyName(t *testing.T) {
	if f, err := Scan(context.Background(), ""); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("%v, %v", f, err)
	}
}

// scan scans what is in a folder.
func scan(t testing.TB, dir string, names ...string) *Files {
	t.Helper()
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	f, err := Scan(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// start starts a sender, whose result is in the channel.
func start(ctx context.Context, t testing.TB, opts SendOptions) (*Sender, chan error) {
	t.Helper()
	s, err := NewSender(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	return s, result
}

var sample = map[string][]byte{
	"a.txt": []byte("hello"), "empty": {}, "tree/b.bin": filled(3_000_000, 1),
	"tree/deep/er/c": filled(70_000, 2), "tree/none/": nil, "tree/deep/ümlaut 1": []byte("x"),
}

func TestTransfer(t *testing.T) {
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct=%v", direct), func(t *testing.T) {
			ctx := within(t)
			r := relaytest.New(t)
			from, to := t.TempDir(), t.TempDir()
			write(t, from, sample)
			var sent, got log
			var most int64
			s, result := start(ctx, t, SendOptions{Dial: r.Dial, Notify: sent.add,
				Files: scan(t, from, "a.txt", "empty", "tree"), RelayOnly: !direct, loopback: true})
			received, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
				Notify: got.add, loopback: true, Progress: func(done, total int64) { most = done }})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil {
				t.Fatal(err)
			}
			check(t, to, sample)
			if received.Files != 5 || received.Bytes != 3_070_006 || len(received.Names) != 3 ||
				most != received.Bytes {
				t.Errorf("received %+v, progress %d", received, most)
			}
			want := RouteRelay
			if direct {
				want = RouteDirect
			}
			for _, l := range []*log{&sent, &got} {
				if e := l.await(t, Started); e.Route != want {
					t.Errorf("the route is %q, want %q", e.Route, want)
				}
			}
			if _, ok := sent.first(Finished); !ok {
				t.Error("the sender does not report the end")
			}
		})
	}
}

func TestWrongCode(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from, to := t.TempDir(), t.TempDir()
	write(t, from, sample)
	var sent log
	s, result := start(ctx, t, SendOptions{Dial: r.Dial, Notify: sent.add,
		Files: scan(t, from, "tree")})
	wrong := *s.Code()
	wrong.secret = func() string { return "acid-acid" }
	if s.Code().secret() == wrong.secret() {
		wrong.secret = func() string { return "acid-acorn" }
	}
	_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: &wrong, Dir: to})
	if !errors.Is(err, ErrWrongCode) {
		t.Errorf("the receiver has %v, want ErrWrongCode", err)
	}
	if err := <-result; !errors.Is(err, ErrWrongCode) {
		t.Errorf("the sender has %v, want ErrWrongCode", err)
	}
	sent.await(t, Guessed)
	check(t, to, nil)
}
