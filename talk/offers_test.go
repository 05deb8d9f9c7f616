package talk

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/link"
)

// unread returns a peer that reads nothing of what it is sent.
func unread(t *testing.T) *peer {
	t.Helper()
	r := &Room{events: newQueue(), hub: new(link.Hub)}
	r.ctx, r.cancel = context.WithCancel(t.Context())
	p := newPeer(r, new(link.Conn))
	r.peers = map[*link.Conn]*peer{p.link: p}
	p.ready = true
	t.Cleanup(func() {
		r.cancel()
		r.wg.Wait()
	})
	return p
}

// TestRefusalsAreBounded: a member that offers files, takes the offers back, and reads no refusal,
// makes no more refusals wait than it may have offers. An offer that was refused is not reported.
func TestRefusalsAreBounded(t *testing.T) {
	for _, name := range []string{"../unsafe", "safe"} {
		p := unread(t)
		refused := 0
		var err error
		for number := uint32(1); number < 10*MaxFiles && err == nil; number++ {
			var offer *FileOffer
			_, offer, err = p.files.take(p, fileFrame{kind: frameOffer, number: number, name: name})
			if err != nil {
				break
			}
			if offer != nil { // as a program that takes no files does
				p.room.wg.Go(func() { p.room.RefuseFile(p.room.ctx, offer, "no") })
				awaitRefused(t, p, number)
			}
			refused++
			if _, offer, _ = p.files.take(p, fileFrame{kind: frameStop, number: number}); offer != nil {
				t.Fatalf("%s: the end of an offer that was refused is reported", name)
			}
		}
		if !errors.Is(err, errFrame) || refused > 2*MaxFiles {
			t.Errorf("%s: %d refusals wait, %v", name, refused, err)
		}
	}
}

// awaitRefused waits until an offer is marked as refused.
func awaitRefused(t *testing.T, p *peer, number uint32) {
	t.Helper()
	for range 60_000 {
		time.Sleep(time.Millisecond)
		p.files.mu.Lock()
		done := p.files.incoming[number].refused
		p.files.mu.Unlock()
		if done {
			return
		}
	}
	t.Fatal("the offer is not refused")
}

// TestAnotherOffer: what was taken back is not accepted, nor refused, as another file with its
// number.
func TestAnotherOffer(t *testing.T) {
	p := unread(t)
	take := func(kind byte, name string) *FileOffer {
		_, o, err := p.files.take(p, fileFrame{kind: kind, number: 1, name: name, size: 1})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first := take(frameOffer, "first")
	take(frameStop, "")
	second := take(frameOffer, "second")
	close(p.over) // so that nothing waits to be sent
	if err := p.room.RefuseFile(t.Context(), first, "no"); err != nil {
		t.Errorf("the refusal of what was taken back: %v", err)
	}
	err := p.room.ReceiveFile(t.Context(), first, new(memorySink))
	if !errors.Is(err, os.ErrInvalid) {
		t.Errorf("what was taken back was accepted: %v", err)
	}
	if p.files.answer(second) == nil {
		t.Error("the other offer was answered")
	}
}

// TestStopUnread: the receiving of a file ends with its context, though its sender reads nothing.
func TestStopUnread(t *testing.T) {
	p := unread(t)
	_, o, err := p.files.take(p, fileFrame{kind: frameOffer, number: 1, name: "x", size: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.room.ReceiveFile(ctx, o, new(memorySink)) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
	close(p.over)
}
