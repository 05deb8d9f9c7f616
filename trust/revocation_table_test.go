package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// verdict is the row of the package comment's table.
type verdict int

const (
	none     verdict = iota // no answer
	isGood                  // the issuer vouches for the certificate
	withdrew                // the issuer revoked it
	unusable                // there is an answer that cannot be used
)

// accepts is the package comment's table: for what is known, the modes that accept
// a peer. A list that was given counts for more than one that was fetched.
func accepts(v verdict, given bool, mode RevocationMode) bool {
	switch {
	case mode == RevocationOff:
		return true
	case v == withdrew:
		return false
	case v == isGood:
		return true
	case v == unusable && given:
		return false
	}
	return mode != RevocationRequire
}

// statement is one state of a list or a response.
type revocationState struct {
	der     []byte // nil: there is none
	verdict verdict
	refused bool // as a given list it is an error at once
}

func listStates(t *testing.T, h house) map[string]revocationState {
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	indirect, some := []byte{0x84, 1, 0xff}, []byte{0x83, 2, 6, 0x40}
	authorities := scoped([]byte{0x82, 1, 0xff})
	critical := &pkix.Extension{Critical: true, Value: []byte{2, 1, 10}}
	unknown := extended([]int{1, 2, 3}, true, []byte{5, 0})
	revoked, hold := revoke(h.leaf, 1), revoke(h.leaf, 6)
	return map[string]revocationState{
		"absent":                      {nil, none, false},
		"good":                        {makeList(t, h.inter), isGood, false},
		"revoked":                     {makeList(t, h.inter, revoked), withdrew, false},
		"on hold":                     {makeList(t, h.inter, hold), withdrew, false},
		"expired":                     {makeList(t, h.inter, past), unusable, false},
		"expired, revoked":            {makeList(t, h.inter, past, revoked), withdrew, false},
		"expired, on hold":            {makeList(t, h.inter, past, hold), unusable, false},
		"future":                      {makeList(t, h.inter, tomorrow), unusable, false},
		"future, revoked":             {makeList(t, h.inter, tomorrow, revoked), withdrew, false},
		"of a twin":                   {makeList(t, twin), unusable, false},
		"of a twin, revoked":          {makeList(t, twin, revoked), unusable, false},
		"some reasons":                {makeList(t, h.inter, scoped(some)), unusable, false},
		"some reasons, revoked":       {makeList(t, h.inter, scoped(some), revoked), withdrew, false},
		"authorities only":            {makeList(t, h.inter, authorities), unusable, false},
		"authorities only, revoked":   {makeList(t, h.inter, authorities, revoked), withdrew, false},
		"another point":               {makeList(t, h.inter, scoped(point("http://b/"))), unusable, false},
		"delta":                       {makeList(t, h.inter, deltaTo(9)), unusable, false},
		"delta, revoked":              {makeList(t, h.inter, deltaTo(9), revoked), withdrew, false},
		"indirect":                    {makeList(t, h.inter, scoped(indirect)), unusable, true},
		"without number":              {renumber(t, h.inter, nil), unusable, true},
		"critical number":             {renumber(t, h.inter, critical), unusable, true},
		"critical extension":          {makeList(t, h.inter, unknown), unusable, true},
		"garbage that begins like it": {[]byte{0x30, 3, 2, 1, 1}, unusable, true},
	}
}

