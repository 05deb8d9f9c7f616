package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/wire"
)

// A Result is what a capture has. Its JSON form is stable: fields are added, and never
// change their meaning.
type Result struct {
	Packets     int           `json:"packets"`
	Connections []*Connection `json:"connections"` // with TLS, in the order of their beginnings
	// Other counts the TCP connections without TLS.
	Other int `json:"other_connections"`
	// LeftOut counts the packets that were not looked at, by reason.
	LeftOut map[string]int `json:"left_out,omitempty"`
	// Cut is why the file was not read to its end.
	Cut string `json:"cut,omitempty"`
}

// A Connection is one TLS connection.
type Connection struct {
	Start  time.Time      `json:"start"`
	Client netip.AddrPort `json:"client"`
	Server netip.AddrPort `json:"server"`
	// ClientHello and ServerHello are the first ones. Retried means that the server asked
	// for a second ClientHello.
	ClientHello *ClientHello `json:"client_hello,omitempty"`
	ServerHello *ServerHello `json:"server_hello,omitempty"`
	Retried     bool         `json:"retried,omitempty"`
	// ALPN is the protocol that the server chose, where that can be read.
	ALPN   string      `json:"alpn,omitempty"`
	Alerts []SentAlert `json:"alerts,omitempty"`
	// FromClient and FromServer count the records.
	FromClient Traffic `json:"from_client"`
	FromServer Traffic `json:"from_server"`
	// Decrypted means that the key log had the keys. NotDecrypted is why not, if a key log
	// was given.
	Decrypted    bool   `json:"decrypted"`
	NotDecrypted string `json:"not_decrypted,omitempty"`
	// Incomplete is why the connection cannot be followed to its end.
	Incomplete string `json:"incomplete,omitempty"`
	// Messages are the handshake messages and alerts that can be read, in order.
	Messages []Message `json:"messages"`
	// Chain is the certificates of the server in DER, where they can be read, and
	// Certificates the same as data.
	Chain        [][]byte                   `json:"-"`
	Certificates []*certificate.Certificate `json:"certificates,omitempty"`
}

// A ClientHello is what a client offered.
type ClientHello struct {
	ServerName   string   `json:"server_name,omitempty"`
	Versions     []string `json:"versions"`
	CipherSuites []string `json:"cipher_suites"`
	Groups       []string `json:"groups,omitempty"`
	KeyShares    []string `json:"key_shares,omitempty"`
	Schemes      []string `json:"signature_schemes,omitempty"`
	ALPN         []string `json:"alpn,omitempty"`
	Extensions   []string `json:"extensions"`
	ECH          bool     `json:"ech"` // with a configuration, or a random value in its place
	JA3          string   `json:"ja3"`
	JA3Text      string   `json:"ja3_text"`
	JA4          string   `json:"ja4"`
	Length       int      `json:"length"` // bytes
}

// A ServerHello is what a server chose.
type ServerHello struct {
	Version     string   `json:"version"`
	CipherSuite string   `json:"cipher_suite"`
	Group       string   `json:"group,omitempty"`
	Extensions  []string `json:"extensions"`
	Resumed     bool     `json:"resumed"` // with a pre-shared key, or the session ID of the client
	JA3S        string   `json:"ja3s"`
	JA3SText    string   `json:"ja3s_text"`
}

// Traffic counts what one side sent.
type Traffic struct {
	Records map[string]int `json:"records"` // by content type; if decrypted, by the inner one
	Bytes   int64          `json:"bytes"`   // of application data; of its records if not decrypted
}

// A SentAlert is an alert that can be read.
type SentAlert struct {
	FromClient bool   `json:"from_client"`
	Fatal      bool   `json:"fatal"`
	Name       string `json:"name"`
}

// A Message is a handshake message, or an alert.
type Message struct {
	FromClient bool             `json:"from_client"`
	Type       iana.ContentType `json:"-"`
	Name       string           `json:"name"`
	Data       []byte           `json:"-"` // with its header
	Length     int              `json:"length"`
	Encrypted  bool             `json:"encrypted"`
}

// Bounds of what is kept. A capture with more is read to its end, and what is left out is
// counted.
const (
	maxConnections = 10_000
	maxMessages    = 200     // of a connection
	maxKept        = 1 << 20 // bytes of the messages of a connection
	maxKeptAll     = 256 << 20
	maxDescribed   = 512 << 20 // bytes of the descriptions, in all
	nameSize       = 64        // bytes of a name in a description
	decodedSize    = 4         // bytes of a certificate as data, for each in DER
)

// pair names a connection, whichever side sends.
type pair struct{ low, high netip.AddrPort }

