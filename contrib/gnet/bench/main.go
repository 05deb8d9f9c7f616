// Command bench echoes with gnet, on a plain port and on an encrypted one. "bench loops" of this
// repository starts and measures it.
package main

import (
	"errors"

	"github.com/panjf2000/gnet/v2"
	sealgnet "github.com/sealsock/sealsock/contrib/gnet"
	"github.com/sealsock/sealsock/internal/loopecho"
	"github.com/sealsock/sealsock/loop/adapt"
)

func main() {
	loopecho.Main(func(plain, sealed string, e *adapt.Endpoint) error {
		ended := make(chan error, 2)
		start := func(h gnet.EventHandler, addr string) {
			ended <- gnet.Run(h, "tcp://"+addr, gnet.WithMulticore(true))
		}
		go start(new(echo), plain)
		go start(sealgnet.NewEvents(e), sealed)
		return errors.Join(<-ended, errors.New("gnet has ended"))
	})
}

// echo sends back what comes, without encryption.
type echo struct{ gnet.BuiltinEventEngine }

func (*echo) OnTraffic(c gnet.Conn) gnet.Action {
	b, err := c.Next(-1)
	if err == nil {
		_, err = c.Write(b)
	}
	if err != nil {
		return gnet.Close
	}
	return gnet.None
}
