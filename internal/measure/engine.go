package measure

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// engineAlone returns the MB/s from one engine to another, in place.
func engineAlone(d time.Duration) (float64, error) {
	c, s, err := engines()
	if err != nil {
		return 0, err
	}
	data, n := make([]byte, chunk), 0.0
	start := time.Now()
	for ; time.Since(start) < d; n++ {
		if err := c.Send(data); err != nil {
			return 0, err
		}
		got := 0
		for in := c.Output(); len(in) > 0; {
			m, ev, err := s.Receive(in)
			if err != nil {
				return 0, err
			}
			got += len(ev.Data)
			in = in[m:]
		}
		if got != chunk {
			return 0, fmt.Errorf("measure: %d bytes of %d arrived", got, chunk)
		}
		c.Wrote(len(c.Output()))
	}
	return n * chunk / 1e6 / time.Since(start).Seconds(), nil
}

// engines returns the two ends of a connection that is ready, with the cipher of bulk data.
func engines() (c, s *engine.Conn, err error) {
	key := engine.NewPSK([]byte("measure"), []byte("what both ends of a connection know"))
	c, err = engine.NewConn(engine.Client(&engine.Config{PSKs: []*engine.PSK{key}}, engine.Target{}))
	if err != nil {
		return nil, nil, err
	}
	s, err = engine.NewConn(engine.Server(&engine.Config{
		FindPSK: func([]byte) (*engine.PSK, error) { return key, nil },
	}))
	if err != nil {
		return nil, nil, err
	}
	for range 4 {
		if err = errors.Join(flight(c, s), flight(s, c)); err != nil {
			return nil, nil, err
		}
	}
	if suite := s.State().CipherSuite; !s.State().HandshakeDone ||
		suite != iana.TLS_AES_128_GCM_SHA256 {
		return nil, nil, fmt.Errorf("measure: the handshake ended with %v", suite)
	}
	return c, s, nil
}

// flight passes on what waits.
func flight(from, to *engine.Conn) error {
	if _, _, err := from.Receive(nil); err != nil { // which starts a client
		return err
	}
	for in := from.Output(); len(in) > 0; {
		n, _, err := to.Receive(in)
		if err != nil {
			return err
		}
		in = in[n:]
	}
	from.Wrote(len(from.Output()))
	return nil
}
