package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// trace calls Config.Trace with one message, if it is set.
func (c *Config) trace(sent bool, typ iana.ContentType, data []byte) {
	if c.Trace != nil {
		c.Trace(Trace{Sent: sent, Type: typ, Data: data})
	}
}

// traceMessages calls trace for each of the handshake messages that are sent together.
func (c *Config) traceMessages(data []byte) {
	for c.Trace != nil && len(data) >= wire.HeaderLen {
		_, n, _ := wire.ParseHeader(data)
		n = min(n+wire.HeaderLen, len(data))
		c.trace(true, iana.ContentHandshake, data[:n])
		data = data[n:]
	}
}
