package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sealsock/sealsock"
)

// maxEarlyFile bounds the file of --early-data, and what --max-early-data may be.
const maxEarlyFile = 1 << 20

// readEarlyFile reads what --early-data names.
func readEarlyFile(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readBounded(context.Background(), file, maxEarlyFile) // see interruptibly
	if err != nil {
		p := explain(err)
		p.text = "--early-data: " + p.text
		p.hint = "name a file of at most 1 MiB; send the rest on standard input"
		return nil, p
	}
	if len(data) == 0 {
		return nil, failed(nil, "--early-data %s is empty", file).hinted("leave it out, or name a file that contains a request")
	}
	return data, nil
}

// earlyFacts reports whether 0-RTT data was accepted. An attacker who has recorded
// 0-RTT data can replay it to another server.
type earlyFacts struct {
	// Status is "accepted", "rejected" or "late" on the side that sends it, and
	// "received" on the other.
	Status string `json:"status"`
	Bytes  int    `json:"bytes"`
}

func (e *earlyFacts) text() string {
	switch e.Status {
	case "accepted":
		return fmt.Sprintf("early data accepted (%d bytes)", e.Bytes)
	case "rejected":
		return fmt.Sprintf("early data rejected (%d bytes, sent again after the handshake)", e.Bytes)
	case "received":
		return fmt.Sprintf("%d bytes of early data", e.Bytes)
	}
	return fmt.Sprintf("no early data allowed (%d bytes sent after the handshake)", e.Bytes)
}

// earlyOf returns the facts about the early data of a dialer; nil if there was none.
func (c *dialer) earlyOf(conn *sealsock.Conn) *earlyFacts {
	switch {
	case len(c.early) == 0:
		return nil
	case c.sent == 0:
		return &earlyFacts{"late", len(c.early)}
	case conn.State().EarlyData:
		return &earlyFacts{"accepted", c.sent}
	}
	return &earlyFacts{"rejected", c.sent}
}

// takeEarly reads the 0-RTT data of a connection whose handshake is done. By then it
// is known to be this client's: a peer that replays a first flight cannot finish the
// handshake, so its early data is never read. The listener's configuration bounds the
// data.
func (v *serverConn) takeEarly(conn *sealsock.Conn) (err error) {
	if !conn.State().EarlyData {
		return nil
	}
	var n int
	if packets, ok := v.tlsConn.(*packetConn); ok {
		n, err = packets.takeEarly()
	} else {
		v.early, err = io.ReadAll(earlyReader{conn})
		n = len(v.early)
	}
	if n > 0 {
		v.facts.Early = &earlyFacts{"received", n}
	}
	return err
}

type earlyReader struct{ conn *sealsock.Conn }

// Read implements io.Reader.
func (r earlyReader) Read(p []byte) (int, error) { return r.conn.ReadEarly(p) }
