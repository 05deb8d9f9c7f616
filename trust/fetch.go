package trust

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/linked"
	"github.com/sealsock/sealsock/internal/readfile"
)

// answerMemo remembers the answers from the network and the failures to get one, so
// that one dead responder delays one connection and not all.
type answerMemo struct {
	mu      sync.Mutex
	answers map[string]*answer
}

// answer is the result of one question. Others with the same question wait for
// it. If err is set, body or list may hold an earlier answer that is out of date: it
// may still contain a revocation.
type answer struct {
	done  chan struct{}
	until time.Time // when to ask again, by the clock of this machine
	next  time.Time // after which body or list is out of date; zero for never
	body  []byte
	file  string // of the cache that has body; list has its own
	list  *crl
	err   error
	panic any // of the request; nil for none
}

// The bounds on remembering.
const (
	maxAnswers = 1024
	maxAge     = 24 * time.Hour   // answers
	failureAge = 30 * time.Second // failures
)

// ask requests the status of c from a responder.
func (r *Revocation) ask(ctx context.Context, responder string, c, issuer *x509.Certificate, now time.Time) (*RevocationCheck, error) {
	source := "OCSP " + plain(responder)
	var check *RevocationCheck
	question := "ocsp " + responder + " " + issuerID(issuer) + " " + c.SerialNumber.Text(16)
	a, err := r.answers.do(ctx, question, r.timeout(), now, func(ctx context.Context) *answer {
		file := r.cacheFile("ocsp", responder, c, issuer)
		if cached := r.cachedResponse(file, c, issuer, now); cached != nil {
			return cached
		}
		body, err := r.askNow(ctx, responder, c, issuer, now)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		known, err := checkResponse(body, source, c, issuer, now, nil)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		file = r.store(file, body)
		return freshAnswer(&answer{body: body, file: file}, r.until(known.ThisUpdate, known.NextUpdate), now)
	})
	if err == nil {
		if check, err = checkResponse(a.body, source, c, issuer, now, nil); err == nil {
			check.File = a.file
		}
	} else if a != nil && a.body != nil {
		old, oldErr := checkResponse(a.body, source, c, issuer, now, nil)
		if oldErr == nil && old.Status == RevocationRevoked {
			return old, nil
		}
	}
	return check, wrapSource(source, err)
}

// cachedResponse is the answer of a file of the cache, or nil. Another Revocation may have asked for
// it, so a nonce that this one requires may not be in it.
func (r *Revocation) cachedResponse(file string, c, issuer *x509.Certificate,
	now time.Time) *answer {
	cached, err := readCached(file, maxResponse)
	if err != nil {
		return nil
	}
	known, err := checkResponse(cached, "cache", c, issuer, now, nil)
	if err != nil || r.checkNonce(cached, "cache", c, issuer) != nil {
		return nil
	}
	until := r.until(known.ThisUpdate, known.NextUpdate)
	if !until.After(now) {
		return nil
	}
	return freshAnswer(&answer{body: cached, file: file}, until, now)
}

// checkNonce returns an error for a response without a nonce where one is required. That the
// certificate is revoked is true without it.
func (r *Revocation) checkNonce(body []byte, source string, c, issuer *x509.Certificate) error {
	if !r.NonceRequired {
		return nil
	}
	known, err := parsedResponses.parse(body, c, issuer)
	if err != nil || known.nonce == nil && known.status != RevocationRevoked {
		return responseError(CodeOCSPInvalid, source, "does not contain the nonce of the request", nil)
	}
	return nil
}

// askNow sends a request with a fresh nonce.
func (r *Revocation) askNow(ctx context.Context, responder string, c, issuer *x509.Certificate, now time.Time) ([]byte, error) {
	nonce := make([]byte, 32)
	rand.Read(nonce) // never fails
	request, err := newOCSPRequest(c, issuer, nonce)
	if err != nil {
		return nil, err
	}
	body, err := r.fetch(ctx, responder, "application/ocsp-request", request, maxResponse)
	if err != nil {
		return nil, err
	}
	if _, err := checkResponse(body, "OCSP "+plain(responder), c, issuer, now, nonce); err != nil {
		return nil, err
	}
	if err := r.checkNonce(body, "OCSP "+plain(responder), c, issuer); err != nil {
		return nil, err
	}
	return body, nil
}

