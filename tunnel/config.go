package tunnel

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Config describes the tunnels of one process. [Load] reads it from a file in TOML, whose
// keys are the names in the tags. It is plain data: [New] makes it work.
type Config struct {
	// Drain is how long connections may last after the process was asked to stop, and how
	// long the old process of an upgrade waits for connections that cannot move. 0 means
	// 30 seconds.
	Drain Duration `toml:"drain,omitempty"`
	// Admin is the address of the status page, the metrics and the health check. They are
	// plaintext HTTP, so it should be a UNIX socket or a loopback address. Empty means none.
	Admin string `toml:"admin,omitempty"`
	// PID names a file for the number of the process. `seal tunnel upgrade` and `seal tunnel
	// reload` find the process by it.
	PID string `toml:"pid,omitempty"`
	// User and Group are whom the process becomes once it listens: names or numbers. An
	// empty Group means the groups of the user.
	User  string `toml:"user,omitempty"`
	Group string `toml:"group,omitempty"`
	// Sandbox, on Linux, forbids the process new privileges and all files but those that
	// this Config names, once it listens.
	Sandbox bool `toml:"sandbox,omitempty"`
	// Watch is how often the configuration file and the files that it names are looked at; those
	// that have changed are read again, as at SIGHUP. 0 means that only SIGHUP does so, but for
	// certificates, their keys and OCSP responses, which are always read again.
	Watch Duration `toml:"watch,omitempty"`
	// Writable are further folders that the process may write to in the sandbox.
	Writable []string `toml:"writable,omitempty"`

	Log     Log      `toml:"log,omitempty"`
	Fleet   Fleet    `toml:"fleet,omitempty"`
	Tunnels []Tunnel `toml:"tunnel,omitempty"`
}

// Log is what is logged.
type Log struct {
	Level  string `toml:"level,omitempty"`  // debug, info (the default), warn or error
	Format string `toml:"format,omitempty"` // text (the default) or json
	// File is appended to; empty means standard error. A reload opens it again.
	File string `toml:"file,omitempty"`
}

// Fleet is what several processes behind one address share.
type Fleet struct {
	// NATS is the URL of the NATS server, nats:// or tls://, over which ticket keys, 0-RTT
	// attempts and the counts of Limits.Rate are shared, or several URLs with commas between
	// them. Empty means that each process has its own. Keys and attempts are not used by tunnels
	// that ask clients for certificates. A Server takes them in [Options].
	NATS string `toml:"nats,omitempty"`
	// Secret names the file of the secret that the processes share, a line of 64 hexadecimal
	// digits.
	Secret string `toml:"secret,omitempty"`
	// Auth names a file with what authenticates to NATS, and CA the authorities of tls://.
	// TLSFirst begins TLS at once.
	Auth     string   `toml:"auth,omitempty"`
	CA       []string `toml:"ca,omitempty"`
	TLSFirst bool     `toml:"tls_first,omitempty"`
}

// A Tunnel accepts connections and forwards each to a backend. With Server it decrypts what
// clients send, with Client it encrypts what backends receive, and with both it does both.
// With neither, every route must pass connections through undecrypted.
type Tunnel struct {
	Name string `toml:"name"`
	// Listen are the addresses to accept on, in the forms of package address.
	Listen []string `toml:"listen"`
	// Server is the encryption between clients and the tunnel; nil for plaintext.
	Server *TLS `toml:"server,omitempty"`
	// Client is the encryption between the tunnel and its backends; nil for plaintext.
	Client *TLS `toml:"client,omitempty"`

	// Backends are where connections go that no route chooses.
	Backends []Backend `toml:"backend,omitempty"`
	// Balance selects a backend: "least-connections" (the default), "round-robin", "hash"
	// (of the client's IP address, so that a client stays with its backend while the others
	// come and go), or "first" (the first that is up).
	Balance string `toml:"balance,omitempty"`
	// Routes are tried in order.
	Routes []Route `toml:"route,omitempty"`

	Health Health `toml:"health,omitempty"`
	Proxy  Proxy  `toml:"proxy,omitempty"`
	Access Access `toml:"access,omitempty"`
	Limits Limits `toml:"limits,omitempty"`
}

