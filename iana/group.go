package iana

// NamedGroup is a group for key agreement. RFC 9846, Section 4.2.7.
type NamedGroup uint16

// The groups of RFC 8422, RFC 9846 and RFC 7919, and the hybrids of
// elliptic curves with ML-KEM.
const (
	SecP256r1          NamedGroup = 0x0017
	SecP384r1          NamedGroup = 0x0018
	SecP521r1          NamedGroup = 0x0019
	X25519             NamedGroup = 0x001d
	X448               NamedGroup = 0x001e
	FFDHE2048          NamedGroup = 0x0100
	FFDHE3072          NamedGroup = 0x0101
	FFDHE4096          NamedGroup = 0x0102
	FFDHE6144          NamedGroup = 0x0103
	FFDHE8192          NamedGroup = 0x0104
	MLKEM512           NamedGroup = 0x0200
	MLKEM768           NamedGroup = 0x0201
	MLKEM1024          NamedGroup = 0x0202
	SecP256r1MLKEM768  NamedGroup = 0x11eb
	X25519MLKEM768     NamedGroup = 0x11ec
	SecP384r1MLKEM1024 NamedGroup = 0x11ed
)

var groups = registry[NamedGroup]{"group", []name[NamedGroup]{
	{X25519MLKEM768, "X25519MLKEM768", ""},
	{SecP256r1MLKEM768, "SecP256r1MLKEM768", "P-256MLKEM768"},
	{SecP384r1MLKEM1024, "SecP384r1MLKEM1024", "P-384MLKEM1024"},
	{X25519, "x25519", "curve25519"},
	{SecP256r1, "secp256r1", "P-256 P256 prime256v1 CurveP256"},
	{SecP384r1, "secp384r1", "P-384 P384 CurveP384"},
	{SecP521r1, "secp521r1", "P-521 P521 CurveP521"},
	{X448, "x448", "curve448"},
	{FFDHE2048, "ffdhe2048", ""},
	{FFDHE3072, "ffdhe3072", ""},
	{FFDHE4096, "ffdhe4096", ""},
	{FFDHE6144, "ffdhe6144", ""},
	{FFDHE8192, "ffdhe8192", ""},
	{MLKEM512, "MLKEM512", "ML-KEM-512"},
	{MLKEM768, "MLKEM768", "ML-KEM-768"},
	{MLKEM1024, "MLKEM1024", "ML-KEM-1024"},
	{0x0013, "secp192r1", "P-192 prime192v1"},
	{0x0014, "secp224k1", ""},
	{0x0015, "secp224r1", "P-224"},
	{0x0016, "secp256k1", ""},
	{0x001a, "brainpoolP256r1", ""},
	{0x001b, "brainpoolP384r1", ""},
	{0x001c, "brainpoolP512r1", ""},
	{0x001f, "brainpoolP256r1tls13", ""},
	{0x0020, "brainpoolP384r1tls13", ""},
	{0x0021, "brainpoolP512r1tls13", ""},
	{0x0029, "curveSM2", "SM2"},
	{0x11ee, "curveSM2MLKEM768", ""},
	{0x6399, "X25519Kyber768Draft00", ""},
}}

// String returns the registry's name, such as "x25519", or "group 0x1234".
func (g NamedGroup) String() string { return groups.text(g) }

// ParseNamedGroup accepts the registry's names and "P-256", "prime256v1" and
// the like. The error suggests similar names.
func ParseNamedGroup(text string) (NamedGroup, error) { return groups.parse(text) }

// NamedGroups returns all groups with a name, in a new slice.
func NamedGroups() []NamedGroup { return groups.all() }
