package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dns"
	"github.com/sealsock/sealsock/trust"
)

// A Target is a server.
type Target struct {
	// Dial opens a connection on which the server awaits a ClientHello.
	Dial func(context.Context) (net.Conn, error)
	// ServerName is sent as server_name, and verified. Empty sends none.
	ServerName string
	// Port is the TCP port, under which DNS has records; 0 asks DNS nothing.
	Port uint16
	// Trust verifies the certificate; nil means the system's authorities.
	Trust *trust.Policy
}

// Options bound a scan. The zero value means the defaults.
type Options struct {
	// Timeout bounds one connection; 0 means 5 seconds. A scan ends after 60 times that, and
	// the questions that are left have no answer.
	Timeout time.Duration
	// Parallel bounds the connections at a time; 0 means 8.
	Parallel int
	// DNS, if set, is asked for the records of the server.
	DNS *dns.Client
	// Step, if set, is called before each group of questions with its name.
	Step func(string)
}

// A Report is what was found out. Its JSON form is stable: fields are added, and never
// change their meaning.
type Report struct {
	// newest first
	Versions []Version `json:"versions"`
	// in the server's order, if it has one
	Groups     []iana.NamedGroup `json:"-"`
	GroupNames []string          `json:"groups"`
	// that the server signs with
	Schemes []Scheme `json:"signature_schemes"`
	// in the server's order
	ALPN []string `json:"alpn,omitempty"`
	// one for each kind of key
	Certificates []Chain `json:"certificates"`
	// a hybrid or ML-KEM group is accepted
	PostQuantum bool `json:"post_quantum"`
	// a chain with a key of ML-DSA, in which ML-DSA signed each certificate
	PostQuantumChain bool `json:"post_quantum_chain"`
	// "server", "client" or "unknown"
	Preference string `json:"preference"`
	// TLS 1.3: tickets after a handshake
	Tickets int `json:"tickets"`
	// a session was resumed
	Resumes bool `json:"resumes"`
	// how: "TLS 1.3 ticket", "TLS 1.2 ticket", "TLS 1.2 session ID"
	Resumption []string `json:"resumption,omitempty"`
	// seconds that a session may be resumed for
	TicketLifetime int64 `json:"ticket_lifetime,omitempty"`
	// bytes of 0-RTT data that tickets allow
	EarlyData uint32 `json:"early_data"`
	// retry configurations were sent
	ECHRetry bool `json:"ech"`
	// "secure" or "insecure": RFC 5746
	Renegotiation string `json:"renegotiation,omitempty"`
	// "refused", "accepted" or "ignored": a ClientHello on a connection of TLS 1.2
	ClientRenegotiation string `json:"client_renegotiation,omitempty"`
	// "refused" or "accepted": RFC 7507
	Fallback string `json:"fallback_scsv,omitempty"`
	EMS      string `json:"extended_master_secret,omitempty"`
	// "sent" or "missing", if TLS 1.3 is accepted and an older version too: RFC 9846,
	// Section 4.1.3
	DowngradeMark string `json:"downgrade_mark,omitempty"`
	// numbers that RFC 8701 reserves are "ignored", as they have to be, or "refused"
	GREASE string `json:"grease,omitempty"`
	// of the server's hello and EncryptedExtensions
	Extensions []string `json:"extensions,omitempty"`
	// a certificate of the client is asked for
	ClientCertificate bool `json:"client_certificate"`
	// names of the authorities that the server asks for
	ClientAuthorities []string `json:"client_authorities,omitempty"`
	// compression of records, before TLS 1.3
	TLSCompression bool `json:"tls_compression"`
	// RFC 6520
	Heartbeat bool `json:"heartbeat"`
	// "accepted", "stalls", …
	BigHello    string   `json:"big_client_hello"`
	Compression []string `json:"certificate_compression,omitempty"`
	// of the smallest prime seen
	DHBits int `json:"dh_bits,omitempty"`
	// nil if DNS was not asked
	Records *Records `json:"dns,omitempty"`
	// published weaknesses, those that were found first
	Flaws    []Flaw    `json:"flaws"`
	Problems []Problem `json:"problems"`
	Grade    string    `json:"grade"`
	// questions without an answer
	Unknown []string `json:"unknown,omitempty"`
	// what they leave open that the grade depends on: names of flaws and versions, and others
	// such as "certificates". With any, the grade is the best one that is possible.
	Open []string `json:"open,omitempty"`
	// questions that the server, or a middlebox before it, drops: it never answered them, and other
	// questions in the same moments. That is its refusal of what they ask for, such as a version
	Dropped     []string `json:"dropped,omitempty"`
	Connections int64    `json:"connections"`

	// the flaws that questions were asked for: found, not found, or absent without an answer
	probed map[string]bool
}

