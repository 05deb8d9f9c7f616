package proxyprotocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// A Header tells whose connection a proxy passes on.
type Header struct {
	// Version is 1 or 2.
	Version int
	// Local reports, in version 2, that the proxy connects on its own account, for
	// example to see whether the server is up. Nothing else of the header is read then.
	Local bool
	// Source is the client, and Destination the address that it connected to: both
	// *net.TCPAddr, *net.UDPAddr or *net.UnixAddr. Both are nil if the proxy does not
	// know them, or if Local.
	Source, Destination net.Addr

	// The following are of version 2. A Header of version 1 with one of them is an
	// error.

	ALPN      string // the application protocol that was negotiated
	Authority string // the host that the client asked for
	UniqueID  []byte // of the connection, at most 128 bytes
	TLS       *TLS   // nil for a client without TLS
}

// TLS describes the client's encrypted connection to the proxy. A field that is empty is
// unknown.
type TLS struct {
	// CertificateConn reports that the client showed a certificate on this connection,
	// and CertificateSess that it did so in the session, which may have begun on an
	// earlier one.
	CertificateConn, CertificateSess bool
	// Verified reports that the client showed a certificate and that the proxy accepted
	// it.
	Verified bool

	Version            string // as in "TLSv1.3"
	Cipher             string // the cipher suite
	Group              string // of the key exchange
	SignatureScheme    string // with which the proxy proved its key
	SignatureAlgorithm string // with which the proxy's certificate was signed
	KeyAlgorithm       string // of the proxy's certificate
	CommonName         string // in the subject of the client's certificate
	Certificate        []byte // the client's, in DER
}

// MaxLength is the size of the part of a header of version 2 that varies, in bytes. A
// certificate of a client takes most of it.
const MaxLength = 16 << 10

// maxUniqueID is the longest Header.UniqueID, in bytes.
const maxUniqueID = 128

// An Error tells why there is no header.
type Error struct{ Reason string }

// Error describes the error.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	return "PROXY protocol: " + e.Reason
}

func malformed(format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...)}
}

// errNoConn is the error of functions that are given a nil connection.
var errNoConn = fmt.Errorf("PROXY protocol: the connection is nil: %w", os.ErrInvalid)

// Accept reads the header of conn, and returns it with the connection behind it. Its
// RemoteAddr and LocalAddr are the Source and Destination of the header, if it has them.
// The end of ctx interrupts Accept. After an error the caller closes conn.
func Accept(ctx context.Context, conn net.Conn) (net.Conn, *Header, error) {
	if conn == nil {
		return nil, nil, errNoConn
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Unix(1, 0))
		close(done)
	})
	h, err := Read(conn)
	if !stop() {
		<-done
		conn.SetReadDeadline(time.Time{})
		if err != nil {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if h.Source == nil {
		return conn, h, nil
	}
	return &proxied{conn, h}, h, nil
}

// A proxied is a connection with the addresses of a header.
type proxied struct {
	net.Conn
	header *Header
}

func (c *proxied) RemoteAddr() net.Addr { return c.header.Source }
func (c *proxied) LocalAddr() net.Addr  { return c.header.Destination }

// SyscallConn returns the descriptor below, to which nothing was read ahead.
func (c *proxied) SyscallConn() (syscall.RawConn, error) {
	if below, ok := c.Conn.(syscall.Conn); ok {
		return below.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite ends the sending direction, if the connection below can do that.
func (c *proxied) CloseWrite() error {
	if below, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return below.CloseWrite()
	}
	return errors.ErrUnsupported
}
