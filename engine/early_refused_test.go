package engine

import (
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// refusedByRetry returns a pair whose client sends 0-RTT data that the server refuses by a
// HelloRetryRequest, and what the client has sent first.
func refusedByRetry(t *testing.T, data []byte) (c, s *side, first []byte) {
	t.Helper()
	client, server := resumable(t)
	server.MaxEarlyData = 1 << 20
	c, s = newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	client.Session, client.EarlyData = c.sessions[0], true
	client.KeyShares = []iana.NamedGroup{}
	c, s = newPair(t, client, server)
	first, err := c.step()
	if err == nil {
		first, err = c.s.Seal(first, data)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, s, first
}

// TestLongRefusedEarlyData13: after a HelloRetryRequest the server passes over full records of
// 0-RTT data, which are longer than records in the clear may be. RFC 9846, Section 4.2.10:
// "The server then ignores early data by skipping all records with an external content type of
// "application_data"". A message in the clear is not longer for that.
func TestLongRefusedEarlyData13(t *testing.T) {
	c, s, first := refusedByRetry(t, make([]byte, 2*record.MaxPlaintext+1))
	s.in = first
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	send(t, c, s, "there")
	if len(s.early) > 0 || string(s.data) != "there" {
		t.Errorf("the server read %d bytes of early data, and %q", len(s.early), s.data)
	}

	_, s, first = refusedByRetry(t, nil)
	s.in = first
	if _, err := s.step(); err != nil {
		t.Fatal(err)
	}
	const n = record.MaxPlaintext + 1
	s.in = record.AppendHeader(s.in, iana.ContentHandshake, iana.TLS12, n)
	_, err := s.step()
	refusesFor(t, err, iana.AlertRecordOverflow, "exceeds the size limit")
}

// TestNoEarlyExporterAfterRefusal: a client derives nothing from 0-RTT data that the server has
// refused, in HelloRetryRequest or in EncryptedExtensions: the server derives nothing either.
func TestNoEarlyExporterAfterRefusal(t *testing.T) {
	export := func(e *side) error {
		state := e.r.State()
		_, err := state.ExportEarly("EXPORTER-test", nil, 32)
		return err
	}
	for name, refuse := range map[string]func(c, s *config){
		"by a retry":   func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} },
		"by the limit": func(_, s *config) { s.MaxEarlyData = 0 },
	} {
		client, server := resumable(t)
		client.EarlyData = true
		refuse(client, server)
		c, s := newPair(t, client, server)
		first, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		if err := export(c); err != nil {
			t.Fatalf("%s: before the answer: %v", name, err)
		}
		s.in = first
		if err := pump(c, s); err != nil || !slices.Contains(c.events, EventEarlyRejected) {
			t.Fatalf("%s: %v, events %v", name, err, c.events)
		}
		if export(c) == nil || export(s) == nil {
			t.Errorf("%s: keys are exported after the refusal", name)
		}
	}
}

// TestShortRefusedEarlyData13: a client that keeps to the limit of 0-RTT data may send it in short
// records, and is not cut off if the server refuses it: the limit is for the data alone.
func TestShortRefusedEarlyData13(t *testing.T) {
	for name, refuse := range map[string]func(c, s *config){
		"by a retry":       func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} },
		"without a memory": func(_, s *config) { s.AntiReplay = nil },
	} {
		const most = 40_000
		client, server := resumable(t)
		server.MaxEarlyData = most
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		client.Session, client.EarlyData = c.sessions[0], true
		refuse(client, server)
		c, s = newPair(t, client, server)
		first, err := c.step()
		for n := 0; n < most && err == nil; n += 10 {
			first, err = c.s.Seal(first, make([]byte, 10))
		}
		if err != nil {
			t.Fatal(err)
		}
		s.in = first
		if err := pump(c, s); err != nil || len(s.early) > 0 {
			t.Fatalf("%s: %d bytes of early data, %v", name, len(s.early), err)
		}
		send(t, c, s, "there")
	}
}

// TestEmptyRefusedEarlyDataIsBounded13: records of refused 0-RTT data that have no data count too.
func TestEmptyRefusedEarlyDataIsBounded13(t *testing.T) {
	_, s, first := refusedByRetry(t, nil)
	s.in = first
	if _, err := s.step(); err != nil {
		t.Fatal(err)
	}
	s.r.skip = 100
	empty := record.AppendHeader(nil, iana.ContentApplicationData, iana.TLS12, earlyOverhead-record.HeaderLen)
	empty = append(empty, make([]byte, earlyOverhead-record.HeaderLen)...)
	for range 99 {
		s.in = append(s.in, empty...)
	}
	if _, err := s.step(); err != nil {
		t.Fatal(err)
	}
	s.in = append(s.in, empty...)
	_, err := s.step()
	refusesFor(t, err, iana.AlertUnexpectedMessage, "rejected early data exceeds the limit")
}
