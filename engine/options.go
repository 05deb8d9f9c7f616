package engine

import (
	"io"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// Options are the settings of the protocol. A Config of this package has them, and so
// has a Config of package sealsock, where they are set like its own fields. The zero
// value offers and accepts what is secure today.
type Options struct {
	// MinVersion and MaxVersion bound the version; zero means the engine's own
	// bounds, TLS 1.2 and TLS 1.3.
	MinVersion, MaxVersion iana.Version
	// CipherSuites, Groups and SignatureSchemes list what is offered or
	// accepted, in order of preference; nil means the defaults. A server with nil
	// Groups does not use P-521, which costs it most. AES-CCM, X448, the groups
	// of RFC 7919 (ffdhe2048 to ffdhe8192, for TLS 1.3) and ML-KEM alone are not
	// among the defaults and have to be listed.
	CipherSuites     []iana.CipherSuite
	Groups           []iana.NamedGroup
	SignatureSchemes []iana.SignatureScheme
	// KeyShares lists the groups that a client sends shares for; nil means
	// the first group, and the first classical one if it comes at no cost.
	KeyShares []iana.NamedGroup
	// ALPN lists application protocols, in order of preference, each 1 to 255 bytes
	// long. A server that shares none with the client ends the handshake. RFC 7301.
	ALPN []string
	// NoCompatibilityMode disables middlebox compatibility mode
	// (RFC 9846, Appendix D.4).
	NoCompatibilityMode bool
	// RequireExtendedMasterSecret refuses peers of TLS 1.2 without RFC 7627.
	// Others are accepted, but their connections cannot be resumed, and have
	// neither exporters nor tls-unique.
	RequireExtendedMasterSecret bool

	// ClientAuth is whether a server asks for a client certificate.
	ClientAuth ClientAuth
	// ClientAuthorities are the names, in DER, of the authorities that a server
	// sends as trusted. They help clients choose a certificate; empty sends none.
	ClientAuthorities [][]byte
	// PostHandshakeAuth lets a server ask this client for a certificate after the
	// handshake. With one of PSKs the answer is none. RFC 9846, Sections 4.3.2 and 4.6.2.
	PostHandshakeAuth bool
	// AcceptRawKeys accepts a raw public key from the peer in place of a
	// certificate, if it has one (RFC 7250). OnlyRawKeys accepts nothing else.
	AcceptRawKeys, OnlyRawKeys bool
	// DelegatedSchemes lists the signature schemes that a client accepts in
	// delegated credentials (RFC 9345); nil accepts none. The rsa_pss_rsae schemes
	// are not for them.
	DelegatedSchemes []iana.SignatureScheme
	// Compressors are the algorithms of certificate compression (RFC 8879), in order
	// of preference: see package certcompress.
	Compressors []Compressor

	// Tickets, if set, lets a server's clients resume sessions. NumTickets is how many
	// tickets follow a handshake: 0 means 2, a negative number none. TicketLifetime is
	// how long they are valid: 0 means a day; at most seven days.
	Tickets        Tickets
	NumTickets     int
	TicketLifetime time.Duration
	// TicketsWithData makes a server of TLS 1.3 send the tickets of a handshake in front of
	// its first application data. Otherwise they follow the handshake at once, which a
	// client that never reads does not take, over a connection without a buffer or when it
	// closes early. Over datagrams it has no effect.
	TicketsWithData bool
	// TicketRequest, if set, makes a client of TLS 1.3 ask for a number of tickets, which
	// the server may lower (RFC 9149). A server sends as many as its client asks for, but
	// no more than NumTickets or eight, whichever is more.
	TicketRequest *TicketRequest
	// SessionIDs, if set, lets clients of TLS 1.2 that take no tickets resume
	// by session ID.
	SessionIDs SessionIDs
	// NoTickets makes a client of TLS 1.2 take no tickets: it resumes by
	// session ID alone.
	NoTickets bool
	// ResumptionLimit is how long after a peer proved itself, by a signature or a
	// pre-shared key, its sessions may be resumed, those made on resumed connections
	// too. Then there is a full handshake. 0 means seven days, which is the most.
	// RFC 9846, Section 4.6.1.
	ResumptionLimit time.Duration

	// PSKs are the external pre-shared keys that a client offers. A peer that has the
	// key is trusted: a server that accepts one shows no certificate.
	PSKs []*PSK
	// PSKHint is the hint by which clients of TLS 1.2 choose the right key for
	// this server; it is sent in the clear.
	PSKHint []byte
	// PSKWithoutDHE also allows pre-shared keys without a key exchange
	// (psk_ke), which gives up forward secrecy.
	PSKWithoutDHE bool

	// EarlyData lets a client send 0-RTT data with its session or the first of
	// PSKs, if that allows it. An attacker may replay it.
	EarlyData bool
	// MaxEarlyData is how many bytes of 0-RTT data a server takes; 0 refuses
	// them all. It also needs AntiReplay.
	MaxEarlyData uint32
	AntiReplay   AntiReplay

	// ECHKeys are a server's keys for Encrypted ClientHello (RFC 9849). Those that
	// are not retired are offered to clients that have an old one.
	ECHKeys []*ECHKey
	// ECHBackend makes a server accept an inner ClientHello that another server
	// decrypted and forwarded. No one else may be able to write to the channel
	// between the two.
	ECHBackend bool
	// ECHGREASE makes a client without ECHConfigs send an encrypted_client_hello of
	// random bytes.
	ECHGREASE bool

	// RecordSizeLimit is the largest record that this side accepts,
	// in bytes of plaintext, 64 to 16384 (RFC 8449); 0 means no limit of its
	// own. A peer's limit is always kept.
	RecordSizeLimit int
	// MaxFragmentLength is what a client asks for instead with the older
	// extension of RFC 6066, Section 4: 512, 1024, 2048 or 4096 bytes.
	MaxFragmentLength int
	// Padding, if set, returns how many bytes of padding to add to a record of n
	// bytes of data (RFC 9846, Section 5.4). What does not fit is cut off: into a
	// record, and over datagrams into the MTU.
	Padding func(n int) int
	// DynamicRecords starts with small records, which arrive in one packet
	// each, and changes to large ones when data keeps flowing.
	DynamicRecords bool
	// MaxRecordsPerKey bounds how many records one key of TLS 1.3 protects
	// before it is replaced; 0 means the suite's own limit. A larger value
	// than that is cut down to it. RFC 9846, Section 5.5.
	MaxRecordsPerKey uint64
	// MaxHandshakeMessage bounds one handshake message, in bytes. 0 means 64 KiB
	// for a ClientHello, which any client can send, and 128 KiB for others.
	MaxHandshakeMessage int
	// HelloRetryCookie makes a server send a HelloRetryRequest with a
	// cookie to clients whose share it cannot use; it returns the cookie.
	HelloRetryCookie func() []byte

	// ConnectionIDLength is the length in bytes of the connection IDs that this side receives in
	// the datagrams of its peer, 1 to 32: by them a connection of DTLS continues when the
	// address of the peer changes. With 0 a server receives 8 bytes and a client none: it offers
	// to send the server's, as RFC 9147, Section 5.1, advises. A negative number disables
	// them. They are in the clear, so those who see both addresses can tell that the
	// connection is the same. RFC 9146; RFC 9147, Section 9.
	ConnectionIDLength int
	// SRTPProfiles lists, for DTLS, the protection profiles of SRTP that are offered or
	// accepted, in order of preference; nil does without use_srtp. DatagramState.SRTPProfile is
	// the one that was chosen, 0 if the peers share none. RFC 5764.
	SRTPProfiles []iana.SRTPProfile

	// Now is the clock. The engine has none of its own: with nil it neither keeps nor
	// resumes sessions. With package sealsock nil means the system's clock.
	Now func() time.Time
	// Rand is the source of randomness; nil means crypto/rand.Reader.
	Rand io.Reader
	// Trace, if set, is called with each message and alert in the clear, as it is
	// sent or received. It must not keep Trace.Data.
	Trace func(Trace)
}

// A TicketRequest is how many tickets a client asks for: New after a full handshake, and
// Resumed after one that resumes a session. RFC 9149, Section 3.
type TicketRequest struct{ New, Resumed uint8 }

// ClientAuth is a server's policy for client certificates.
type ClientAuth uint8

// The ways to treat client certificates in the handshake.
const (
	NoClientCert      ClientAuth = iota // do not ask
	RequestClientCert                   // ask, and continue without one
	RequireClientCert                   // ask, and refuse without one
)
