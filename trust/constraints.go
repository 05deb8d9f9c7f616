package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	encodingasn1 "encoding/asn1"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
)

// Name constraints (RFC 5280, Section 4.2.1.10) are checked twice. crypto/x509
// compares DNS names, IP addresses, e-mail addresses and URIs. This file adds what it
// leaves out: directory names, in the subject and among the alternative names; e-mail
// addresses in the subject; hosts that match exactly, where crypto/x509 lets a
// constraint on an e-mail or URI host permit the hosts below it too; and names of
// forms that neither side compares, which are refused where they are constrained. It
// makes no difference whether the extension is critical.

// The tags of GeneralName.
const (
	nameOther     = "0" // followed by the type, since constraints are on one type
	nameMail      = "1"
	nameDirectory = "4"
	nameURI       = "6"

	nameUnicodeMail = nameOther + "\x2b\x06\x01\x05\x05\x07\x08\x09" // SmtpUTF8Mailbox
)

// constraints are the name constraints of one authority.
type constraints struct {
	permitted, excluded subtrees
	unprocessed         map[string]bool // by form
}

// subtrees are sets, so that the work for a name does not grow with their size.
type subtrees struct {
	directories map[digest]bool
	mailboxes   map[string]bool // the host in lower case
	mailHosts   hostSet
	hosts       hostSet // of URIs
	unfolded    bool    // one of directories is
}

// digest stands for the first relative names of a directory name: the digest of all
// but the last, and the last in canonical form, hashed.
type digest [sha256.Size]byte

// unhandled returns the critical extensions of c that are not understood. Name
// constraints are understood, also those that crypto/x509 does not handle.
func unhandled(c *x509.Certificate) []encodingasn1.ObjectIdentifier {
	if !hasNameConstraints(c) {
		return c.UnhandledCriticalExtensions
	}
	return slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions),
		func(id encodingasn1.ObjectIdentifier) bool { return id.Equal(oidNameConstraints) })
}

// forVerify returns c as crypto/x509 is to see it: name constraints are not among
// what it must refuse, and a self-issued intermediate has no names to constrain (RFC
// 5280, Section 6.1.3 (b) and (c)). It returns c itself where nothing changes.
func forVerify(c *x509.Certificate, intermediate bool) *x509.Certificate {
	exempt := intermediate && certtext.SelfIssued(c) && extension(c, oidSubjectAltName) != nil
	if !exempt && len(unhandled(c)) == len(c.UnhandledCriticalExtensions) {
		return c
	}
	twin := *c
	twin.UnhandledCriticalExtensions = unhandled(c)
	if exempt {
		twin.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions),
			func(e pkix.Extension) bool { return e.Id.Equal(oidSubjectAltName) })
	}
	return &twin
}

// nameChecker remembers the names and constraints of certificates while one peer is
// verified, since many paths may lead through one certificate.
type nameChecker struct {
	names  map[*x509.Certificate]*certNames
	limits map[string]*constraints // by the value of the extension
	wrong  map[comparison]string   // what constraints.refuse returned
}

// comparison is one set of names under one set of constraints.
type comparison struct {
	limits *constraints
	names  *certNames
}

// check holds each certificate of a path against the constraints of those above it,
// except self-issued ones that are not the leaf (RFC 5280, Section 6.1.3 (b), (c)).
func (n *nameChecker) check(chain []*x509.Certificate) error {
	for above := len(chain) - 1; above > 0; above-- {
		e := extension(chain[above], oidNameConstraints)
		if e == nil {
			continue
		}
		limits, err := n.limitsOf(e.Value)
		if err != nil {
			return constraintError(chain[above], "its name constraints are malformed", err)
		}
		for i := above - 1; i >= 0; i-- {
			if i > 0 && certtext.SelfIssued(chain[i]) {
				continue
			}
			names, err := n.of(chain[i])
			if err != nil {
				return constraintError(chain[i], "its names are malformed", err)
			}
			if wrong := n.refuse(limits, names); wrong != "" {
				return constraintError(chain[i],
					wrong+" by the constraints of "+certtext.Describe(chain[above]), nil)
			}
		}
	}
	return nil
}