func responseStates(t *testing.T, h house) map[string]revocationState {
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	make := func(by *node, status, reason int, from, to time.Duration) []byte {
		return respond(t, by, by, h.leaf.Certificate, func(r *ocsp.Response) {
			r.Status, r.RevocationReason, r.RevokedAt = status, reason, noon.Add(-time.Hour)
			r.ThisUpdate, r.NextUpdate = noon.Add(from), noon.Add(to)
		})
	}
	return map[string]revocationState{
		"absent":             {nil, none, false},
		"good":               {make(h.inter, ocsp.Good, 0, -1, time.Hour), isGood, false},
		"revoked":            {make(h.inter, ocsp.Revoked, 1, -1, time.Hour), withdrew, false},
		"on hold":            {make(h.inter, ocsp.Revoked, 6, -1, time.Hour), withdrew, false},
		"expired":            {make(h.inter, ocsp.Good, 0, -2*time.Hour, -time.Hour), unusable, false},
		"expired, revoked":   {make(h.inter, ocsp.Revoked, 1, -2*time.Hour, -time.Hour), withdrew, false},
		"expired, on hold":   {make(h.inter, ocsp.Revoked, 6, -2*time.Hour, -time.Hour), unusable, false},
		"future":             {make(h.inter, ocsp.Good, 0, time.Hour, 2*time.Hour), unusable, false},
		"future, revoked":    {make(h.inter, ocsp.Revoked, 1, time.Hour, 2*time.Hour), withdrew, false},
		"unknown":            {make(h.inter, ocsp.Unknown, 0, -1, time.Hour), unusable, false},
		"of a twin, revoked": {make(twin, ocsp.Revoked, 1, -1, time.Hour), unusable, false},
		"garbage":            {[]byte("x"), unusable, false},
		"error":              {ocsp.TryLaterErrorResponse, unusable, false},
	}
}

// renumber makes a list whose only extension is a CRLNumber of the given form, or
// that has none: crypto/x509 writes a correct one.
func renumber(t *testing.T, by *node, number *pkix.Extension) []byte {
	t.Helper()
	in := cryptobyte.String(makeList(t, by))
	var whole, rest, algorithm cryptobyte.String
	if !in.ReadASN1(&whole, asn1.SEQUENCE) || !whole.ReadASN1(&rest, asn1.SEQUENCE) ||
		!whole.ReadASN1Element(&algorithm, asn1.SEQUENCE) {
		t.Fatal("the list has another form")
	}
	sequence := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) {
		b.AddASN1(asn1.SEQUENCE, f)
	}
	return resign(t, by, algorithm, func(b *cryptobyte.Builder) {
		for !rest.Empty() {
			var element cryptobyte.String
			var tag asn1.Tag
			if !rest.ReadAnyASN1Element(&element, &tag) {
				t.Fatal("the list has another form")
			}
			if tag != explicit(0) {
				b.AddBytes(element)
			}
		}
		if number == nil {
			return
		}
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidListNumber)
					b.AddASN1Boolean(number.Critical)
					b.AddASN1OctetString(number.Value)
				})
			})
		})
	})
}

var allModes = []RevocationMode{RevocationAtHand, RevocationOff, RevocationPrefer, RevocationRequire}

// sourced is a policy and a peer for one source in one state.
type sourced struct {
	revocation Revocation
	staple     []byte
	offered    map[string][]byte // by host
}

// RoundTrip answers for the responder and the distribution point.
func (s *sourced) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := s.offered[r.URL.Host]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status),
		Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// sources are the places where a policy looks. Each takes a list or a response and
// returns what a policy has that finds it there.
var sources = map[string]struct {
	lists   bool // it holds lists, where the others hold responses
	given   bool // the user gave it
	network bool // RevocationAtHand does not ask it
	put     func(t *testing.T, h house, der []byte) *sourced
}{
	"staple": {put: func(_ *testing.T, _ house, der []byte) *sourced { return &sourced{staple: der} }},
	"bytes": {lists: true, given: true, put: func(t *testing.T, _ house, der []byte) *sourced {
		set := new(Lists)
		if der != nil {
			if _, err := set.AddBytes(der); err != nil {
				return nil
			}
		}
		return &sourced{revocation: Revocation{Lists: set}}
	}},
	"hashed folder": {lists: true, given: true, put: func(t *testing.T, h house, der []byte) *sourced {
		dir, set := t.TempDir(), new(Lists)
		hash, _ := nameHash(h.inter.RawSubject)
		write(t, filepath.Join(dir, "00000000.r0"), nil) // so that the folder is a hashed one
		if der != nil {
			write(t, filepath.Join(dir, fmt.Sprintf("%08x.r0", hash)), der)
		}
		if _, err := set.AddDir(dir); err != nil {
			t.Fatal(err)
		}
		return &sourced{revocation: Revocation{Lists: set}}
	}},
	"responder": {network: true, put: func(_ *testing.T, _ house, der []byte) *sourced {
		s := &sourced{offered: map[string][]byte{}}
		if der != nil {
			s.offered["ocsp.test"] = der
		}
		return s
	}},
	"point": {lists: true, network: true, put: func(_ *testing.T, _ house, der []byte) *sourced {
		s := &sourced{offered: map[string][]byte{}}
		if der != nil {
			s.offered["list.test"] = der
		}
		return s
	}},
}

