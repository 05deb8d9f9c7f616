package engine

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// inRecords splits the handshake messages of a flight that are in the clear into records of
// at most size bytes.
func inRecords(t *testing.T, flight []byte, size int) (split []byte, records int) {
	t.Helper()
	for len(flight) > 0 {
		h, ok := record.ParseHeader(flight)
		if !ok || len(flight) < record.HeaderLen+h.Length {
			t.Fatal("the flight is not made of records")
		}
		body := flight[record.HeaderLen : record.HeaderLen+h.Length]
		if h.Type != iana.ContentHandshake {
			split = append(split, flight[:record.HeaderLen+h.Length]...)
			body = nil
		}
		for len(body) > 0 {
			n := min(size, len(body))
			split = append(split, flight[0], flight[1], flight[2], byte(n>>8), byte(n))
			split, body = append(split, body[:n]...), body[n:]
			records++
		}
		flight = flight[record.HeaderLen+h.Length:]
	}
	return split, records
}

// TestBigHelloInRecords: a ClientHello that does not fit a packet arrives in several records,
// and so does the answer, in pieces of any size. RFC 9846, Section 5.1.
func TestBigHelloInRecords(t *testing.T) {
	for _, size := range []int{1, 64, 536, 1400} {
		for _, groups := range [][]iana.NamedGroup{nil, {iana.MLKEM1024}, {iana.SecP384r1MLKEM1024}} {
			c, s := newPair(t, &config{Verifier: acceptAll{}, Groups: groups},
				&config{Credentials: []*Credential{newCredential(t, nil)}, Groups: groups})
			hello, err := c.step()
			if err != nil {
				t.Fatal(err)
			}
			if len(hello) <= 1400 {
				t.Fatalf("a ClientHello of %d bytes", len(hello))
			}
			var records int
			if s.in, records = inRecords(t, hello, size); records < 2 {
				t.Fatalf("the ClientHello is in %d records", records)
			}
			answer, err := s.step()
			if err != nil {
				t.Fatalf("records of %d bytes: %v", size, err)
			}
			c.in, _ = inRecords(t, answer, size)
			if err := pump(c, s); err != nil || !c.done || !s.done {
				t.Errorf("records of %d bytes: %v", size, err)
			}
		}
	}
}
