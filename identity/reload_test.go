package identity

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// touch makes sure that a change shows in the file's time.
func touch(t *testing.T, path string, ahead time.Duration) {
	t.Helper()
	when := time.Now().Add(ahead)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// TestNotifyMayWait: the function of Notify calls methods of the Reloader, and other calls do not
// wait for it.
func TestNotifyMayWait(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	cert, key := w.write("live.pem", w.read("cert.pem")), w.write("live.key", w.read("key.pem"))
	r, err := Watch(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	r.interval = 0
	told := make(chan error, 2)
	r.Notify(func(*Identity, error) {
		done := make(chan error, 1)
		go func() {
			r.Identity()
			done <- r.Err()
		}()
		select {
		case err := <-done:
			told <- err
		case <-time.After(10 * time.Second):
			told <- errors.New("a connection waits for the function of Notify")
		}
	})
	touch(t, cert, time.Second)
	r.Identity()
	if err := <-told; err != nil {
		t.Error(err)
	}
	if err := r.Reload(); err != nil {
		t.Error(err)
	}
	if err := <-told; err != nil {
		t.Error(err)
	}
}

func TestReloader(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	oldCert, oldKey := w.read("cert.pem"), w.read("key.pem")
	w.chain() // again, with other keys
	newCert, newKey := w.read("cert.pem"), w.read("key.pem")
	cert, key := w.write("live.pem", oldCert), w.write("live.key", oldKey)
	r, err := Watch(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	r.interval = 0
	var told []string
	r.Notify(func(id *Identity, err error) {
		told = append(told, fmt.Sprint(id.Leaf.SerialNumber, " ", err != nil))
	})
	first := r.Identity()
	if again := r.Identity(); again != first {
		t.Error("loaded again though nothing changed")
	}
	// The certificate comes before its key: the old identity stays meanwhile.
	w.write("live.pem", newCert)
	touch(t, cert, time.Second)
	for range 3 {
		if r.Identity() != first {
			t.Error("half a change was taken over")
		}
	}
	var e *Error
	if err := r.Err(); !errors.As(err, &e) || e.Code != CodeMismatch {
		t.Errorf("half a change: %v", err)
	}
	w.write("live.key", newKey)
	touch(t, key, 2*time.Second)
	second := r.Identity()
	if second.Leaf.Equal(first.Leaf) || r.Err() != nil {
		t.Errorf("the change was not taken over: %v", r.Err())
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if r.Identity() != second || r.Err() == nil {
		t.Error("a missing key was not noticed, or took the identity away")
	}
	w.write("live.key", newKey)
	if err := r.Reload(); err != nil || r.Err() != nil {
		t.Errorf("%v, %v", err, r.Err())
	}
	if len(told) != 4 || !strings.HasSuffix(told[0], "true") || !strings.HasSuffix(told[1], "false") || !strings.HasSuffix(told[2], "true") {
		t.Errorf("told %q", told)
	}
	if _, err := Watch(w.path("none"), ""); err == nil {
		t.Error("watches nothing")
	}
}

func TestReloaderInParallel(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	r, err := Watch(w.write("all.pem", w.read("cert.pem"), w.read("key.pem")), "")
	if err != nil {
		t.Fatal(err)
	}
	r.interval = 0
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if r.Identity() == nil {
					t.Error("no identity")
				}
			}
		})
	}
	for i := range 5 {
		touch(t, w.path("all.pem"), time.Duration(i)*time.Second)
	}
	wg.Wait()
}

func TestChoose(t *testing.T) {
	w := newWorkshop(t)
	make := func(name, key, names string) *Identity {
		w.openssl("genpkey -out " + name + ".key " + key)
		w.openssl("req -x509 -key " + name + ".key -subj /CN=" + name + " -addext subjectAltName=" + names + " -days 10 -out " + name + ".crt")
		id, err := Load(w.path(name+".crt"), w.path(name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	rsa := make("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "DNS:a.test,DNS:b.test")
	p256 := make("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "DNS:a.test")
	p384 := make("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "DNS:c.test")
	p521 := make("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "DNS:d.test")
	ed := make("ed", "-algorithm ED25519", "DNS:*.wild.test")
	all := []Source{p256, rsa, p384, p521, ed}
	ecdsa := []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256, iana.ECDSAWithP384AndSHA384}
	pss := []iana.SignatureScheme{iana.RSAPSSRSAEWithSHA256}
	for _, tc := range []struct {
		name    string
		schemes []iana.SignatureScheme
		want    *Identity
	}{
		{"a.test", nil, p256},
		{"a.test", pss, rsa},
		{"b.test", nil, rsa},
		{"b.test", ecdsa, p256}, // no name fits with that key: the first that can sign
		{"c.test", ecdsa, p384},
		{"d.test", []iana.SignatureScheme{iana.ECDSAWithP521AndSHA512}, p521},
		{"x.wild.test", []iana.SignatureScheme{iana.Ed25519}, ed},
		{"nowhere.test", nil, p256},
		{"", nil, p256},
		{"", pss, rsa},
		{"a.test", []iana.SignatureScheme{iana.Ed448}, nil},
		{"a.test", []iana.SignatureScheme{}, nil},
	} {
		if got := Choose(all, tc.name, tc.schemes); got != tc.want {
			t.Errorf("%q, %v: %v, expected %v", tc.name, tc.schemes, got, tc.want)
		}
	}
	if Choose(nil, "a.test", nil) != nil {
		t.Error("chose from nothing")
	}
}