// TestRevocationTable tries the table of the package comment: each mode, with each
// source in each state.
func TestRevocationTable(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) {
		c.OCSPServer = []string{"http://ocsp.test/"}
		c.CRLDistributionPoints = []string{"http://list.test/"}
	})
	roots := rootsOf(t, h.root)
	tried := 0
	for name, source := range sources {
		states := responseStates(t, h)
		if source.lists {
			states = listStates(t, h)
		}
		for state, is := range states {
			for _, mode := range allModes {
				s := source.put(t, h, is.der)
				if s == nil {
					if !is.refused {
						t.Errorf("%s, %s: refused at once", name, state)
					}
					continue
				}
				if is.refused && name == "bytes" {
					t.Errorf("%s, %s: accepted as a list", name, state)
				}
				s.revocation.Mode, s.revocation.Fetcher = mode, fetcher(s)
				peer := h.peer()
				peer.OCSPStaple = s.staple
				_, err := (&Policy{Roots: roots, Revocation: &s.revocation}).Verify(context.Background(), peer)
				v := is.verdict
				if source.network && mode == RevocationAtHand {
					v = none
				}
				var e *Error
				switch want := accepts(v, source.given, mode); {
				case want != (err == nil):
					t.Errorf("mode %d, %s, %s: accepted %v: %v", mode, name, state, err == nil, err)
				case err == nil:
				case !errors.As(err, &e) || (e.Code == CodeRevoked) != (v == withdrew) || e.Hint == "":
					t.Errorf("mode %d, %s, %s: %v", mode, name, state, err)
				}
				tried++
			}
		}
	}
	t.Logf("%d cells", tried)
}

// TestRevokedWins has two sources disagree, in each pair and each order of time.
func TestRevokedWins(t *testing.T) {
	h := newHouse(t)
	roots := rootsOf(t, h.root)
	staples, lists := responseStates(t, h), listStates(t, h)
	for staple, said := range staples {
		for list, listed := range lists {
			if listed.refused {
				continue
			}
			want := map[bool]verdict{true: withdrew}[said.verdict == withdrew || listed.verdict == withdrew]
			switch {
			case want == withdrew:
			case said.verdict == isGood || listed.verdict == isGood:
				want = isGood
			case listed.verdict == unusable:
				want = unusable
			}
			s := sources["bytes"].put(t, h, listed.der)
			peer := h.peer()
			peer.OCSPStaple = said.der
			for _, mode := range []RevocationMode{RevocationAtHand, RevocationPrefer, RevocationRequire} {
				s.revocation.Mode, s.revocation.NoFetch = mode, true
				_, err := (&Policy{Roots: roots, Revocation: &s.revocation}).Verify(context.Background(), peer)
				if accepts(want, true, mode) != (err == nil) {
					t.Errorf("mode %d, staple %s, list %s: %v", mode, staple, list, err)
				}
			}
		}
	}
}

