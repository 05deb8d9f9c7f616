package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// reply packs an answer to a query: one TLSA record of n bytes, and a CNAME before it.
func reply(t testing.TB, query []byte, n int, change func(*dnsmessage.Message)) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		t.Error(err)
		return nil
	}
	if !m.AuthenticData || len(m.Additionals) != 1 {
		t.Errorf("the query asks for no DNSSEC: %+v", m)
	}
	name := m.Questions[0].Name
	m.Response, m.Additionals = true, nil
	head := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}
	m.Answers = []dnsmessage.Resource{
		{Header: head, Body: &dnsmessage.CNAMEResource{CNAME: name}},
		{Header: head, Body: &dnsmessage.UnknownResource{Type: TypeTLSA, Data: make([]byte, n)}},
	}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return b
}

// serve answers over UDP with udp, and over TCP with tcp.
func serve(t *testing.T, udp, tcp func(query []byte) []byte) *Client {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", l.Addr().String())
	for errors.Is(err, syscall.EADDRINUSE) { // by a program that uses UDP alone
		l.Close()
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			packets, err = net.ListenPacket("udp", l.Addr().String())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); packets.Close() })
	go func() {
		for b := make([]byte, 4096); ; {
			n, from, err := packets.ReadFrom(b)
			if err != nil {
				return
			}
			if out := udp(b[:n]); out != nil {
				packets.WriteTo(out, from)
			}
		}
	}()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		head := make([]byte, 2)
		io.ReadFull(c, head)
		query := make([]byte, binary.BigEndian.Uint16(head))
		io.ReadFull(c, query)
		out := tcp(query)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
	}()
	return &Client{Server: l.Addr().String(), Timeout: 5 * time.Second}
}