// fetchList gets the list of a distribution point and, if it names one, its
// delta.
func (r *Revocation) fetchList(ctx context.Context, point string, c, issuer *x509.Certificate, now time.Time) (*RevocationCheck, error) {
	source := "CRL " + plain(point)
	complete, err := r.oneList(ctx, point, issuer, now)
	if err != nil {
		if complete != nil {
			if check := complete.permanently(c, issuer); check != nil {
				return check, nil
			}
		}
		return nil, wrapSource(source, err)
	}
	lists := []*crl{complete}
	for _, url := range first(deltaPoints(complete, c)) {
		// A delta that cannot be had leaves the complete list, which is valid.
		if delta, err := r.oneList(ctx, url, issuer, now); err == nil {
			lists = append(lists, delta)
		}
	}
	check, err := choose(lists, c, issuer, now)
	return check, wrapSource(source, err)
}

func deltaPoints(complete *crl, c *x509.Certificate) []string {
	for _, e := range complete.Extensions {
		if e.Id.Equal(oidFreshestCRL) {
			return freshest(e.Value)
		}
	}
	if e := extension(c, oidFreshestCRL); e != nil {
		return freshest(e.Value)
	}
	return nil
}

// oneList gets a list from memory, the cache folder or the network. A list beside an
// error is the issuer's and out of date. What the issuer did not sign is not kept:
// an attacker who answered once in place of the point must have no effect after that.
func (r *Revocation) oneList(ctx context.Context, point string, issuer *x509.Certificate, now time.Time) (*crl, error) {
	question := "crl " + point + " " + issuerID(issuer)
	a, err := r.answers.do(ctx, question, r.timeout(), now, func(ctx context.Context) *answer {
		file := r.cacheFile("crl", point, nil, issuer)
		if cached, err := readCached(file, maxListFile); err == nil {
			if list, err := fetchedList(cached, point, issuer, now); err == nil && r.until(list.ThisUpdate, list.NextUpdate).After(now) {
				list.file = file
				return freshAnswer(&answer{list: list}, r.until(list.ThisUpdate, list.NextUpdate), now)
			}
		}
		body, err := r.fetch(ctx, point, "", nil, maxListFile)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		list, err := fetchedList(body, point, issuer, now)
		if err != nil {
			return &answer{list: list, err: err, until: time.Now().Add(failureAge)}
		}
		list.file = r.store(file, body)
		return freshAnswer(&answer{list: list}, r.until(list.ThisUpdate, list.NextUpdate), now)
	})
	if a == nil {
		return nil, err
	}
	return a.list, err
}

// fetchedList reads the issuer's list from what a point answered. A list beside an
// error is the issuer's and out of date.
func fetchedList(body []byte, point string, issuer *x509.Certificate, now time.Time) (*crl, error) {
	if len(body) > maxUnsigned && !signedList(body, issuer) {
		return nil, listError(CodeCRLInvalid, point, "is large and not signed by the certificate's issuer", nil)
	}
	lists, err := parseLists(body, plain(point))
	if err != nil {
		return nil, err
	}
	list := lists[0]
	for _, l := range lists {
		if bytes.Equal(l.RawIssuer, issuer.RawSubject) {
			list = l
			break
		}
	}
	if err := list.genuine(issuer, now); err != nil {
		if !bytes.Equal(list.RawIssuer, issuer.RawSubject) || list.checkSignature(issuer) != nil {
			list = nil
		}
		return list, err
	}
	// RFC 5280, Section 5.1.2.5, demands a next date. Without one, an old list
	// could be passed off as the current one for ever.
	if list.NextUpdate.IsZero() && now.Sub(list.ThisUpdate) > unlimitedAge {
		return list, listError(CodeCRLExpired, point,
			"was issued on "+certtext.Time(list.ThisUpdate)+" without nextUpdate: it is too old", nil)
	}
	return list, nil
}