// TestFolderOfLists has a folder hold something that is no list, which is passed
// over, and a list that cannot be used, which is an error as it is for a file.
func TestFolderOfLists(t *testing.T) {
	h := newHouse(t)
	for name, tc := range map[string]struct {
		file string
		data []byte
		ok   bool
	}{
		"a note":            {"README", []byte("lists"), true},
		"certificates":      {"ca.pem", pemOf(h.inter), true},
		"a certificate":     {"ca.der", h.inter.Raw, true},
		"garbage":           {"old.crl", []byte("x"), false},
		"empty":             {"old.crl", nil, false},
		"indirect":          {"indirect", makeList(t, h.inter, scoped([]byte{0x84, 1, 0xff})), false},
		"without a number":  {"unnumbered", renumber(t, h.inter, nil), false},
		"cut PEM in a list": {"cut", []byte("-----BEGIN X509 CRL-----\nMII\n"), false},
		"cut DER":           {"cut", makeList(t, h.inter)[:100], false},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "good"), makeList(t, h.inter))
		write(t, filepath.Join(dir, tc.file), tc.data)
		if _, err := new(Lists).AddDir(dir); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "good"), makeList(t, h.inter))
	if err := os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if _, err := new(Lists).AddDir(dir); err == nil {
		t.Error("a list that cannot be read is passed over")
	}
}

// TestFetchedListExpiresByTheTimeOfJudgement verifies two peers hours apart. The list
// in memory is out of date for the second, though little time has passed here, as
// while a laptop slept.
func TestFetchedListExpiresByTheTimeOfJudgement(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{"http://list.test/"}
	})
	for _, mode := range []RevocationMode{RevocationPrefer, RevocationRequire} {
		s := &sourced{offered: map[string][]byte{"list.test": makeList(t, h.inter)}}
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: mode, Fetcher: fetcher(s)}}
		if _, err := p.Verify(context.Background(), h.peer()); err != nil {
			t.Fatal(err)
		}
		later := func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = noon.AddDate(0, 0, 2), noon.AddDate(0, 0, 4)
		}
		s.offered["list.test"] = makeList(t, h.inter, revoke(h.leaf, 1), numbered(11), later)
		peer := h.peer()
		peer.Now = noon.AddDate(0, 0, 3)
		_, err := p.Verify(context.Background(), peer)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeRevoked {
			t.Errorf("mode %d: %v", mode, err)
		}
		// The revocation stays known when the list is out of date and cannot be had.
		delete(s.offered, "list.test")
		peer.Now = noon.AddDate(0, 0, 7)
		if _, err = p.Verify(context.Background(), peer); !errors.As(err, &e) || e.Code != CodeRevoked {
			t.Errorf("mode %d, later: %v", mode, err)
		}
	}
}

// TestStaleAnswers has the two parts of this machine's clock disagree.
func TestStaleAnswers(t *testing.T) {
	begin := time.Now()
	a := &answer{until: begin.Add(time.Hour)}
	slept := begin.Add(2 * time.Hour) // the wall clock alone moved
	setMonotonic(t, &slept, begin.Add(time.Minute))
	setBack := begin // the wall clock was set back while two hours passed
	setMonotonic(t, &setBack, begin.Add(2*time.Hour))
	for name, tc := range map[string]struct {
		clock, now time.Time
		stale      bool
	}{
		"soon":             {begin.Add(time.Minute), begin, false},
		"late":             {begin.Add(2 * time.Hour), begin, true},
		"after a sleep":    {slept, begin, true},
		"set back":         {setBack, begin, true},
		"judged for later": {begin.Add(time.Minute), begin.AddDate(1, 0, 0), false},
	} {
		if a.stale(tc.clock, tc.now) != tc.stale {
			t.Errorf("%s: not %v", name, tc.stale)
		}
	}
	a.next = begin
	if !a.stale(begin, begin.Add(time.Second)) {
		t.Error("an answer is used after its date")
	}
}

