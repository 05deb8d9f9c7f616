package engine_test

import (
	"fmt"
	"log"

	"github.com/sealsock/sealsock/engine"
)

// drive processes what was received and returns what has to be sent, for one side
// of a connection.
func drive(r *engine.Receiver, s *engine.Sender, in []byte, data *[]byte) (rest, out []byte) {
	for {
		n, ev, err := r.Receive(in)
		in = in[n:]
		if out, err = apply(s, out, ev, err); err != nil {
			log.Fatal(err)
		}
		switch ev.Kind {
		case engine.EventData:
			*data = append(*data, ev.Data...)
		case engine.EventWantRead, engine.EventClosed:
			return in, out
		}
	}
}

// apply sends what an event asks for, also when it came with an error: that is
// the alert.
func apply(s *engine.Sender, out []byte, ev engine.Event, failed error) ([]byte, error) {
	out, err := s.Apply(out, ev.Reply)
	if failed != nil {
		return out, failed
	}
	return out, err
}

// Two sides of a connection, driven from two byte slices, with no socket at all.
func Example() {
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	cr, cs, err := engine.Client(&engine.Config{PSKs: []*engine.PSK{key}}, engine.Target{})
	if err != nil {
		log.Fatal(err)
	}
	sr, ss, err := engine.Server(&engine.Config{FindPSK: func([]byte) (*engine.PSK, error) { return key, nil }})
	if err != nil {
		log.Fatal(err)
	}

	var toServer, toClient, atServer, atClient []byte
	for sent := false; ; {
		var out []byte
		toClient, out = drive(cr, cs, toClient, &atClient)
		toServer = append(toServer, out...)
		if cs.Ready() && !sent {
			if toServer, err = cs.Seal(toServer, []byte("hello")); err != nil {
				log.Fatal(err)
			}
			sent = true
		}
		toServer, out = drive(sr, ss, toServer, &atServer)
		toClient = append(toClient, out...)
		if sent && len(toClient)+len(toServer) == 0 {
			break
		}
	}
	state := sr.State()
	fmt.Printf("%v, %v: %q\n", state.Version, state.CipherSuite, atServer)
	// Output: TLS 1.3, TLS_AES_128_GCM_SHA256: "hello"
}
