package authority

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// TestACMEBlame: an error of the authority itself is no fault of a client's request. The client
// learns nothing of the folder, and its order stays as it is.
func TestACMEBlame(t *testing.T) {
	m := newMachine(t)
	var reports atomic.Int32
	a, s := served(t, Options{}, &ACME{Dial: m.dial, OnError: func(error) { reports.Add(1) }})
	client := newClient(t, s.URL, nil)
	if _, err := client.Register(t.Context(), &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	full := func(most int64) {
		if err := a.lock(); err != nil {
			t.Fatal(err)
		}
		defer a.unlock()
		a.journal.most = most
	}
	refusals := 0
	client.RetryBackoff = func(int, *http.Request, *http.Response) time.Duration {
		if refusals++; refusals == 2 {
			full(maxJournal)
		}
		return time.Millisecond
	}
	full(1)
	chain, err := m.order(t.Context(), client, methodHTTP, acme.DomainIDs("nas.local")...)
	if err != nil || refusals < 2 || reports.Load() < 2 {
		t.Fatalf("with a full journal: %v, %d refusals, %d reports", err, refusals, reports.Load())
	}
	client.RetryBackoff = func(int, *http.Request, *http.Response) time.Duration { return -1 }
	full(1)
	refused := func(want string, status int) {
		t.Helper()
		err := client.RevokeCert(t.Context(), nil, chain[0], acme.CRLReasonSuperseded)
		var e *acme.Error
		if !errors.As(err, &e) || e.StatusCode != status || !strings.HasSuffix(e.ProblemType, want) ||
			strings.Contains(e.Detail, a.Dir()) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	refused("serverInternal", http.StatusInternalServerError)
	full(maxJournal)
	unlock, err := lockFolder(a.Dir(), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = 10 * time.Millisecond
	refused("serverInternal", http.StatusServiceUnavailable)
	unlock()
	if err := os.Truncate(filepath.Join(a.Dir(), journalFile), 100); err != nil {
		t.Fatal(err)
	}
	refused("serverInternal", http.StatusInternalServerError)
}

// TestShortSerial: the number of a certificate of another authority is no prefix of one here.
func TestShortSerial(t *testing.T) {
	a := newAuthority(t, Options{})
	_, record, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ECDSAP256.generate()
	if err != nil {
		t.Fatal(err)
	}
	number, ok := new(big.Int).SetString(record.Serial[:2], 16)
	if !ok {
		t.Fatal(record.Serial)
	}
	number.Lsh(number, 24)
	c := &x509.Certificate{SerialNumber: number}
	twins := []string{serialText(number) + "01", serialText(number) + "02"}
	for _, serial := range twins {
		a.journal.records[serial] = &Record{Serial: serial}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := a.FindCertificate(der); !errors.Is(err, ErrUnknownCertificate) {
		t.Errorf("%v, %v", r, err)
	}
}
