package interop

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// looped is a client of an event loop and its server. They are connected by
// buffers in memory instead of sockets.
type looped struct {
	client, server     *half
	policy             *trust.Policy
	toClient, toServer []byte
	asked              *engine.PeerCertificate
}

type half struct {
	recv *engine.Receiver
	send *engine.Sender
	done bool
	err  error
}

// VerifyPeer records the question; the loop passes it to another goroutine.
func (l *looped) VerifyPeer(q *engine.PeerCertificate) (crypto.PublicKey, error) {
	l.asked = q
	return nil, engine.ErrPending
}

func newLooped(t *testing.T, id *identity.Identity, policy *trust.Policy) *looped {
	t.Helper()
	l := &looped{client: new(half), server: new(half), policy: policy}
	var err error
	l.client.recv, l.client.send, err = engine.Client(
		&engine.Config{Verifier: l}, engine.Target{ServerName: "localhost"},
	)
	if err != nil {
		t.Fatal(err)
	}
	l.server.recv, l.server.send, err = engine.Server(&engine.Config{Credentials: []*engine.Credential{{Chain: id.Chain, Signer: id.Signer}}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// work moves bytes until both ends wait for more bytes or for a verdict.
func (l *looped) work() {
	for before := -1; before != len(l.toClient)+len(l.toServer); {
		before = len(l.toClient) + len(l.toServer)
		l.toServer = append(l.toServer, l.client.take(&l.toClient)...)
		l.toClient = append(l.toClient, l.server.take(&l.toServer)...)
	}
}

func (e *half) take(in *[]byte) (out []byte) {
	for e.err == nil {
		n, ev, err := e.recv.Receive(*in)
		*in = (*in)[n:]
		if out, e.err = e.send.Apply(out, ev.Reply); err != nil {
			e.err = err
		}
		switch ev.Kind {
		case engine.EventHandshakeDone:
			e.done = true
		case engine.EventWantRead, engine.EventClosed, engine.EventWaiting:
			return out
		}
	}
	return out
}

// verdict is the result of the verification of one client's server.
type verdict struct {
	of     *looped
	answer engine.Answer
}

// judge can block on the network, so it runs outside of the loop.
func (l *looped) judge(verdicts chan<- verdict) {
	result, err := l.policy.Verify(context.Background(), &trust.Peer{Server: true, Name: l.asked.ServerName, Chain: l.asked.Chain})
	if err != nil {
		verdicts <- verdict{l, engine.Refuse(err)}
		return
	}
	verdicts <- verdict{l, l.asked.Accept(result.PublicKey)}
}

// TestVerdictsForALoop drives connections from one goroutine. The policy sends
// requests for two of them to a responder, in other goroutines. The responder
// answers only after the loop has completed a third.
func TestVerdictsForALoop(t *testing.T) {
	finished := make(chan struct{})
	r := newRegistry(t, func(r *registry) http.Handler {
		inner := r.Handler(nil)
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			<-finished
			inner.ServeHTTP(w, req)
		})
	})
	roots := new(trust.Roots)
	if err := roots.AddDER(r.Root().Raw); err != nil {
		t.Fatal(err)
	}
	asking := &trust.Policy{Roots: roots, Revocation: &trust.Revocation{Mode: trust.RevocationRequire, Timeout: patience}}
	good, bad, quick := newLooped(t, r.good, asking), newLooped(t, r.bad, asking), newLooped(t, r.good, &trust.Policy{Roots: roots})

	verdicts := make(chan verdict)
	open := 0
	for _, l := range []*looped{good, bad, quick} {
		l.work()
		if l.asked == nil {
			t.Fatalf("nothing was asked: %v, %v", l.client.err, l.server.err)
		}
		open++
		go l.judge(verdicts)
	}
	for first := true; open > 0; open, first = open-1, false {
		select {
		case v := <-verdicts:
			if first && v.of != quick {
				t.Fatalf("the responder answered before the third was done: %+v", v.answer)
			}
			if err := v.of.client.recv.Resume(v.answer); err != nil {
				t.Fatal(err)
			}
			v.of.work()
			if first {
				close(finished)
			}
		case <-time.After(patience):
			t.Fatal("the loop waits for ever")
		}
	}
	for name, l := range map[string]*looped{"good": good, "quick": quick} {
		if l.client.err != nil || !l.client.done || !l.server.done {
			t.Errorf("%s: %v, %v", name, l.client.err, l.server.err)
		}
	}
	var e *trust.Error
	if !errors.As(bad.client.err, &e) || e.Code != trust.CodeRevoked || bad.server.err == nil || bad.server.done {
		t.Errorf("revoked: %v, %v", bad.client.err, bad.server.err)
	}
}
