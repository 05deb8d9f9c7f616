package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
)

// maxPath is the longest path, or abstract name with its leading NUL, that fits
// struct sockaddr_un on Linux with the NUL behind a path. Systems with a
// shorter limit return an error of their own.
const maxPath = 107

// local is a UNIX-domain stream socket. A name that starts with "@" is in
// Linux's abstract name space.
type local struct{ path string }

func parseUnix(_, rest string) (endpoint, error) {
	if rest == "" {
		return nil, problem("it has no path", "write unix:///run/app.sock, or unix://@name for an abstract name")
	}
	if rest == "@" {
		return nil, problem("the abstract name is empty", "write unix://@name")
	}
	if len(rest) > maxPath {
		return nil, problem(fmt.Sprintf("the path has %d bytes, more than %d", len(rest), maxPath), "use a shorter one, or a relative one")
	}
	return local{rest}, nil
}

func (l local) network() string { return "unix" }
func (l local) text() string    { return "unix://" + l.path }
func (l local) host() string    { return "" }

func (l local) dial(ctx context.Context) (net.Conn, error) {
	if err := l.check("dial"); err != nil {
		return nil, err
	}
	return dialer().DialContext(ctx, "unix", l.path)
}

func (l local) listen(ctx context.Context) (net.Listener, error) {
	if err := l.check("listen"); err != nil {
		return nil, err
	}
	bind := func() (net.Listener, error) { return listening().Listen(ctx, "unix", l.path) }
	if strings.HasPrefix(l.path, "@") {
		return bind() // the kernel alone decides who has it
	}
	dial := func() (net.Conn, error) { return l.dial(ctx) }
	ln, c, err := path[net.Listener]{"unix", l.path, bind, dial}.listen(ctx)
	if err != nil {
		return nil, err
	}
	u := ln.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // the claim does that
	return claimed{u, c}, nil
}

// claimed is a listener on a path. Close removes the file of the path.
type claimed struct {
	*net.UnixListener
	claim *claim
}

func (l claimed) Close() error { return l.claim.release(l.UnixListener.Close) }

// check refuses an abstract name where it would become a file called "@name".
func (l local) check(op string) error {
	if strings.HasPrefix(l.path, "@") && runtime.GOOS != "linux" {
		return opError(op, Address{"unix", l}, errors.New("abstract names exist only on Linux; not implemented on "+runtime.GOOS))
	}
	return nil
}
