package record

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/suites"
)

const apartGuard = 0xee

// a record that is opened apart from itself.
type apart struct {
	name string
	size int // of the content
	pad  int
	room int // of the output
	typ  iana.ContentType
	in   bool // it is opened in place
}

var aparts = []apart{
	{"a full record", 16384, 0, 16384, iana.ContentApplicationData, false},
	{"room for more", 1000, 0, 40000, iana.ContentApplicationData, false},
	{"one byte too few", 1000, 0, 999, iana.ContentApplicationData, true},
	{"one byte", 1, 0, 1, iana.ContentApplicationData, false},
	{"nothing", 0, 0, 100, iana.ContentApplicationData, false},
	{"no room", 10, 0, 0, iana.ContentApplicationData, true},
	{"padding and room", 1000, 500, 1500, iana.ContentApplicationData, false},
	{"padding and none", 1000, 500, 1499, iana.ContentApplicationData, true},
	{"only padding", 0, 500, 600, 0, true},
	{"an alert", 2, 0, 1000, iana.ContentAlert, true},
	{"a ticket", 300, 0, 1000, iana.ContentHandshake, true},
	{"a ticket with padding", 300, 20, 1000, iana.ContentHandshake, true},
}

// TestOpenTo: application data goes to the caller's memory where that has room for it, and
// nothing else goes or stays there.
func TestOpenTo(t *testing.T) {
	for _, id := range append(suites.Default13(), ccm13...) {
		for _, tt := range aparts {
			t.Run(id.String()+"/"+tt.name, func(t *testing.T) {
				s, o := pair(t, id)
				content := bytes.Repeat([]byte{0x5a}, tt.size)
				rec, err := s.Seal(nil, tt.typ, content, tt.pad)
				if err != nil {
					t.Fatal(err)
				}
				forged := bytes.Clone(rec)
				forged[len(forged)-1] ^= 1
				out := bytes.Repeat([]byte{apartGuard}, tt.room+300)
				if _, _, err := o.OpenTo(out[:tt.room:tt.room], forged); !errors.Is(err, ErrBadMAC) {
					t.Fatalf("a forgery: %v", err)
				}
				empty(t, out)
				typ, got, err := o.OpenTo(out[:tt.room:tt.room], rec)
				if tt.typ == 0 {
					if !errors.Is(err, ErrNoType) {
						t.Fatal(err)
					}
				} else if err != nil || typ != tt.typ || !bytes.Equal(got, content) {
					t.Fatalf("%v, %x, %v", typ, got, err)
				}
				if _, ok := o.key().aead.(gcm.Records); !ok {
					tt.in = true // the other AEADs write what they open as one piece
				}
				tt.place(t, out, rec, got)
			})
		}
	}
}

// place demands that got is where it must be, and that out has nothing else.
func (tt apart) place(t *testing.T, out, rec, got []byte) {
	t.Helper()
	if tt.in {
		if !bytes.Contains(rec, got) {
			t.Error("the content is not inside the record")
		}
		empty(t, out)
		return
	}
	if len(got) > 0 && &got[0] != &out[0] {
		t.Error("the content is not in the caller's memory")
	}
	behind := out[len(got):]
	if tt.pad > 0 {
		behind = behind[1:] // the content type stands there
	}
	empty(t, behind)
}

// empty demands that b has nothing of a record.
func empty(t *testing.T, b []byte) {
	t.Helper()
	for i, c := range b {
		if c != apartGuard && c != 0 {
			t.Fatalf("byte %d of the caller's memory is %#x", i, c)
		}
	}
}

// TestOpenToTooLarge: a record beyond the limit is refused wherever it goes, and leaves nothing.
func TestOpenToTooLarge(t *testing.T) {
	s, o := pair(t, iana.TLS_AES_128_GCM_SHA256)
	o.MaxInner = 1001
	for _, n := range []int{1000, 1001} {
		content := bytes.Repeat([]byte{0x5a}, n)
		rec, err := s.Seal(nil, iana.ContentApplicationData, content, 0)
		if err != nil {
			t.Fatal(err)
		}
		out := bytes.Repeat([]byte{apartGuard}, 2000)
		_, _, err = o.OpenTo(out, rec)
		if n == 1001 {
			empty(t, out)
		}
		if large := n > 1000; errors.Is(err, ErrOverflow) != large || (err != nil) != large {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestOpenTo12 is TestOpenTo for TLS 1.2, which has no padding and tells the type beforehand.
func TestOpenTo12(t *testing.T) {
	for _, id := range suites.Default12() {
		for _, tt := range aparts {
			if tt.pad > 0 {
				continue
			}
			t.Run(id.String()+"/"+tt.name, func(t *testing.T) {
				s, o := pair12(t, id)
				content := bytes.Repeat([]byte{0x5a}, tt.size)
				rec, err := s.Seal(nil, tt.typ, content, 0)
				if err != nil {
					t.Fatal(err)
				}
				forged := bytes.Clone(rec)
				forged[len(forged)-1] ^= 1
				out := bytes.Repeat([]byte{apartGuard}, tt.room+300)
				if _, _, err := o.OpenTo(out[:tt.room:tt.room], forged); !errors.Is(err, ErrBadMAC) {
					t.Fatalf("a forgery: %v", err)
				}
				empty(t, out)
				typ, got, err := o.OpenTo(out[:tt.room:tt.room], rec)
				if err != nil || typ != tt.typ || !bytes.Equal(got, content) {
					t.Fatalf("%v, %x, %v", typ, got, err)
				}
				tt.place(t, out, rec, got)
			})
		}
	}
}
