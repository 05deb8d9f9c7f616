package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/message"
)

// TestExistsAgain: a receiver that has a file of a name already can try again with the same code,
// and a sender that was refused ends.
func TestExistsAgain(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from, to := t.TempDir(), t.TempDir()
	write(t, from, map[string][]byte{"tree/a": []byte("new")})
	write(t, to, map[string][]byte{"tree/a": []byte("old")})
	var sent log
	s, result := start(ctx, t, SendOptions{Dial: r.Dial, Notify: sent.add, RelayOnly: true,
		Files: scan(t, from, "tree")})
	receive := func(overwrite bool, answer error) error {
		_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
			Accept: func(_ context.Context, o *Offer) (bool, error) {
				if !slices.Equal(o.Existing, []string{"tree/a"}) ||
					!slices.Equal(o.Folders, []string{"tree"}) {
					t.Errorf("the offer is %+v", o)
				}
				return overwrite, answer
			}})
		return err
	}
	answer := fmt.Errorf("tree/a: %w", ErrExists)
	if err := receive(false, answer); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if e := sent.await(t, Failed); !errors.Is(e.Err, ErrOther) {
		t.Errorf("the sender reports %v", e.Err)
	}
	if err := receive(true, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	check(t, to, map[string][]byte{"tree/a": []byte("new")})
}

// TestRefusal: what a user does not accept is not received, whichever way the files would take, and
// the sender is told so. The error is any.
func TestRefusal(t *testing.T) {
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct=%v", direct), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(within(t), 20*time.Second)
			defer cancel()
			r := relaytest.New(t)
			from, to := t.TempDir(), t.TempDir()
			write(t, from, sample)
			var sent log
			s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "a.txt"),
				Notify: sent.add, RelayOnly: !direct, loopback: true})
			asked, no := 0, errors.New("no")
			_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
				loopback: true, Accept: func(context.Context, *Offer) (bool, error) {
					asked++
					return true, no
				}})
			if !errors.Is(err, no) || asked != 1 {
				t.Errorf("the receiver has %v, and was asked %d times", err, asked)
			}
			if err := <-result; !errors.Is(err, ErrRefused) {
				t.Errorf("the sender has %v, want ErrRefused", err)
			}
			if _, ok := sent.first(Failed); ok {
				t.Error("a sender that ends reports that the receiver can try again")
			}
			check(t, to, nil)
		})
	}
}

// TestAnotherList: a sender whose connection fails cannot offer other files over the next one
// than those that the user has accepted.
func TestAnotherList(t *testing.T) {
	for _, second := range []string{"x", "y"} {
		asked, dir := 0, t.TempDir()
		r := &reception{opts: ReceiveOptions{Dir: dir,
			Accept: func(context.Context, *Offer) (bool, error) {
				asked++
				return false, nil
			}}.fill()}
		run := func(name string) error {
			a, b := net.Pipe()
			peer := &script{newFrames(message.New(a, message.Options{Limit: maxFrame})), a}
			peer.drain()
			go func() {
				peer.offer(entry{kind: entryFile, size: 5, name: name})
				a.Close()
			}()
			defer b.Close()
			return r.run(within(t), newFrames(message.New(b, message.Options{Limit: maxFrame})))
		}
		if err := run("x"); !failing(err) {
			t.Fatal(err)
		}
		err := run(second)
		if refused := errors.Is(err, ErrProtocol); refused != (second == "y") {
			t.Errorf("%s after x: %v", second, err)
		}
		if asked != 1 {
			t.Errorf("the user was asked %d times", asked)
		}
		r.close()
	}
}

// TestWaiting: a receiver that finds no sender is told so long before it gives up.
func TestWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	r := relaytest.New(t)
	code, err := ParseCode("7-crystal-lagoon")
	if err != nil {
		t.Fatal(err)
	}
	waiting := false
	_, err = Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: code, Dir: t.TempDir(),
		Notify: func(e Event) {
			waiting = waiting || e.Kind == Waiting
			cancel()
		}})
	if !errors.Is(err, context.Canceled) || !waiting {
		t.Errorf("waiting was reported: %v; %v", waiting, err)
	}
}