// TLS is the encryption of one side of a tunnel. Its zero value is safe, as that of
// sealsock.Config is.
type TLS struct {
	// Cert and Key are the files of this side's certificate, in PEM, DER or PKCS #12. Key may
	// be empty if Cert has both. Files that change are read again.
	Cert string `toml:"cert,omitempty"`
	Key  string `toml:"key,omitempty"`
	// PasswordFile names a file whose first line decrypts the key.
	PasswordFile string `toml:"password_file,omitempty"`
	// Certificates are further ones of a server, which chooses by the name that the client
	// asks for.
	Certificates []Certificate `toml:"certificate,omitempty"`

	// ACME and Authority obtain the certificate of a server and renew it, in place of Cert.
	ACME      *ACME      `toml:"acme,omitempty"`
	Authority *Authority `toml:"authority,omitempty"`

	// ClientAuth, of a server, is none, request or require. The default is require if CA,
	// CADir, Pins or Peers is set, and none otherwise.
	ClientAuth string `toml:"client_auth,omitempty"`
	// ServerName, of a client, is the name that backends must prove; empty means the host of
	// the backend.
	ServerName string `toml:"server_name,omitempty"`
	// CA and CADir are files and folders of authorities; none means those of the system for
	// a client.
	CA    []string `toml:"ca,omitempty"`
	CADir []string `toml:"ca_dir,omitempty"`
	// Pins are hashes of the keys of peers, as trust.ParsePin reads them. Without CA and
	// CADir they take the place of an authority.
	Pins []string `toml:"pins,omitempty"`
	// AnyName, of a client, accepts a backend whose certificate has another name. It needs CA
	// or CADir.
	AnyName bool `toml:"any_name,omitempty"`
	// Insecure accepts any certificate of the peer: anyone on the path can take its place.
	Insecure bool `toml:"insecure,omitempty"`
	// CRL are files and folders of revocation lists.
	CRL []string `toml:"crl,omitempty"`
	// Revocation is off, prefer (ask the authority) or require (and refuse without an
	// answer). The default uses CRL and stapled responses only.
	Revocation string `toml:"revocation,omitempty"`
	// RevocationCache is a folder for answers of authorities; empty keeps them in memory.
	RevocationCache string `toml:"revocation_cache,omitempty"`
	// Staple names a file with an OCSP response in DER that a server sends along. It is
	// read again when it changes.
	Staple string `toml:"staple,omitempty"`

	// Peers are rules about the peer's certificate. Match is any (the default: one of them
	// must hold) or all.
	Peers []PeerRule `toml:"peer,omitempty"`
	Match string     `toml:"match,omitempty"`

	// PSKFile names a file of pre-shared keys with a line IDENTITY:HEX for each. A client
	// offers the first; PSKIdentity selects another.
	PSKFile     string `toml:"psk_file,omitempty"`
	PSKIdentity string `toml:"psk_identity,omitempty"`

	// ALPN are application protocols, in order of preference.
	ALPN []string `toml:"alpn,omitempty"`
	// MinVersion and MaxVersion are "1.2" or "1.3".
	MinVersion string `toml:"min_version,omitempty"`
	MaxVersion string `toml:"max_version,omitempty"`
	// Suites and Groups restrict what is negotiated, by the names of the registries or of
	// OpenSSL.
	Suites []string `toml:"suites,omitempty"`
	Groups []string `toml:"groups,omitempty"`
	// Tickets is how many session tickets a client receives; 0 means 2, -1 none.
	Tickets int `toml:"tickets,omitempty"`
	// MaxEarlyData, of a server, is how many bytes of 0-RTT data it takes from a client that
	// resumes; 0 refuses such data. It is forwarded after the handshake, in which the client has
	// proved that it is there, so that a backend receives no flight that was replayed.
	MaxEarlyData Amount `toml:"max_early_data,omitempty"`
	// StartTLS names a protocol that begins in plaintext, as starttls.Protocols lists them.
	StartTLS string `toml:"starttls,omitempty"`
}