// maxUnsigned bounds the lists that are read before their signature is checked: a
// million entries take a hundred times the memory of their bytes.
const maxUnsigned = 1 << 20

// signedList reports whether a list in DER is signed by issuer, without parsing its
// contents.
func signedList(der []byte, issuer *x509.Certificate) bool {
	in := cryptobyte.String(der)
	var whole, tbs, algorithm, oid cryptobyte.String
	var signature []byte
	if !in.ReadASN1(&whole, asn1.SEQUENCE) || !in.Empty() || !whole.ReadASN1Element(&tbs, asn1.SEQUENCE) || !whole.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !whole.ReadASN1BitStringAsBytes(&signature) {
		return false
	}
	name, known := signatureAlgorithms[string(oid)]
	return known && issuer.CheckSignature(name, tbs, signature) == nil
}

// issuerID identifies an issuer, also among those of one name.
func issuerID(issuer *x509.Certificate) string {
	return PinOf(issuer).String() + string(issuer.RawSubject)
}

// readCached reads a file of the cache that is not too large, nor older than a
// day.
func readCached(file string, limit int64) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit || time.Since(info.ModTime()) > maxAge {
		return nil, os.ErrNotExist
	}
	return readfile.Regular(file, limit)
}

// expiry returns until when an answer is kept: its next date, but a day at most,
// and half a minute if that date has passed or there is none.
func expiry(next, now time.Time) time.Time {
	keep := min(next.Sub(now), maxAge)
	return time.Now().Add(max(keep, failureAge))
}

// freshAnswer sets until when an answer is used that is valid until next.
func freshAnswer(a *answer, next, now time.Time) *answer {
	a.until, a.next = expiry(next, now), next
	if a.body != nil && !next.IsZero() {
		a.next = next.Add(clockSkew) // as long as checkResponse takes it
	}
	return a
}

// stale reports whether to ask again. clock is this machine's: its monotonic part
// stands still while a laptop sleeps, and its wall clock may be set back, so the
// answer ends by the earlier of the two. now is the time to judge by.
func (a *answer) stale(clock, now time.Time) bool {
	return clock.After(a.until) || clock.Round(0).After(a.until.Round(0)) ||
		!a.next.IsZero() && now.After(a.next)
}

// do runs one call of ask at a time for each question and remembers its result. The
// call may outlive the context of the first caller, up to limit: if that caller leaves
// early, the others still receive the answer.
func (m *answerMemo) do(ctx context.Context, question string, limit time.Duration, now time.Time,
	ask func(context.Context) *answer) (*answer, error) {
	m.mu.Lock()
	a := m.answers[question]
	if a == nil || a.finished() && a.stale(time.Now(), now) {
		old := a
		m.makeRoom()
		a = &answer{done: make(chan struct{})}
		m.answers[question] = a
		go a.find(context.WithoutCancel(ctx), old, limit, ask)
	}
	m.mu.Unlock()
	if !a.finished() {
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if a.panic != nil {
		panic(a.panic)
	}
	return a, a.err
}

func (a *answer) find(ctx context.Context, old *answer, limit time.Duration,
	ask func(context.Context) *answer) {
	ctx, cancel := withTimeout(ctx, limit)
	defer cancel()
	got := guarded(ctx, ask)
	if got.err != nil && got.list == nil && got.body == nil && old != nil {
		got.list, got.body, got.file = old.list, old.body, old.file
	}
	a.file, a.panic = got.file, got.panic
	a.body, a.list, a.err, a.until, a.next = got.body, got.list, got.err, got.until, got.next
	close(a.done)
}

// guarded calls ask. A panic in it, such as one of the Fetcher, continues in the goroutines that
// wait for the answer, where it ends a handshake and not the process.
func guarded(ctx context.Context, ask func(context.Context) *answer) (got *answer) {
	defer func() {
		if v := recover(); v != nil {
			got = &answer{err: errPanicked, panic: v, until: time.Now().Add(failureAge)}
		}
	}()
	return ask(ctx)
}

var errPanicked = errors.New("the request panicked")

// withTimeout is context.WithTimeout with a cause that names the limit.
func withTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no response within %v", limit.Round(time.Millisecond)))
}