// A Version is one protocol version that the server accepts, with its cipher suites in the
// order in which the server chose them.
type Version struct {
	Version iana.Version       `json:"-"`
	Name    string             `json:"version"`
	Suites  []iana.CipherSuite `json:"-"`
	Names   []string           `json:"cipher_suites"`
	// Preference is "server" or "client"; empty if there is one suite, or no answer.
	Preference string `json:"preference,omitempty"`
}

// A Scheme is a signature scheme that the server signed a handshake with.
type Scheme struct {
	Version iana.Version         `json:"-"`
	ID      iana.SignatureScheme `json:"-"`
	Name    string               `json:"scheme"`
	In      string               `json:"version"`
}

type prober struct {
	target  *Target
	sni     string // what ClientHellos and DNS have of the name
	timeout time.Duration
	slots   chan struct{} // of connections
	turn    chan struct{} // of one question to be alone: see there
	asked   atomic.Int64
	dns     *dns.Client
	step    func(string)

	mu     sync.Mutex
	report *Report
	silent []*question // that wait to be asked again
}

// patience bounds a scan, in timeouts of one connection: a server that answers each question
// just in time, with one more cipher suite, could prolong it for an hour.
const patience = 60

// Scan asks the server. An error means that it does not speak TLS, or cannot be reached.
func Scan(ctx context.Context, target Target, options Options) (*Report, error) {
	p := &prober{
		target: &target, sni: sniOf(target.ServerName),
		timeout: options.Timeout, step: options.Step, dns: options.DNS,
		report: &Report{probed: map[string]bool{}},
	}
	if p.timeout == 0 {
		p.timeout = 5 * time.Second
	}
	if p.step == nil {
		p.step = func(string) {}
	}
	parallel := options.Parallel
	if parallel == 0 {
		parallel = 8
	}
	p.slots, p.turn = make(chan struct{}, parallel), make(chan struct{}, 1)
	bounded, cancel := context.WithTimeoutCause(ctx, patience*p.timeout,
		fmt.Errorf("the scan has taken %v", patience*p.timeout))
	defer cancel()
	p.step("versions")
	if err := p.versions(bounded); err != nil {
		return nil, err
	}
	p.step("cipher suites, groups, certificates")
	p.together(
		func() { p.suites(bounded) },
		func() { p.groups(bounded) },
		func() { p.details(bounded) },
		func() { p.handshakes(bounded) },
		func() { p.records(bounded) },
	)
	p.lastQuestion(bounded)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r := p.report
	r.Connections = p.asked.Load()
	slices.Sort(r.Unknown)
	r.Unknown = slices.Compact(r.Unknown)
	slices.Sort(r.Open)
	r.Open = slices.Compact(r.Open)
	slices.Sort(r.Dropped)
	r.Dropped = slices.Compact(r.Dropped)
	slices.Sort(r.Resumption)
	slices.Sort(r.Compression)
	r.flaws()
	r.judge(p.sni)
	return r, nil
}

// together runs functions at the same time and waits for all.
func (p *prober) together(functions ...func()) {
	var all sync.WaitGroup
	for _, f := range functions {
		all.Go(f)
	}
	all.Wait()
}

// note changes the report.
func (p *prober) note(change func(*Report)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.report)
}

// speaks reports whether the server accepted a version.
func (p *prober) speaks(v iana.Version) bool {
	return slices.Contains(p.report.accepted(), v)
}

// ErrNoTLS is wrapped by the error of a server that speaks no version of TLS or SSL.
var ErrNoTLS = errors.New("the server supports neither TLS nor SSL")

// ErrRefuses is wrapped by the error of a server that answers with alerts alone: it has TLS or SSL,
// and does not serve this client.
var ErrRefuses = errors.New("the server refuses every version of TLS and SSL")

// ErrCloses is the error of a server that closes each connection: whether it has TLS is unknown.
var ErrCloses = errors.New("the server closes each connection without an answer")

// ErrSilent is wrapped by the error of a server that sends nothing.
var ErrSilent = errors.New("the server did not answer in time")