// A Certificate is a further certificate of a server.
type Certificate struct {
	Cert   string `toml:"cert"`
	Key    string `toml:"key,omitempty"`
	Staple string `toml:"staple,omitempty"` // as TLS.Staple
}

// ACME is an authority that issues certificates by RFC 8555, such as Let's Encrypt. It connects to
// port 443 of each name for its proof (RFC 8737), which must lead to this tunnel.
type ACME struct {
	// Names are the DNS names; a client that asks for another one is refused.
	Names []string `toml:"names"`
	// Directory is the URL of the authority's directory; empty means Let's Encrypt. CA are files
	// of authorities for the certificate of that URL; none means those of the system.
	Directory string   `toml:"directory,omitempty"`
	CA        []string `toml:"ca,omitempty"`
	// Cache is a folder for the account, the keys and the certificates.
	Cache string `toml:"cache"`
	// Email is where the authority may write to.
	Email string `toml:"email,omitempty"`
	// AcceptTerms accepts the authority's terms of service. It must be true.
	AcceptTerms bool `toml:"accept_terms"`
}

// Authority is one of `seal ca`, on this machine.
type Authority struct {
	// Folder is where the authority is. The process must be able to write to it.
	Folder string `toml:"folder"`
	// Names are the names of the certificate.
	Names []string `toml:"names"`
}

// A PeerRule is about the peer's certificate. Each list that is not empty must have an entry
// that holds. In an entry "*" stands for any text without a dot (DNS) or a slash (URI), or
// for any text (CN, OU, Issuer), and a URI that ends in "/**" for everything below.
type PeerRule struct {
	CN     []string `toml:"cn,omitempty"`     // the subject's common name
	OU     []string `toml:"ou,omitempty"`     // an organizational unit of the subject
	DNS    []string `toml:"dns,omitempty"`    // a DNS name
	URI    []string `toml:"uri,omitempty"`    // a URI, such as a SPIFFE ID
	Pin    []string `toml:"pin,omitempty"`    // the hash of the key
	Issuer []string `toml:"issuer,omitempty"` // the common name of the issuer
}

// A Backend is a server that connections are forwarded to.
type Backend struct {
	Address string `toml:"address"`
	// Weight is its share of the connections; 0 means 1.
	Weight int `toml:"weight,omitempty"`
	// Backup is used only while no other backend is up.
	Backup bool `toml:"backup,omitempty"`
	// ServerName replaces that of Client for this backend.
	ServerName string `toml:"server_name,omitempty"`
}

// A Route selects backends for the connections whose client asks for certain names or
// protocols.
type Route struct {
	// ServerNames and ALPN restrict the route; an empty list matches all connections. A name
	// may be "*.example.com", which matches names with one label more, and "" matches
	// clients without a name.
	ServerNames []string `toml:"server_names,omitempty"`
	ALPN        []string `toml:"alpn,omitempty"`
	// Pass forwards the connection as it is, without decrypting it. Then ALPN is what the
	// client offers. The names are those in the clear: with Encrypted ClientHello they are
	// the public one.
	Pass bool `toml:"pass,omitempty"`
	// Deny refuses the connection.
	Deny     bool      `toml:"deny,omitempty"`
	Backends []Backend `toml:"backend,omitempty"`
}

// Health is how backends are checked.
type Health struct {
	// Interval is the time between two checks; 0 means no checks: a backend that cannot be
	// reached is left alone for Retry.
	Interval Duration `toml:"interval,omitempty"`
	Timeout  Duration `toml:"timeout,omitempty"` // of a check; 0 means 2 seconds
	Fall     int      `toml:"fall,omitempty"`    // failures after which a backend is down; 0 means 2
	Rise     int      `toml:"rise,omitempty"`    // successes after which it is up again; 0 means 1
	Retry    Duration `toml:"retry,omitempty"`   // 0 means 5 seconds
}