func pairOf(s *segment) pair {
	if s.from.Compare(s.to) < 0 {
		return pair{s.from, s.to}
	}
	return pair{s.to, s.from}
}

// A reader gathers the connections of a capture.
type reader struct {
	result *Result
	open   map[pair]*tracker
	all    []*tracker
	keys   *KeyLog
	kept   int

	described int // bytes

	waiting, mostWaiting int // bytes, in all connections
	oldest               int // of all: the next one that is given up
}

// describes reports whether there is room for a description, and takes it: a ClientHello of 64
// KiB has 32,000 numbers, whose names are a megabyte.
func (c *reader) describes(size int) bool {
	if c.described+size > maxDescribed {
		c.result.LeftOut["messages beyond the bounds of what is described"]++
		return false
	}
	c.described += size
	return true
}

func newReader(log *KeyLog) *reader {
	return &reader{
		result: &Result{LeftOut: map[string]int{}}, open: map[pair]*tracker{}, keys: log,
		mostWaiting: maxWaitingAll,
	}
}

// Read reads a capture. log may be nil. An error means that the file is no capture, or that
// reading failed; a file that ends early is described up to there.
func Read(ctx context.Context, r io.Reader, log *KeyLog) (*Result, error) {
	source, err := open(r)
	if err != nil {
		return nil, err
	}
	c := newReader(log)
	for {
		if c.result.Packets%1000 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f, err := source.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.result.Cut = cutBy(err)
			break
		}
		c.result.Packets++
		c.frame(f)
	}
	c.finish()
	return c.result, nil
}

func cutBy(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "the file ends within a packet"
	}
	return err.Error()
}

// frame takes a packet.
func (c *reader) frame(f *frame) {
	if !knownLink(f.link) {
		c.result.LeftOut[fmt.Sprintf("link type %d is not known", f.link)]++
		return
	}
	s, what := f.parse()
	switch what {
	case isFragment:
		c.result.LeftOut["fragments of IP packets"]++
		return
	case isCut:
		c.result.LeftOut["packets that are too short"]++
		return
	case isOther:
		c.result.LeftOut["packets without TCP"]++
		return
	}
	if f.cut {
		c.result.LeftOut["packets that the capture cut (tcpdump -s 0 captures all)"]++
	}
	key := pairOf(s)
	t := c.open[key]
	// A client that connects again from the same port begins another connection.
	if t == nil || s.syn && t.ended {
		if len(c.all) >= maxConnections {
			c.result.LeftOut[fmt.Sprintf("packets beyond %d connections", maxConnections)]++
			return
		}
		t = &tracker{reader: c, start: certtext.Encodable(f.time)}
		c.open[key] = t
		c.all = append(c.all, t)
	}
	t.segment(s)
}

// finish puts the connections into the result.
func (c *reader) finish() {
	for _, t := range c.all {
		if t.c == nil {
			c.result.Other++
			continue
		}
		t.finish()
		c.result.Connections = append(c.result.Connections, t.c)
	}
}

// names returns the names of numbers.
func names[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}

// describeClient describes a ClientHello.
func describeClient(h *wire.ClientHello, length int) *ClientHello {
	d := &ClientHello{
		ServerName: h.ServerName, Versions: names(h.SupportedVersions),
		CipherSuites: names(h.CipherSuites), Groups: names(h.SupportedGroups),
		Schemes: names(h.SignatureAlgorithms), ALPN: h.ALPN, Extensions: names(h.Present),
		ECH: h.ECH != nil, JA4: JA4(h), Length: length,
	}
	if h.SupportedVersions == nil {
		d.Versions = []string{h.LegacyVersion.String()}
	}
	for _, share := range h.KeyShares {
		d.KeyShares = append(d.KeyShares, share.Group.String())
	}
	d.JA3, d.JA3Text = JA3(h)
	return d
}

// describeServer describes a ServerHello.
func describeServer(h *wire.ServerHello, clientSession []byte) *ServerHello {
	d := &ServerHello{
		Version: versionOf(h).String(), CipherSuite: h.CipherSuite.String(),
		Extensions: names(h.Present), Resumed: h.SelectedPSK != nil,
	}
	if h.KeyShare != nil {
		d.Group = h.KeyShare.Group.String()
	}
	if versionOf(h) < iana.TLS13 && len(clientSession) > 0 {
		d.Resumed = string(clientSession) == string(h.SessionID)
	}
	d.JA3S, d.JA3SText = JA3S(h)
	return d
}

func versionOf(h *wire.ServerHello) iana.Version {
	if h.SupportedVersion != 0 {
		return h.SupportedVersion
	}
	return h.LegacyVersion
}
