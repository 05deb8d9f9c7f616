package tunnel

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// clientHello is the first flight of crypto/tls.
func clientHello(t testing.TB, cfg *tls.Config) []byte {
	a, b := net.Pipe()
	go func() {
		tls.Client(a, cfg).Handshake()
		a.Close()
	}()
	defer b.Close()
	b.SetDeadline(time.Now().Add(20 * time.Second))
	head := make([]byte, 5)
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(b, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// TestReadHello finds name and protocols, also in a message that is divided into records, and
// reads nothing behind it.
func TestReadHello(t *testing.T) {
	whole := clientHello(t, &tls.Config{ServerName: "a.example", NextProtos: []string{"x", "y"}})
	body := whole[5:]
	var parts []byte
	for i := 0; i < len(body); i += 7 {
		part := body[i:min(i+7, len(body))]
		parts = append(append(parts, 22, 3, 1, 0, byte(len(part))), part...)
	}
	for name, flight := range map[string][]byte{"whole": whole, "divided": parts} {
		r := bytes.NewReader(append(bytes.Clone(flight), "behind"...))
		h, read, err := readHello(r)
		if err != nil || h.serverName != "a.example" || strings.Join(h.alpn, " ") != "x y" {
			t.Fatalf("%s: %+v, %v", name, h, err)
		}
		if rest, _ := io.ReadAll(r); !bytes.Equal(read, flight) || string(rest) != "behind" {
			t.Errorf("%s: read %d of %d bytes, %q is left", name, len(read), len(flight), rest)
		}
	}
}

// TestReadHelloIsBounded: an endless or wrong hello is refused.
func TestReadHelloIsBounded(t *testing.T) {
	endless := bytes.Repeat(append([]byte{22, 3, 1, 0x40, 0}, make([]byte, 1<<14)...), 5)
	copy(endless[5:], []byte{1, 0, 0xff, 0xff})
	for name, data := range map[string][]byte{
		"endless": endless, "http": []byte("GET / HTTP/1.0\r\n"), "empty record": {22, 3, 1, 0, 0},
		"large record": {22, 3, 1, 0x40, 1}, "another message": {22, 3, 1, 0, 4, 2, 0, 0, 0},
		"large message": {22, 3, 1, 0, 4, 1, 0xff, 0, 0}, "cut": {22, 3, 1},
	} {
		if h, read, err := readHello(bytes.NewReader(data)); err == nil || len(read) > maxHello {
			t.Errorf("%s: %+v after %d bytes", name, h, len(read))
		}
	}
}

// For all bytes readHello reads no more than it returns, within its bound.
func FuzzReadHello(f *testing.F) {
	f.Add(clientHello(f, &tls.Config{ServerName: "a.example"}))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		h, read, err := readHello(r)
		if err == nil && (h == nil || !bytes.Equal(read, data[:len(data)-r.Len()])) {
			t.Errorf("%d bytes were read, %d returned", len(data)-r.Len(), len(read))
		}
		if len(read) > maxHello {
			t.Errorf("%d bytes", len(read))
		}
	})
}

func TestMatchPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		separator     byte
		want          bool
	}{
		{"a.example", "a.example", '.', true}, {"*.example", "a.example", '.', true},
		{"*.example", "a.b.example", '.', false}, {"*.example", ".example", '.', true},
		{"*", "", 0, true}, {"a*c", "abbbc", 0, true}, {"a*c", "abbbd", 0, false},
		{"*a*b*", "xxaxxbxx", 0, true}, {"s://x/*/w", "s://x/y/w", '/', true},
		{"s://x/*/w", "s://x/y/z/w", '/', false}, {"s://x/**", "s://x/y/z", '/', true},
		{"s://x/**", "s://x/", '/', false}, {"s://x/**", "s://xy/z", '/', false},
		{"s://*/**", "s://a/b", '/', true}, {"", "x", 0, false},
	} {
		if got := matchPattern(c.pattern, c.text, c.separator); got != c.want {
			t.Errorf("%q, %q: %v", c.pattern, c.text, got)
		}
	}
	if matchName([]string{"*.example"}, ".example") || !matchName([]string{""}, "") ||
		!matchName([]string{"*.Example"}, "A.example.") {
		t.Error("matchName")
	}
}

// TestOrder: the order of backends for each kind of balance.
func TestOrder(t *testing.T) {
	make := func(balance string, weights ...int) *pool {
		p := &pool{balance: balance}
		for i, w := range weights {
			p.backends = append(p.backends, &backend{Backend: Backend{
				Address: string(rune('a' + i)), Weight: w}, stats: new(backendStats)})
		}
		return p
	}
	now := time.Now()
	first := func(p *pool, client string) string {
		return p.order(&net.TCPAddr{IP: net.ParseIP(client)}, now)[0].Address
	}
	p := make("first", 1, 1, 1)
	if got := first(p, "10.0.0.1"); got != "a" {
		t.Errorf("first: %s", got)
	}
	p.backends[0].stats.down.Store(true)
	p.backends[1].Backup = true
	if got := first(p, "10.0.0.1"); got != "c" {
		t.Errorf("first without a: %s", got)
	}
	p = make("round-robin", 1, 1)
	if a, b := first(p, "10.0.0.1"), first(p, "10.0.0.1"); a == b {
		t.Errorf("round-robin: %s twice", a)
	}
	p = make("", 1, 2)
	p.backends[0].stats.active.Store(2)
	p.backends[1].stats.active.Store(3)
	if got := first(p, "10.0.0.1"); got != "b" {
		t.Errorf("least connections by weight: %s", got)
	}
	p = make("hash", 1, 1, 2)
	before, count := map[string]string{}, map[string]int{}
	for i := range 1000 {
		client := net.IPv4(10, 0, byte(i>>8), byte(i)).String()
		before[client] = first(p, client)
		count[before[client]]++
	}
	if count["c"] < 400 || count["c"] > 600 || count["a"] < 180 || count["b"] < 180 {
		t.Errorf("hash: %v", count)
	}
	p.backends[1].stats.down.Store(true)
	for client, was := range before {
		if got := first(p, client); was != "b" && got != was {
			t.Fatalf("%s moved from %s to %s when b went down", client, was, got)
		}
	}
}

// TestThrottle: what is taken is paid for in time.
func TestThrottle(t *testing.T) {
	th, now := throttle{rate: 1000}, time.Now()
	if wait := th.take(250, now); wait != 0 {
		t.Errorf("the burst waits %v", wait)
	}
	if wait := th.take(1000, now); wait != time.Second {
		t.Errorf("1000 bytes wait %v", wait)
	}
	if wait := th.take(250, now.Add(time.Hour)); wait != 0 {
		t.Errorf("an hour later: %v", wait)
	}
}

// TestChecks: a backend is down after Fall failures and up after Rise successes.
func TestChecks(t *testing.T) {
	s, h := new(backendStats), &Health{Fall: 2, Rise: 2}
	for i, step := range []struct{ ok, down bool }{
		{false, false}, {false, true}, {true, true}, {false, true}, {true, true}, {true, false},
		{false, false}, {true, false}, {false, false},
	} {
		if s.checked(step.ok, h); s.down.Load() != step.down {
			t.Errorf("step %d: down %v", i, s.down.Load())
		}
	}
}
