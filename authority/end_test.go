package authority

import (
	"crypto/x509"
	"testing"
	"time"
)

// TestShortLifetimes issues certificates for less than the time that they are backdated by. They
// are valid from now on for as long as was asked.
func TestShortLifetimes(t *testing.T) {
	a := newAuthority(t, Options{})
	for _, lifetime := range []time.Duration{20 * time.Minute, time.Hour, 2 * time.Hour} {
		id, _, err := a.Issue(Request{Names: []string{"localhost"}, Lifetime: lifetime})
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(a, id, "localhost", x509.ExtKeyUsageServerAuth); err != nil {
			t.Errorf("for %v: %v", lifetime, err)
		}
		if got := id.Leaf.NotAfter.Sub(id.Leaf.NotBefore); got != lifetime {
			t.Errorf("for %v: %v in all", lifetime, got)
		}
	}
}

// TestEndOfAuthority asks an authority for certificates after its root has expired, and before it
// was made.
func TestEndOfAuthority(t *testing.T) {
	a := newAuthority(t, Options{Lifetime: 30 * 24 * time.Hour})
	for _, away := range []time.Duration{31 * 24 * time.Hour, -2 * time.Hour} {
		a.now = func() time.Time { return time.Now().Add(away) }
		if id, _, err := a.Issue(Request{Names: []string{"localhost"}}); err == nil {
			t.Errorf("it issued a certificate from %v to %v", id.Leaf.NotBefore, id.Leaf.NotAfter)
		}
	}
}

// TestClockWasAhead issues while the clock is some years ahead, which renews the intermediate, and
// after it was set right.
func TestClockWasAhead(t *testing.T) {
	a := newAuthority(t, Options{})
	a.now = func() time.Time { return time.Now().Add(6 * 365 * 24 * time.Hour) }
	if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	if !a.Intermediate().NotBefore.After(time.Now()) {
		t.Fatal("the intermediate was not renewed")
	}
	a.now = time.Now
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := accepts(a, id, "localhost", x509.ExtKeyUsageServerAuth); err != nil {
		t.Error(err)
	}
}