func (a *answer) finished() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// makeRoom forgets all finished answers when there are too many: so many mean an
// attack or a crawl, and asking again is cheap compared to it.
func (m *answerMemo) makeRoom() {
	if m.answers == nil {
		m.answers = make(map[string]*answer)
	}
	if len(m.answers) < maxAnswers {
		return
	}
	for question, a := range m.answers {
		if a.finished() {
			delete(m.answers, question)
		}
	}
}

// A Fetcher sends the requests of revocation checks. Package fetch has the one for HTTP.
type Fetcher interface {
	// Fetch sends body to an address, an http URL, or asks for what is there if body is
	// nil. It returns at most limit bytes, or an error.
	Fetch(ctx context.Context, address, contentType string, body []byte, limit int64) ([]byte, error)
}

// fetch sends one request. The addresses come from certificates that an authority signed,
// which is checked before; still they may lead only to HTTP, with a bound on size and
// time.
func (r *Revocation) fetch(ctx context.Context, address, contentType string, body []byte, limit int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" {
		return nil, fmt.Errorf("%s is not fetched: only http:// URLs are supported", certtext.Quote(address))
	}
	fetch := linked.Fetch
	if r.Fetcher != nil {
		fetch = r.Fetcher.Fetch
	}
	if fetch == nil {
		return nil, errNoFetcher()
	}
	data, err := fetch(ctx, address, contentType, body, limit)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the server sends more than %d bytes", limit)
	}
	return data, nil
}

// errNoFetcher returns the error of a policy that has to ask and cannot. It refuses every peer:
// to accept them in the mode RevocationPrefer would check nothing without a word.
func errNoFetcher() error {
	return &Error{
		Got: "the policy asks responders about revocation, and this program has no package for that " +
			`(import _ "github.com/sealsock/sealsock/trust/fetch")`,
		Hint: "import package trust/fetch, or set Revocation.Fetcher or Revocation.NoFetch",
	}
}

// usable returns an error if r is to use the network and cannot.
func (r *Revocation) usable() error {
	asks := r.Mode == RevocationPrefer || r.Mode == RevocationRequire
	if asks && !r.NoFetch && r.Fetcher == nil && linked.Fetch == nil {
		return errNoFetcher()
	}
	return nil
}

// cacheFile names the file of a question, or "" without a cache.
func (r *Revocation) cacheFile(kind, address string, c, issuer *x509.Certificate) string {
	if r.CacheDir == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", kind, address, issuerID(issuer))
	if c != nil {
		fmt.Fprintf(h, "%x\n", c.SerialNumber)
	}
	return filepath.Join(r.CacheDir, hex.EncodeToString(h.Sum(nil)[:16])+"."+kind)
}

// store writes to the cache and returns the file, or "" if it was not written: a cache
// that cannot be written is no reason to refuse a peer.
func (r *Revocation) store(file string, body []byte) string {
	if file == "" || os.MkdirAll(r.CacheDir, 0o700) != nil {
		return ""
	}
	f, err := os.CreateTemp(r.CacheDir, ".new-*")
	if err != nil {
		return ""
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err != nil || os.Rename(f.Name(), file) != nil {
		return ""
	}
	return file
}

func wrapSource(source string, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &Error{Code: CodeRevocationUnknown, Got: source + " did not respond", Err: err,
		Hint: "check the network, or the server named in the certificate"}
}
