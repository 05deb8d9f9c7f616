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
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// answerMemo remembers what the network said, and what it did not, so that one
// dead responder delays one connection and not all.
type answerMemo struct {
	mu      sync.Mutex
	answers map[string]*answer
}

// answer is what came of one question. Others with the same question wait for
// it.
type answer struct {
	done  chan struct{}
	until time.Time // when to ask again, by the clock of this machine
	body  []byte
	list  *crl
	err   error
}

// The bounds on remembering.
const (
	maxAnswers  = 1024
	maxAge      = 24 * time.Hour   // answers
	failureAge  = 30 * time.Second // silence
	maxRedirect = 3
)

// ask asks a responder about c.
func (r *Revocation) ask(ctx context.Context, responder string, c, issuer *x509.Certificate, now time.Time) (*RevocationCheck, error) {
	source := "OCSP " + responder
	var check *RevocationCheck
	a, err := r.answers.do(ctx, "ocsp "+responder+" "+string(issuer.RawSubject)+" "+c.SerialNumber.Text(16), func() *answer {
		file := r.cacheFile("ocsp", responder, c, issuer)
		if cached, err := os.ReadFile(file); err == nil {
			if known, err := checkResponse(cached, source, c, issuer, now, nil); err == nil && known.NextUpdate.After(now) {
				return &answer{body: cached, until: expiry(known.NextUpdate, now)}
			}
		}
		body, err := r.askNow(ctx, responder, c, issuer, now)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		known, err := checkResponse(body, source, c, issuer, now, nil)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		r.store(file, body)
		return &answer{body: body, until: expiry(known.NextUpdate, now)}
	})
	if err == nil {
		check, err = checkResponse(a.body, source, c, issuer, now, nil)
	}
	return check, wrapSource(source, err)
}

// askNow sends a request with a fresh nonce.
func (r *Revocation) askNow(ctx context.Context, responder string, c, issuer *x509.Certificate, now time.Time) ([]byte, error) {
	nonce := make([]byte, 32)
	rand.Read(nonce) // never fails
	request, err := newOCSPRequest(c, issuer, nonce)
	if err != nil {
		return nil, err
	}
	body, err := r.fetch(ctx, http.MethodPost, responder, "application/ocsp-request", request, maxResponse)
	if err != nil {
		return nil, err
	}
	if _, err := checkResponse(body, "OCSP "+responder, c, issuer, now, nonce); err != nil {
		return nil, err
	}
	if r.NonceRequired {
		known, err := parsedResponses.parse(body, c, issuer)
		if err != nil || known.nonce == nil {
			return nil, responseError(CodeOCSPInvalid, "OCSP "+responder, "does not repeat the nonce", nil)
		}
	}
	return body, nil
}