// setMonotonic gives a time the monotonic part of another. Package time has no function
// for it, so it depends on the fields of a time.Time, and checks what became of it.
func setMonotonic(t *testing.T, to *time.Time, from time.Time) {
	t.Helper()
	type fields struct {
		wall      uint64
		monotonic int64
		location  *time.Location
	}
	wall := to.Round(0)
	(*fields)(unsafe.Pointer(to)).monotonic = (*fields)(unsafe.Pointer(&from)).monotonic
	if to.Sub(from) != 0 || !to.Round(0).Equal(wall) {
		t.Fatal("the fields of time.Time have changed: mend this function")
	}
}

// TestAloneIsAskedAbout has leaves without a certificate of their issuer in the path.
func TestAloneIsAskedAbout(t *testing.T) {
	h := newHouse(t)
	self := issue(t, nil, nil, authority("example.org"), func(c *x509.Certificate) {
		c.DNSNames, c.KeyUsage = []string{"example.org"}, c.KeyUsage|x509.KeyUsageDigitalSignature
	})
	for name, tc := range map[string]struct {
		leaf, by *node
		roots    []*node
		sent     []*node
		pinned   bool
	}{
		"a root":                 {self, self, []*node{self}, nil, false},
		"a leaf among the roots": {h.leaf, h.inter, []*node{h.leaf, h.inter}, nil, false},
		"its issuer sent along":  {h.leaf, h.inter, []*node{h.leaf}, []*node{h.inter}, false},
		"a pinned leaf":          {h.leaf, h.inter, []*node{h.root}, []*node{h.inter}, true},
		"a pinned self-signed":   {self, self, []*node{h.root}, nil, true},
	} {
		peer := h.peer()
		peer.Chain = chainOf(append([]*node{tc.leaf}, tc.sent...)...)
		for list, is := range map[string]revocationState{
			"absent":  {nil, none, false},
			"good":    {makeList(t, tc.by), isGood, false},
			"revoked": {makeList(t, tc.by, revoke(tc.leaf, 1)), withdrew, false},
			"expired": {makeList(t, tc.by, past), unusable, false},
		} {
			for _, mode := range allModes {
				s := sources["bytes"].put(t, h, is.der)
				s.revocation.Mode = mode
				p := Policy{Roots: rootsOf(t, tc.roots...), PartialChain: true, Revocation: &s.revocation}
				if tc.pinned {
					p.PinOnly, p.Pins = true, []Pin{PinOf(tc.leaf.Certificate)}
				}
				_, err := p.Verify(context.Background(), peer)
				if accepts(is.verdict, true, mode) != (err == nil) {
					t.Errorf("%s, mode %d, list %s: %v", name, mode, list, err)
				}
			}
		}
	}
	// Without the certificate that signs the list, the list cannot be used.
	s := sources["bytes"].put(t, h, makeList(t, h.inter))
	p := Policy{Roots: rootsOf(t, h.leaf), PartialChain: true, Revocation: &s.revocation}
	peer := h.peer()
	peer.Chain = chainOf(h.leaf)
	if _, err := p.Verify(context.Background(), peer); err == nil {
		t.Error("a list that cannot be verified counts for none")
	}
}

// TestRevokedAnchor has a given list revoke the end of a path, as OpenSSL's
// -crl_check_all finds it.
func TestRevokedAnchor(t *testing.T) {
	h := newHouse(t)
	for name, tc := range map[string]struct {
		anchor, by *node
		roots      []*node
	}{
		"a root":          {h.root, h.root, []*node{h.root}},
		"an intermediate": {h.inter, h.root, []*node{h.inter}},
	} {
		set := new(Lists)
		for _, der := range [][]byte{makeList(t, tc.by, revoke(tc.anchor, 1)), makeList(t, h.inter)} {
			if _, err := set.AddBytes(der); err != nil {
				t.Fatal(err)
			}
		}
		peer := h.peer()
		peer.Chain = chainOf(h.leaf, h.inter, h.root)
		p := Policy{Roots: rootsOf(t, tc.roots...), PartialChain: true,
			Revocation: &Revocation{Lists: set, WholeChain: true}}
		_, err := p.Verify(context.Background(), peer)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeRevoked || !e.Certificate.Equal(tc.anchor.Certificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
