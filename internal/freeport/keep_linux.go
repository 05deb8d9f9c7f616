package freeport

import (
	"fmt"
	"io"
	"net"
)

// keep makes the port this test's until what it returns is closed, or the process ends. A name of
// a UNIX socket that is no file stands for it, which one process of the machine can have.
func keep(port int) (io.Closer, error) {
	return net.Listen("unix", fmt.Sprintf("@sealsock-freeport-%d", port))
}