func (n *nameChecker) of(c *x509.Certificate) (*certNames, error) {
	if known := n.names[c]; known != nil {
		return known, nil
	}
	names, err := namesIn(c)
	if err == nil {
		if n.names == nil {
			n.names = make(map[*x509.Certificate]*certNames)
		}
		n.names[c] = names
	}
	return names, err
}

func (n *nameChecker) limitsOf(value []byte) (*constraints, error) {
	if known := n.limits[string(value)]; known != nil {
		return known, nil
	}
	limits, err := parseConstraints(value)
	if err == nil {
		if n.limits == nil {
			n.limits = make(map[string]*constraints)
		}
		n.limits[string(value)] = limits
	}
	return limits, err
}

func (n *nameChecker) refuse(limits *constraints, names *certNames) string {
	one := comparison{limits, names}
	wrong, done := n.wrong[one]
	if !done {
		if n.wrong == nil {
			n.wrong = make(map[comparison]string)
		}
		wrong = limits.refuse(names)
		n.wrong[one] = wrong
	}
	return wrong
}

func constraintError(c *x509.Certificate, got string, err error) error {
	return &Error{Code: CodeNameConstraint, Certificate: c, Got: got, Err: err,
		Hint: "ask an authority that may sign for these names"}
}

// certNames are the names of a certificate, for constraints.
type certNames struct {
	forms       []string // of all names, each once
	directories []directory
	mails       []string // e-mail addresses of the subject and alternative names
	hosts       []string // of URIs; "" for one without
}

// directory is a directory name: the digests of its beginnings, shortest first. The
// first is that of the empty name.
type directory struct {
	raw      []byte
	starts   []digest
	unfolded bool // it cannot be compared without regard to case
}

var errName = errors.New("a name is malformed")

func namesIn(c *x509.Certificate) (*certNames, error) {
	names := new(certNames)
	forms := map[string]bool{}
	subject, err := parseDirectory(c.RawSubject)
	if err != nil {
		return nil, err
	}
	if len(subject.starts) > 1 {
		forms[nameDirectory] = true
		names.directories = append(names.directories, subject)
	}
	for _, u := range c.URIs {
		names.hosts = append(names.hosts, strings.ToLower(u.Hostname()))
	}
	names.mails = slices.Concat(c.EmailAddresses, subjectMails(c))
	if len(names.mails) > 0 {
		forms[nameMail] = true
	}
	if e := extension(c, oidSubjectAltName); e != nil {
		if err := names.alternatives(e.Value, forms); err != nil {
			return nil, err
		}
	}
	for form := range forms {
		names.forms = append(names.forms, form)
	}
	return names, nil
}

func (names *certNames) alternatives(value []byte, forms map[string]bool) error {
	in := cryptobyte.String(value)
	var list cryptobyte.String
	if !in.ReadASN1(&list, asn1.SEQUENCE) || !in.Empty() {
		return errName
	}
	for !list.Empty() {
		form, content, ok := readGeneralName(&list)
		if !ok {
			return errName
		}
		forms[form] = true
		switch form {
		case nameDirectory:
			d, err := parseDirectory(content)
			if err != nil {
				return err
			}
			names.directories = append(names.directories, d)
		case nameUnicodeMail:
			address, ok := readUnicodeMail(content)
			if !ok {
				return errName
			}
			forms[nameMail] = true
			names.mails = append(names.mails, address)
		}
	}
	return nil
}