// fetchList gets the list of a distribution point and, if it names one, its
// delta.
func (r *Revocation) fetchList(ctx context.Context, point string, c, issuer *x509.Certificate, now time.Time) (*RevocationCheck, error) {
	source := "CRL " + point
	complete, err := r.oneList(ctx, point, now)
	if err != nil {
		return nil, wrapSource(source, err)
	}
	lists := []*crl{complete}
	for _, url := range first(deltaPoints(complete, c)) {
		// A delta that cannot be had leaves the complete list, which is valid.
		if delta, err := r.oneList(ctx, url, now); err == nil {
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

// oneList gets a list from memory, the cache folder or the network. Its
// signature is checked at each use, so the folder needs no trust.
func (r *Revocation) oneList(ctx context.Context, point string, now time.Time) (*crl, error) {
	a, err := r.answers.do(ctx, "crl "+point, func() *answer {
		file := r.cacheFile("crl", point, nil, nil)
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) < maxAge && info.Size() <= maxListFile {
			if cached, err := os.ReadFile(file); err == nil {
				if list, err := oneCRL(cached, point); err == nil && list.NextUpdate.After(now) {
					return &answer{list: list, until: expiry(list.NextUpdate, now)}
				}
			}
		}
		body, err := r.fetch(ctx, http.MethodGet, point, "", nil, maxListFile)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		list, err := oneCRL(body, point)
		if err != nil {
			return &answer{err: err, until: time.Now().Add(failureAge)}
		}
		r.store(file, body)
		return &answer{list: list, until: expiry(list.NextUpdate, now)}
	})
	if err != nil {
		return nil, err
	}
	return a.list, nil
}

func oneCRL(body []byte, point string) (*crl, error) {
	lists, err := parseLists(body, point)
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// expiry says until when an answer is kept: its next date, but a day at most,
// and half a minute if that date has passed or there is none.
func expiry(next, now time.Time) time.Time {
	keep := min(next.Sub(now), maxAge)
	return time.Now().Add(max(keep, failureAge))
}

// do asks once at a time for each question and remembers what came of it.
func (m *answerMemo) do(ctx context.Context, question string, ask func() *answer) (*answer, error) {
	m.mu.Lock()
	a := m.answers[question]
	if a != nil && a.finished() && time.Now().After(a.until) {
		a = nil
	}
	if a == nil {
		m.makeRoom()
		a = &answer{done: make(chan struct{})}
		m.answers[question] = a
		m.mu.Unlock()
		got := ask()
		a.body, a.list, a.err, a.until = got.body, got.list, got.err, got.until
		if ctx.Err() != nil && got.err != nil {
			a.until = time.Time{} // our own time was up; it says little about the source
		}
		close(a.done)
		return a, a.err
	}
	m.mu.Unlock()
	select {
	case <-a.done:
		return a, a.err
	case <-ctx.Done():
		return a, context.Cause(ctx)
	}
}

func (a *answer) finished() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// makeRoom forgets all finished answers when there are too many: a list that
// size is an attack or a crawl, and asking again is cheap next to it.
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

// fetch sends one HTTP request. The addresses come from certificates that an
// authority signed, which is checked before; still they may lead only to HTTP,
// with a bound on redirects, size and time.
func (r *Revocation) fetch(ctx context.Context, method, address, contentType string, body []byte, limit int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" {
		return nil, fmt.Errorf("%s is not fetched: only http:// is, since https:// would ask this question again and LDAP is not spoken", quote(address))
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("User-Agent", "sealsock")
	response, err := r.client().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", quote(response.Status))
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the server sends more than %d bytes", limit)
	}
	return data, nil
}

var sharedTransport = &http.Transport{
	Proxy:                  http.ProxyFromEnvironment,
	MaxIdleConns:           8,
	IdleConnTimeout:        30 * time.Second,
	MaxResponseHeaderBytes: 64 << 10,
}

func (r *Revocation) client() *http.Client {
	c := &http.Client{Transport: r.Transport, CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if len(before) > maxRedirect || next.URL.Scheme != "http" {
			return errors.New("the server redirects too often or away from HTTP")
		}
		return nil
	}}
	if c.Transport == nil {
		c.Transport = sharedTransport
	}
	return c
}

// cacheFile names the file of a question, or "" without a cache.
func (r *Revocation) cacheFile(kind, address string, c, issuer *x509.Certificate) string {
	if r.CacheDir == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", kind, address)
	if c != nil {
		h.Write(issuer.RawSubject)
		h.Write(c.SerialNumber.Bytes())
	}
	return filepath.Join(r.CacheDir, hex.EncodeToString(h.Sum(nil)[:16])+"."+kind)
}

// store writes to the cache; a cache that cannot be written is no reason to
// refuse a peer.
func (r *Revocation) store(file string, body []byte) {
	if file == "" || os.MkdirAll(r.CacheDir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(r.CacheDir, ".new-*")
	if err != nil {
		return
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(body)
	if closeErr := f.Close(); err == nil && closeErr == nil {
		_ = os.Rename(f.Name(), file)
	}
}

func wrapSource(source string, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &Error{Code: CodeRevocationUnknown, Got: source + " gives no answer", Err: err,
		Hint: "check the network, or the server named in the certificate"}
}
