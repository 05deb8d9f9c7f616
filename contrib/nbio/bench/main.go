// Command bench echoes with nbio, on a plain port and on an encrypted one. "bench loops" of this
// repository starts and measures it.
package main

import (
	"github.com/lesismal/nbio"
	sealnbio "github.com/sealsock/sealsock/contrib/nbio"
	"github.com/sealsock/sealsock/internal/loopecho"
	"github.com/sealsock/sealsock/loop/adapt"
)

func main() {
	loopecho.Main(func(plain, sealed string, e *adapt.Endpoint) error {
		open := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: []string{plain}})
		open.OnData(func(c *nbio.Conn, data []byte) {
			if _, err := c.Write(data); err != nil {
				_ = c.CloseWithError(err)
			}
		})
		if err := open.Start(); err != nil {
			return err
		}
		encrypted := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: []string{sealed}})
		sealnbio.Attach(encrypted, e)
		if err := encrypted.Start(); err != nil {
			return err
		}
		encrypted.Wait()
		return nil
	})
}