// readGeneralName returns the form of a name and its contents.
func readGeneralName(in *cryptobyte.String) (form string, content cryptobyte.String, ok bool) {
	var tag asn1.Tag
	if !in.ReadAnyASN1(&content, &tag) || tag&0xc0 != 0x80 {
		return "", nil, false
	}
	form = strconv.Itoa(int(tag & 0x1f))
	switch form {
	case nameOther:
		var oid cryptobyte.String
		if whole := content; !whole.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return "", nil, false
		}
		form += string(oid)
	case nameDirectory: // explicit, since Name is a CHOICE
		whole := content
		return form, content, whole.SkipASN1(asn1.SEQUENCE) && whole.Empty()
	}
	return form, content, true
}

// parseConstraints reads NameConstraints.
func parseConstraints(value []byte) (*constraints, error) {
	c := &constraints{unprocessed: map[string]bool{}}
	in := cryptobyte.String(value)
	var body, permitted, excluded cryptobyte.String
	var some bool
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadOptionalASN1(&permitted, &some, explicit(0)) ||
		!body.ReadOptionalASN1(&excluded, &some, explicit(1)) || !body.Empty() {
		return nil, errName
	}
	if err := c.permitted.parse(permitted, c.unprocessed); err != nil {
		return nil, err
	}
	return c, c.excluded.parse(excluded, c.unprocessed)
}

// parse reads GeneralSubtrees. A subtree with a minimum or maximum is not processed
// (RFC 5280, Section 4.2.1.10: they are not used), nor is one of a form that neither
// this file nor crypto/x509 compares.
func (s *subtrees) parse(in cryptobyte.String, unprocessed map[string]bool) error {
	s.directories, s.mailboxes = map[digest]bool{}, map[string]bool{}
	for !in.Empty() {
		var subtree cryptobyte.String
		if !in.ReadASN1(&subtree, asn1.SEQUENCE) {
			return errName
		}
		form, content, ok := readGeneralName(&subtree)
		if !ok {
			return errName
		}
		if !subtree.Empty() {
			unprocessed[form] = true
		}
		switch text := string(content); form {
		case nameDirectory:
			d, err := parseDirectory(content)
			if err != nil {
				return err
			}
			s.addDirectory(d)
		case nameMail:
			switch local, host, ok := cutMailbox(text); {
			case ok:
				s.mailboxes[local+"@"+strings.ToLower(host)] = true
			case strings.Contains(text, "@"):
				unprocessed[form] = true
			default:
				s.mailHosts.add(text)
			}
		case nameURI:
			s.hosts.add(text)
		case "2", "7": // DNS names and IP addresses: crypto/x509
		default:
			unprocessed[form] = true
		}
	}
	return nil
}

func (s *subtrees) addDirectory(d directory) {
	s.directories[d.starts[len(d.starts)-1]] = true
	s.unfolded = s.unfolded || d.unfolded
}

// refuse returns what is wrong with names, or "".
func (c *constraints) refuse(names *certNames) string {
	for _, form := range names.forms {
		if c.unprocessed[form] {
			return "it has a name of a restricted form that is not supported"
		}
	}
	for _, d := range names.directories {
		if wrong := c.refuseDirectory(d); wrong != "" {
			return "the directory name " + d.String() + wrong
		}
	}
	for _, m := range names.mails {
		if wrong := c.refuseMail(m); wrong != "" {
			return "the e-mail address " + certtext.Quote(m) + wrong
		}
	}
	for _, h := range names.hosts {
		if len(c.permitted.hosts.names) > 0 && !c.permitted.hosts.has(h, false) {
			return "the URI host " + certtext.Quote(h) + " is not permitted"
		}
	}
	return ""
}

func (c *constraints) refuseDirectory(d directory) string {
	unfolded := d.unfolded || c.permitted.unfolded || c.excluded.unfolded
	switch {
	case len(c.permitted.directories)+len(c.excluded.directories) == 0:
	case unfolded:
		return " is restricted, and the program has no tables of Unicode " +
			`to compare it (import _ "github.com/sealsock/sealsock/trust/idn")`
	case len(c.permitted.directories) > 0 && !c.permitted.hasDirectory(d):
		return " is not permitted"
	case c.excluded.hasDirectory(d):
		return " is excluded"
	}
	return ""
}

