package authority

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// TestOneClientLeavesValidations has one source ask for more validations than there may be at
// once, of machines that do not answer.
func TestOneClientLeavesValidations(t *testing.T) {
	var v validations
	began := make(chan string, maxWaiting)
	add := func(source string) bool {
		return v.add(validation{source, func() { began <- source }})
	}
	for i := range 3 {
		for range maxSourceValidations + 1 {
			if !add(fmt.Sprint("client ", i)) {
				t.Fatal("there is no room")
			}
		}
	}
	for range 3 * maxSourceValidations {
		<-began
	}
	if v.total != 3*maxSourceValidations || len(v.waiting) != 3 {
		t.Fatalf("%d at once, %d wait", v.total, len(v.waiting))
	}
	add("client 3")
	add("client 3")
	<-began
	<-began
	add("newcomer")
	if v.total != maxValidations || len(v.waiting) != 4 {
		t.Fatalf("%d at once, %d wait", v.total, len(v.waiting))
	}
	if v.done("client 0"); <-began != "newcomer" {
		t.Error("one that has something under way went before one that has not")
	}
	n := 0
	for ; n < 2*maxSourceWaiting && add("client 1"); n++ {
	}
	if n != maxSourceWaiting-1 || !add("client 2") {
		t.Errorf("one source had %d more waiting", n)
	}
	for i := 0; len(v.waiting) < maxWaiting; i++ {
		add(fmt.Sprint("source ", i))
	}
	if add("one more") {
		t.Error("there is no bound")
	}
}

// TestSilentMachinesHoldUpTheirClient has one client wait for machines that do not answer: there
// is room left for others.
func TestSilentMachinesHoldUpTheirClient(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	service := &ACME{Dial: func(context.Context, string, string) (net.Conn, error) {
		<-release
		return nil, context.Canceled
	}}
	_, s := served(t, Options{}, service)
	client := registered(t, s)
	var names []string
	for i := range maxValidations + 2 {
		names = append(names, fmt.Sprintf("silent%d.lan", i))
	}
	o, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs(names...))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range o.AuthzURLs {
		z, err := client.GetAuthorization(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range z.Challenges {
			if c.Type != methodALPN {
				continue
			}
			if _, err := client.Accept(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	service.mu.Lock()
	defer service.mu.Unlock()
	if service.checks.total != maxSourceValidations ||
		len(service.checks.waiting) != len(names)-maxSourceValidations {
		t.Errorf("%d at once, %d wait", service.checks.total, len(service.checks.waiting))
	}
}

// TestDailyLimitOfASource has one source ask for a day's certificates.
func TestDailyLimitOfASource(t *testing.T) {
	machine := newMachine(t)
	m := &ACME{Dial: machine.dial}
	a, s := served(t, Options{}, m)
	client := registered(t, s)
	m.mu.Lock()
	for m.mayIssue("127.0.0.1") == nil {
	}
	m.mu.Unlock()
	_, err := machine.order(t.Context(), client, methodHTTP, acme.DomainIDs("box.lan")...)
	if limited, ok := acme.RateLimit(err); !ok {
		t.Errorf("one more than a day's: %v, %v", err, limited)
	}
	delete(m.issued, "127.0.0.1")
	n := 0
	for ; n < maxDaily && m.mayIssue("192.0.2.1") == nil; n++ {
	}
	if n != maxSourceDaily || m.mayIssue("192.0.2.2") != nil {
		t.Errorf("one source had %d", n)
	}
	if m.notIssued("192.0.2.1"); m.mayIssue("192.0.2.1") != nil || m.mayIssue("192.0.2.1") == nil {
		t.Error("one that was not issued counts")
	}
	a.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	if err := m.mayIssue("192.0.2.1"); err != nil || len(m.issued) != 1 {
		t.Errorf("the next day: %v, %d sources", err, len(m.issued))
	}
}

// TestDialPanics: a panic of Dial is a name that is not proved, and does not end the process.
func TestDialPanics(t *testing.T) {
	m := &ACME{authority: newAuthority(t, Options{}),
		Dial: func(context.Context, string, string) (net.Conn, error) { panic("broken") }}
	for _, method := range []string{methodHTTP, methodALPN} {
		m.checks = validations{running: map[string]int{"192.0.2.1": 1}, total: 1}
		p := &proof{identifier: identifier{"dns", "printer.lan"}, status: stateProcessing}
		if m.prove(p, method, "192.0.2.1", "proof"); p.status != stateInvalid {
			t.Errorf("%s: the proof is %s", method, p.status)
		}
	}
}
