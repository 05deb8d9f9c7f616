package main

import "github.com/sealsock/sealsock/iana"

// A settings holds the flags of one connection. Fields have the names of their
// flags; an expect field is compared with the result.
type settings struct {
	port        int
	ipv6        bool
	shimID      uint64
	server      bool
	dtls        bool
	quic        bool
	quicParams  []byte // transport parameters
	quicLegacy  int    // whether they are in an extension of a draft
	quicContext string // of 0-RTT data
	mtu         int
	timeout     int // until the first retransmission, in milliseconds
	resumeCount int

	minVersion, maxVersion uint16
	without                [5]bool // TLS 1.0 to 1.3 by minor version
	cipher                 string
	psk, pskIdentity       string
	policy                 string
	curves                 []iana.NamedGroup
	keyShares              []iana.NamedGroup
	verifyPrefs            []iana.SignatureScheme
	hostName               string
	advertiseALPN          string
	selectALPN             string
	srtpProfiles           string
	rejectALPN             bool
	declineALPN            bool
	maxCertList            int
	acceptedKinds          []iana.CertificateType
	shownKinds             []iana.CertificateType
	compression            bool
	oneCompression         iana.CertificateCompression

	usual       credential // the one without a -new flag
	credentials []*credential

	requireClientCert bool
	verifyPeer        bool
	verifyFail        bool
	reverify          bool
	clientCAs         string
	customVerify      bool
	ocspCallback      bool
	ocspFail          bool
	ocspDecline       bool
	ocspInCallback    bool
	failEarly         bool
	failHello         bool
	failCertificate   bool

	noTicket        bool
	skipTicket      bool
	earlyData       bool
	resumptionDelay int

	echConfigs        []byte
	echGREASE         bool
	echRejectUnusable bool
	echKeyConfigs     [][]byte
	echKeys           [][]byte
	echKeyOffered     []int

	async             bool
	implicit          bool
	shimWritesFirst   bool
	initialWrite      string
	initialWrites     int
	shimShutsDown     bool
	checkCloseNotify  bool
	readSize          int
	differentSizes    bool
	unfinishedWrite   bool
	keyUpdate         bool
	keyUpdateFirst    bool
	exportLength      int
	exportLabel       string
	exportContext     string
	exportContextUsed bool
	exportSecrets     bool
	tlsUnique         bool

	expect expectations
}

// An expectations holds the results that the flags require.
type expectations struct {
	version            uint16
	alpn               string
	advertisedALPN     string
	serverName         string
	noServerName       bool
	sessionMiss        bool
	noSession          bool
	earlyTicket        bool
	renewal            bool
	storedSession      bool // under an ID, on a server
	noStoredSession    bool
	extendedMaster     bool
	accepted, rejected bool // 0-RTT data
	notOffered         bool // 0-RTT data
	earlyReason        string
	ocsp               []byte
	scts               []byte
	peerCert           string
	noPeerCert         bool
	peerScheme         uint16
	peerPrefs          []uint16
	group              uint16
	cipher             uint16
	cipherAES          uint16
	clientCAs          string
	retry, noRetry     bool
	credential         int
	hasCredential      bool
	neverDone          bool
	quicParams         []byte
	messages           string
	kind               iana.CertificateType
	hasKind            bool
	rawKeyHash         []byte
	encrypted          bool   // Encrypted ClientHello
	echName            string // the public name that is verified instead
	echNoName          bool
	echRetry           []byte
	echNoRetry         bool
}

// A credentialKind is the kind of a credential.
type credentialKind int

const (
	kindX509 credentialKind = iota
	kindPSK
	kindRawKey
	kindDelegated
)

// A credential holds the flags of one certificate or pre-shared key.
type credential struct {
	kind            credentialKind
	certFile        string
	keyFile         string
	signingPrefs    []iana.SignatureScheme
	ocsp            []byte
	scts            []byte
	mustMatchIssuer bool
	delegated       []byte

	pskKey, pskIdentity, pskContext []byte
	pskHash                         int // 256 or 384
}

// current returns the credential that flags apply to: the newest.
func (s *settings) current() *credential {
	if n := len(s.credentials); n > 0 {
		return s.credentials[n-1]
	}
	return &s.usual
}