func (c *constraints) refuseMail(address string) string {
	switch {
	case c.permitted.mails() && !c.permitted.hasMail(address):
		return " is not permitted"
	case c.excluded.mails() && c.excluded.hasMailBelow(address):
		return " is excluded"
	}
	return ""
}

// mails reports whether there is any subtree of e-mail addresses.
func (s *subtrees) mails() bool { return len(s.mailboxes)+len(s.mailHosts.names) > 0 }

func (s *subtrees) hasDirectory(d directory) bool {
	return len(s.directories) > 0 &&
		slices.ContainsFunc(d.starts, func(start digest) bool { return s.directories[start] })
}

func (s *subtrees) hasMail(address string) bool {
	local, host, ok := cutMailbox(address)
	host = strings.ToLower(host)
	return ok && (s.mailboxes[local+"@"+host] || s.mailHosts.has(host, false))
}

// hasMailBelow also finds hosts below one that is excluded, as crypto/x509 does. What
// cannot be compared counts as excluded.
func (s *subtrees) hasMailBelow(address string) bool {
	_, host, ok := cutMailbox(address)
	return !ok || s.hasMail(address) || s.mailHosts.has(strings.ToLower(host), true)
}

// maxHost bounds a host name (RFC 1035, Section 2.3.4).
const maxHost = 255

// hostSet is a set of hosts, and of parents with a period in front. It records how long
// they are, so that a look-up skips the parents of a host that cannot be in it.
type hostSet struct {
	names   map[string]bool
	lengths [maxHost + 1]bool
}

// add ignores a host that is too long for a name to match it.
func (s *hostSet) add(host string) {
	if s.names == nil {
		s.names = make(map[string]bool)
	}
	s.names[strings.ToLower(host)] = true
	if len(host) <= maxHost {
		s.lengths[len(host)] = true
	}
}

// has reports whether a set has the host, or a parent with a period in front. RFC
// 5280, Section 4.2.1.10: "When the constraint begins with a period, it MAY be
// expanded with one or more labels." An empty constraint stands for all hosts. With
// below, each host stands for those below it too.
func (s *hostSet) has(host string, below bool) bool {
	if s.names[""] {
		return true
	}
	if host == "" || len(host) > maxHost {
		return false
	}
	if s.holds(host) {
		return true
	}
	for i := range len(host) {
		if host[i] == '.' && (s.holds(host[i:]) || below && s.holds(host[i+1:])) {
			return true
		}
	}
	return false
}

func (s *hostSet) holds(host string) bool { return s.lengths[len(host)] && s.names[host] }

// parseDirectory reads a Name and hashes its beginnings.
func parseDirectory(raw []byte) (directory, error) {
	in := cryptobyte.String(raw)
	var sets cryptobyte.String
	if !in.ReadASN1(&sets, asn1.SEQUENCE) || !in.Empty() {
		return directory{}, errName
	}
	d := directory{raw: raw, starts: []digest{{}}}
	for !sets.Empty() {
		var set cryptobyte.String
		if !sets.ReadASN1(&set, asn1.SET) || set.Empty() {
			return directory{}, errName
		}
		relative, folded, ok := preparedSet(set)
		if !ok {
			return directory{}, errName
		}
		d.unfolded = d.unfolded || !folded
		last := d.starts[len(d.starts)-1]
		d.starts = append(d.starts, sha256.Sum256(append(last[:], relative...)))
	}
	return d, nil
}

// String renders the name as far as it can be read.
func (d directory) String() string {
	var sequence pkix.RDNSequence
	if rest, err := encodingasn1.Unmarshal(d.raw, &sequence); err != nil || len(rest) > 0 {
		return "that it has"
	}
	return certtext.Quote(sequence.String())
}