func TestLookup(t *testing.T) {
	asked := 0
	cut := func(m *dnsmessage.Message) { m.Truncated, m.Answers = true, nil }
	secure := func(m *dnsmessage.Message) { m.AuthenticData = true }
	wrong := func(m *dnsmessage.Message) { m.ID++ }
	foreign := func(m *dnsmessage.Message) {
		m.Questions[0].Name = dnsmessage.MustNewName("_443._tcp.b.test.")
	}
	otherType := func(m *dnsmessage.Message) { m.Questions[0].Type = TypeCAA }
	bare := func(m *dnsmessage.Message) { m.Questions = nil }
	bareError := func(m *dnsmessage.Message) {
		m.Questions, m.Answers, m.RCode = nil, nil, dnsmessage.RCodeFormatError
	}
	capitals := func(m *dnsmessage.Message) {
		m.Questions[0].Name = dnsmessage.MustNewName("_443._TCP.A.test.")
	}
	insecure := func(m *dnsmessage.Message) { m.AuthenticData = false }
	none := func(m *dnsmessage.Message) { m.RCode, m.Answers = dnsmessage.RCodeNameError, nil }
	head := dnsmessage.ResourceHeader{
		Name: dnsmessage.MustNewName("test."), Class: dnsmessage.ClassINET,
	}
	referral := func(m *dnsmessage.Message) {
		m.Answers = nil
		m.Authorities = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.NSResource{NS: head.Name}}}
	}
	noName := func(m *dnsmessage.Message) {
		referral(m)
		m.RCode = dnsmessage.RCodeNameError
	}
	noData := func(m *dnsmessage.Message) {
		referral(m)
		m.Authorities = append(m.Authorities, dnsmessage.Resource{
			Header: head, Body: &dnsmessage.SOAResource{NS: head.Name, MBox: head.Name},
		})
	}
	failed := func(m *dnsmessage.Message) { m.RCode, m.Answers = dnsmessage.RCodeServerFailure, nil }
	for _, test := range []struct {
		name     string
		udp, tcp func([]byte) []byte
		records  int
		secure   bool
		err      string
	}{
		{"secure", func(q []byte) []byte { return reply(t, q, 35, secure) }, nil, 1, true, ""},
		{"insecure", func(q []byte) []byte { return reply(t, q, 35, insecure) }, nil, 1, false, ""},
		{"no such name", func(q []byte) []byte { return reply(t, q, 0, none) }, nil, 0, true, ""},
		{"failure", func(q []byte) []byte { return reply(t, q, 0, failed) }, nil,
			0, false, "RCodeServerFailure"},
		{"the first question is lost", func(q []byte) []byte {
			if asked++; asked == 1 {
				return nil
			}
			return reply(t, q, 35, secure)
		}, nil, 1, true, ""},
		{"too long for UDP", func(q []byte) []byte { return reply(t, q, 0, cut) },
			func(q []byte) []byte { return reply(t, q, 5000, secure) }, 1, true, ""},
		{"another question's answer over TCP", func(q []byte) []byte { return reply(t, q, 0, cut) },
			func(q []byte) []byte { return reply(t, q, 35, wrong) }, 0, false, "another question"},
		{"another question's answer over UDP", func(q []byte) []byte { return reply(t, q, 35, wrong) },
			nil, 0, false, "no answer in time"},
		{"another name over TCP", func(q []byte) []byte { return reply(t, q, 0, cut) },
			func(q []byte) []byte { return reply(t, q, 35, foreign) }, 0, false, "another question"},
		{"another name", func(q []byte) []byte { return reply(t, q, 35, foreign) },
			nil, 0, false, "no answer in time"},
		{"another type", func(q []byte) []byte { return reply(t, q, 35, otherType) },
			nil, 0, false, "no answer in time"},
		{"no question", func(q []byte) []byte { return reply(t, q, 35, bare) },
			nil, 0, false, "no answer in time"},
		{"an error without a question", func(q []byte) []byte { return reply(t, q, 0, bareError) }, nil,
			0, false, "RCodeFormatError"},
		{"the question itself", func(q []byte) []byte { return q }, nil, 0, false, "no answer in time"},
		{"a referral", func(q []byte) []byte { return reply(t, q, 0, referral) }, nil,
			0, false, "refers to other servers"},
		{"no name, and the servers", func(q []byte) []byte { return reply(t, q, 0, noName) }, nil,
			0, true, ""},
		{"no records, and the servers", func(q []byte) []byte { return reply(t, q, 0, noData) }, nil,
			0, true, ""},
		{"another case", func(q []byte) []byte { return reply(t, q, 35, capitals) }, nil, 1, true, ""},
		{"garbage", func(q []byte) []byte { return append(q[:2:2], 1) }, nil, 0, false, "cannot be read"},
	} {
		c := serve(t, test.udp, test.tcp)
		if strings.Contains(test.err, "in time") {
			c.Timeout = 200 * time.Millisecond
		}
		a, err := c.Lookup(t.Context(), "_443._tcp.a.test", TypeTLSA)
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v", test.name, err)
			}
		case err != nil || len(a.Records) != test.records || a.Secure != test.secure:
			t.Errorf("%s: %+v, %v", test.name, a, err)
		}
	}
}

// TestTimeout: the error is the same wherever the time is over, over UDP and over TCP.
func TestTimeout(t *testing.T) {
	cut := func(m *dnsmessage.Message) { m.Truncated, m.Answers = true, nil }
	never := make(chan struct{})
	defer close(never)
	hang := func([]byte) []byte { <-never; return nil }
	for name, c := range map[string]*Client{
		"before the question": serve(t, hang, hang),
		"over TCP":            serve(t, func(q []byte) []byte { return reply(t, q, 0, cut) }, hang),
	} {
		c.Timeout = 200 * time.Millisecond
		if name == "before the question" {
			c.Timeout = 1
		}
		if _, err := c.Lookup(t.Context(), "a.test", TypeCAA); !errors.Is(err, errSilent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestContext: the end of the context ends a question that was sent.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func([]byte) []byte { cancel(); return nil }, nil)
	c.Timeout = time.Hour
	ended := make(chan error, 1)
	go func() {
		_, err := c.Lookup(ctx, "a.test", TypeCAA)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("an answer that was not sent")
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the answer")
	}
	if _, err := c.Lookup(t.Context(), strings.Repeat("a", 300), TypeCAA); err == nil {
		t.Error("a name of 300 bytes is accepted")
	}
}

func FuzzParse(f *testing.F) {
	query, _, _ := compose("a.test", TypeTLSA)
	f.Add(query)
	f.Add(reply(f, query, 35, nil))
	f.Fuzz(func(t *testing.T, message []byte) { Parse(message, TypeTLSA) })
}
