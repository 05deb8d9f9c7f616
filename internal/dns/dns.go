// Package dns asks a DNS server for the records about a TLS service that package net cannot
// look up: TLSA, HTTPS and CAA.
package dns

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sealsock/sealsock/internal/readfile"
)

// The types of records beside those of dnsmessage.
const (
	TypeTLSA  dnsmessage.Type = 52  // RFC 6698
	TypeCAA   dnsmessage.Type = 257 // RFC 8659
	TypeHTTPS                 = dnsmessage.TypeHTTPS
)

// A Client asks one server, which should validate DNSSEC.
type Client struct {
	Server  string        // "host:port"
	Timeout time.Duration // of one question; 0 means 2 seconds
}

// System returns a client of the first server of /etc/resolv.conf, or an error if there is
// none.
func System() (*Client, error) {
	text, err := readfile.Regular("/etc/resolv.conf", 1<<16)
	if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == "nameserver" {
			return &Client{Server: net.JoinHostPort(fields[1], "53")}, nil
		}
	}
	return nil, errors.New("/etc/resolv.conf names no server")
}

// An Answer has the records of one name and type. It is empty if there are none.
type Answer struct {
	Records []dnsmessage.ResourceBody
	// Secure means that the server validated the answer with DNSSEC. That is worth as much
	// as the connection to the server.
	Secure bool
}

// maxMessage bounds an answer over TCP, whose length has 16 bits.
const maxMessage = 1<<16 - 1

// udpSize is the length of an answer over UDP that this client asks for: the one that
// servers recommend against fragments.
const udpSize = 1232

// Lookup asks for the records of a name. It asks twice over UDP, and over TCP if the answer
// does not fit.
func (c *Client) Lookup(ctx context.Context, name string, typ dnsmessage.Type) (*Answer, error) {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	query, id, err := compose(name, typ)
	if err != nil {
		return nil, fmt.Errorf("%q is no name for DNS: %w", name, err)
	}
	answer, truncated, err := c.udp(ctx, query, id, typ, timeout/2)
	if errors.Is(err, errSilent) && ctx.Err() == nil {
		answer, truncated, err = c.udp(ctx, query, id, typ, timeout/2)
	}
	if truncated {
		answer, err = c.tcp(ctx, query, id, typ)
	}
	if err != nil {
		return nil, fmt.Errorf("DNS server %s: %w", c.Server, silence(err))
	}
	return answer, nil
}

var errSilent = errors.New("no answer in time")

// silence returns errSilent for an error of a deadline, wherever that has passed, and others as
// they are.
func silence(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errSilent
	}
	return err
}

// compose returns a query with EDNS(0) that asks for DNSSEC: RFC 6840, Section 5.7.
func compose(name string, typ dnsmessage.Type) ([]byte, uint16, error) {
	var random [2]byte
	rand.Read(random[:])
	id := binary.BigEndian.Uint16(random[:])
	full, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, 0, err
	}
	var edns dnsmessage.ResourceHeader
	if err := edns.SetEDNS0(udpSize, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, 0, err
	}
	message := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: id, RecursionDesired: true, AuthenticData: true},
		Questions:   []dnsmessage.Question{{Name: full, Type: typ, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{{Header: edns, Body: &dnsmessage.OPTResource{}}},
	}
	query, err := message.Pack()
	return query, id, err
}

// udp asks once over UDP, and waits for a message with the number of the question.
func (c *Client) udp(ctx context.Context, query []byte, id uint16, typ dnsmessage.Type,
	wait time.Duration) (answer *Answer, truncated bool, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", c.Server)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(wait))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(query); err != nil {
		return nil, false, err
	}
	for b := make([]byte, maxMessage); ; {
		n, err := conn.Read(b)
		if err != nil {
			return nil, false, silence(err)
		}
		if n >= 2 && binary.BigEndian.Uint16(b) == id && sameQuestion(b[:n], query) {
			return Parse(b[:n], typ)
		}
	}
}

// tcp asks over TCP. RFC 1035, Section 4.2.2.
func (c *Client) tcp(ctx context.Context, query []byte, id uint16,
	typ dnsmessage.Type) (*Answer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	b := append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
		return nil, err
	}
	if len(message) < 2 || binary.BigEndian.Uint16(message) != id || !sameQuestion(message, query) {
		return nil, errors.New("it answered another question")
	}
	answer, truncated, err := Parse(message, typ)
	if truncated {
		err = errors.New("it cut its answer over TCP")
	}
	return answer, err
}

// sameQuestion reports whether a message answers the question of a query: its name, type and class
// MUST match (RFC 5452, Section 9.1). A server that did not understand the query may repeat none,
// and what cannot be parsed is an error of Parse.
func sameQuestion(message, query []byte) bool {
	var m, q dnsmessage.Parser
	h, err := m.Start(message)
	if err != nil {
		return true
	}
	if !h.Response { // RFC 1035, Section 4.1.1: QR; a query that was sent back has no records
		return false
	}
	if _, err := q.Start(query); err != nil {
		return false
	}
	asked, err := q.Question()
	if err != nil {
		return false
	}
	got, err := m.Question()
	if errors.Is(err, dnsmessage.ErrSectionDone) {
		return h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError
	}
	return err == nil && got.Type == asked.Type && got.Class == asked.Class &&
		strings.EqualFold(got.Name.String(), asked.Name.String())
}

// Parse returns the records of one type in a message of a server, and whether the message
// was cut. Records of other types, such as CNAME, are passed over: the server follows them.
func Parse(message []byte, typ dnsmessage.Type) (answer *Answer, truncated bool, err error) {
	var m dnsmessage.Parser
	h, err := m.Start(message)
	if err != nil {
		return nil, false, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if h.Truncated {
		return nil, true, nil
	}
	if h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError {
		return nil, false, fmt.Errorf("it answered %v", h.RCode)
	}
	if err := m.SkipAllQuestions(); err != nil {
		return nil, false, fmt.Errorf("its answer cannot be read: %w", err)
	}
	answer = &Answer{Secure: h.AuthenticData}
	if answer.Records, err = records(&m, typ); err != nil {
		return nil, false, fmt.Errorf("its answer cannot be read: %w", err)
	}
	// That a name does not exist may come with name servers alone too: RFC 2308, Section 2.1.
	if len(answer.Records) == 0 && h.RCode == dnsmessage.RCodeSuccess && !h.Authoritative &&
		refers(&m) {
		return nil, false, errors.New("it refers to other servers: it does not look up names")
	}
	return answer, false, nil
}

// records returns those of one type in the answer section, which is next.
func records(m *dnsmessage.Parser, typ dnsmessage.Type) (list []dnsmessage.ResourceBody,
	err error) {
	for {
		r, err := m.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if r.Header.Type == typ {
			list = append(list, r.Body)
		}
	}
}

// refers reports whether the authority section, which is next, is that of a referral: it has name
// servers, and no SOA record as with names that do not exist. RFC 2308, Section 2.1.
func refers(m *dnsmessage.Parser) (yes bool) {
	for {
		h, err := m.AuthorityHeader()
		if err != nil || h.Type == dnsmessage.TypeSOA {
			return yes && errors.Is(err, dnsmessage.ErrSectionDone)
		}
		yes = yes || h.Type == dnsmessage.TypeNS
		if m.SkipAuthority() != nil {
			return false
		}
	}
}