// Proxy is the use of the PROXY protocol.
type Proxy struct {
	// Accept lists the networks whose connections begin with a header; all others are
	// refused. "unix" stands for UNIX sockets and "any" for all.
	Accept []string `toml:"accept,omitempty"`
	// Send is the version of the header that backends receive, 1 or 2; 0 for none.
	Send int `toml:"send,omitempty"`
}

// Access is who may connect, by address. Certificates are the matter of TLS.Peers.
type Access struct {
	Allow []string `toml:"allow,omitempty"` // networks; empty means all
	Deny  []string `toml:"deny,omitempty"`  // networks that are refused, also if Allow has them
}

// Limits bound what clients may take. A peer is an IPv4 address, or an IPv6 network of 64
// bits.
type Limits struct {
	Connections        int    `toml:"connections,omitempty"`          // at once; 0 means 16384
	ConnectionsPerPeer int    `toml:"connections_per_peer,omitempty"` // 0 means no bound
	Handshakes         int    `toml:"handshakes,omitempty"`           // at once; 0 means 8192
	Rate               Rate   `toml:"rate,omitempty"`                 // of connections, per peer
	Bandwidth          Amount `toml:"bandwidth,omitempty"`            // bytes a second, per connection
	BandwidthPerPeer   Amount `toml:"bandwidth_per_peer,omitempty"`   // bytes a second, per peer
	Bytes              Amount `toml:"bytes,omitempty"`                // of a connection

	Handshake Duration `toml:"handshake,omitempty"` // time for it; 0 means 10 seconds
	Connect   Duration `toml:"connect,omitempty"`   // time to reach a backend; 0 means 10 seconds
	Idle      Duration `toml:"idle,omitempty"`      // time without data; 0 means no bound
	Lifetime  Duration `toml:"lifetime,omitempty"`  // of a connection; 0 means no bound
}

// A Duration is a time, such as "30s" or "5m".
type Duration time.Duration

// UnmarshalText parses a time.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no time: write 30s, 5m or 1h", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText is the reverse of UnmarshalText.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// or returns d, or another time in place of 0.
func (d Duration) or(otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}

// An Amount is a number of bytes, such as "64KiB", "10MB" or "1500".
type Amount int64

// units are those of an Amount, the longest first.
var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText parses an amount.
func (a *Amount) UnmarshalText(text []byte) error {
	number, size := strings.TrimSpace(string(text)), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, size = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/size {
		return fmt.Errorf("%q is no number of bytes: write 1500, 64KiB or 10MB", text)
	}
	*a = Amount(n * size)
	return nil
}

// MarshalText is the reverse of UnmarshalText.
func (a Amount) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(a), 10), nil }

// A Rate is a number of events in a time, such as "10/1m" or "5/s".
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText parses a rate.
func (r *Rate) UnmarshalText(text []byte) error {
	number, each, ok := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(number)
	per, timeErr := time.ParseDuration(each)
	if timeErr != nil { // "10/m" is ten a minute
		per, timeErr = time.ParseDuration("1" + each)
	}
	if !ok || err != nil || n <= 0 || timeErr != nil || per <= 0 {
		return fmt.Errorf("%q is not a number and a time: write 10/1m for ten a minute", text)
	}
	*r = Rate{n, per}
	return nil
}

// MarshalText is the reverse of UnmarshalText.
func (r Rate) MarshalText() ([]byte, error) {
	if r == (Rate{}) {
		return nil, nil
	}
	return fmt.Appendf(nil, "%d/%v", r.Count, r.Per), nil
}

// IsZero reports whether r bounds nothing.
func (r Rate) IsZero() bool { return r == Rate{} }
