package authority

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/sealsock/sealsock/internal/filelock"
)

// TestFullJournal fills the journal. Nothing is issued any longer, but what was
// issued can be listed and revoked.
func TestFullJournal(t *testing.T) {
	a := newAuthority(t, Options{})
	_, first, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	a.journal.most = 2 * a.journal.size
	issued := 1
	for ; err == nil && issued < 100; issued++ {
		_, _, err = a.Issue(Request{Names: []string{"localhost"}})
	}
	if err == nil || !strings.Contains(err.Error(), "is full") {
		t.Fatalf("%d were issued: %v", issued, err)
	}
	if _, err := a.Revoke(first.Serial, ReasonSuperseded); err != nil {
		t.Error(err)
	}
	if all, err := a.List(); err != nil || len(all) != issued-1 || all[0].Status != StatusRevoked {
		t.Errorf("%d records of %d, %v", len(all), issued, err)
	}
}

// TestDailyLimit has clients of ACME ask for more than a day's certificates.
func TestDailyLimit(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := newClient(t, s.URL, nil)
	client.RetryBackoff = func(n int, _ *http.Request, _ *http.Response) time.Duration {
		return time.Duration(1-n) * time.Millisecond
	} // once
	if _, err := client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	if _, err := m.order(ctx, client, methodHTTP, acme.DomainIDs("box.lan")...); err != nil {
		t.Fatal(err)
	}
	all, err := a.List()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d, %v", len(all), err)
	}
	for range maxDaily - 1 {
		a.journal.order = append(a.journal.order, all[0].Serial)
	}
	_, err = m.order(ctx, client, methodHTTP, acme.DomainIDs("box.lan")...)
	var refused *acme.Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "try again later") {
		t.Errorf("one more than a day's: %v", err)
	}
	if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Errorf("its owner is refused too: %v", err)
	}
	a.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	if n := a.journal.issuedSince(a.now().Add(-24 * time.Hour)); n != 0 {
		t.Errorf("the next day %d count", n)
	}
}

// TestFolderIsHeld has another holder of the folder's lock.
func TestFolderIsHeld(t *testing.T) {
	a := newAuthority(t, Options{})
	unlock, err := lockFolder(a.Dir(), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = time.Millisecond
	_, _, err = a.Issue(Request{Names: []string{"localhost"}})
	want := fmt.Sprintf("process %d has held %s for 1ms", os.Getpid(), filepath.Join(a.Dir(), "lock"))
	if !errors.Is(err, filelock.ErrHeld) || !strings.Contains(err.Error(), want) {
		t.Errorf("while it is held: %v, want %s", err, want)
	}
	lockPatience = time.Minute
	unlock()
	if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Errorf("after it was released: %v", err)
	}
}

// TestWaitingIsBounded has many calls at once while another process holds the folder. Each ends
// after its own patience, and an HTTP client is told to try again.
func TestWaitingIsBounded(t *testing.T) {
	a := newAuthority(t, Options{})
	unlock, err := lockFolder(a.Dir(), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = 3 * time.Second
	const calls = 12
	start, errs := time.Now(), make(chan error, calls)
	for range calls {
		go func() {
			_, _, err := a.Issue(Request{Names: []string{"localhost"}})
			errs <- err
		}()
	}
	w := httptest.NewRecorder()
	a.Handler(nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/crl", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("the list is answered with %d", w.Code)
	}
	for range calls {
		if err := <-errs; !errors.Is(err, filelock.ErrHeld) {
			t.Errorf("while the folder is held: %v", err)
		}
	}
	if waited := time.Since(start); waited > calls/2*lockPatience {
		t.Errorf("%d calls waited for %v", calls, waited)
	}
	unlock()
	if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Errorf("after it was released: %v", err)
	}
}

// TestHugeRequest has a request whose signature would take minutes to check.
func TestHugeRequest(t *testing.T) {
	a := newAuthority(t, Options{})
	small, err := ECDSAP256.generate()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"localhost"}}, small)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 15_000)
	rand.Read(raw)
	raw[0], raw[len(raw)-1] = raw[0]|0x80, raw[len(raw)-1]|1
	spki, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(raw), E: 1<<31 - 1})
	if err != nil {
		t.Fatal(err)
	}
	var request struct {
		Info struct {
			Version    int
			Subject    asn1.RawValue
			Key        asn1.RawValue
			Attributes asn1.RawValue `asn1:"tag:0"`
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &request); err != nil {
		t.Fatal(err)
	}
	request.Info.Key = asn1.RawValue{FullBytes: spki}
	if der, err = asn1.Marshal(request); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, _, err = a.Issue(Request{CSR: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})})
	if err == nil || !strings.Contains(err.Error(), "an RSA key of 120000 bits") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
