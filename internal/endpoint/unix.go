package endpoint

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

// Local is a UNIX-domain stream socket. A name that starts with "@" is in
// Linux's abstract name space.
type Local struct{ Path string }

// ParseUnix parses a path.
func ParseUnix(scheme, rest string) (Endpoint, error) {
	if rest == "" {
		return nil, Problem("it has no path", "write %s:///run/app.sock, or %[1]s://@name for an abstract name", scheme)
	}
	if rest == "@" {
		return nil, Problem("the abstract name is empty", "write %s://@name", scheme)
	}
	if len(rest) > maxPath {
		return nil, Problem(fmt.Sprintf("the path has %d bytes, more than %d", len(rest), maxPath), "use a shorter one, or a relative one")
	}
	return Local{rest}, nil
}

// Network implements Endpoint.
func (l Local) Network() string { return "unix" }

// Text implements Endpoint.
func (l Local) Text() string { return "unix://" + l.Path }

// Host implements Endpoint.
func (l Local) Host() string { return "" }

// Dial implements Endpoint.
func (l Local) Dial(ctx context.Context) (net.Conn, error) {
	if err := l.check("dial"); err != nil {
		return nil, err
	}
	return dialer().DialContext(ctx, "unix", l.Path)
}

// Listen implements Endpoint.
func (l Local) Listen(ctx context.Context) (net.Listener, error) {
	if err := l.check("listen"); err != nil {
		return nil, err
	}
	bind := func() (net.Listener, error) { return listening().Listen(ctx, "unix", l.Path) }
	if strings.HasPrefix(l.Path, "@") {
		return bind() // the kernel alone decides who has it
	}
	dial := func() (net.Conn, error) { return l.Dial(ctx) }
	ln, c, err := Path[net.Listener]{"unix", l.Path, bind, dial}.Listen(ctx)
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
	claim *Claim
}

func (l claimed) Close() error { return l.claim.Release(l.UnixListener.Close) }

// check refuses an abstract name where it would become a file called "@name".
func (l Local) check(op string) error {
	if strings.HasPrefix(l.Path, "@") && runtime.GOOS != "linux" {
		return OpError(op, l, errors.New("abstract names exist only on Linux; not implemented on "+runtime.GOOS))
	}
	return nil
}
