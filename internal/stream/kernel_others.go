//go:build !linux

package stream

import (
	"net"
	"os"

	"github.com/sealsock/sealsock/engine"
)

// A kernel is that of Linux, which alone has TLS for sockets that this package can use.
type kernel struct{}

func newKernel(net.Conn, engine.SendingKey) (*kernel, error) {
	return nil, kernelRefused("only Linux has it", nil)
}

func (*kernel) install(engine.SendingKey) error { return errFrames }

func (*kernel) write(frames []byte, _ *engine.Sender) ([]byte, error) { return frames, errFrames }

func (*kernel) sendFile(*os.File, int64, int) (int, error) { return 0, errFrames }

func (*kernel) end() error { return nil }

func (*kernel) next() (uint64, error) { return 0, errFrames }

func (*kernel) drained() (bool, error) { return true, nil }
