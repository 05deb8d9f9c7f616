package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/printable"
)

// secretPath is where --client-auth late asks for a certificate: it, and all below it.
const secretPath = "/secret"

// isSecret reports whether a request line asks for a path under secretPath, in any
// spelling. A path that cannot be parsed counts as secret.
func isSecret(line string) bool {
	parts := strings.Split(line, " ")
	if len(parts) < 2 {
		return true
	}
	// A request has no fragment (RFC 9112, Section 3.2), and what comes after a
	// semicolon or a zero byte is not part of a name for every server.
	whole, _, _ := strings.Cut(parts[1], "#")
	target, err := url.ParseRequestURI(whole)
	if err != nil {
		return true
	}
	segments := strings.Split(strings.ReplaceAll(target.Path+target.Opaque, `\`, "/"), "/")
	for i, s := range segments {
		if end := strings.IndexAny(s, ";\x00"); end >= 0 {
			segments[i] = s[:end]
		}
		segments[i] = strings.TrimSpace(segments[i])
	}
	clean := strings.ToLower(path.Clean("/" + strings.Join(segments, "/")))
	return clean == secretPath || strings.HasPrefix(clean, secretPath+"/")
}

// A denial is the reason why a request under secretPath is denied. It is the text of
// the answer.
type denial string

func (d denial) Error() string { return string(d) }

const (
	deniedDeclined    denial = "the client sent no certificate, and /secret needs one"
	deniedUnsupported denial = "the client does not support post-handshake authentication, and /secret needs a certificate: " +
		"it must offer TLS 1.3 with post_handshake_auth (seal connect --cert does, and openssl s_client -enable_pha)"
	deniedKey denial = "the client has proved itself with a pre-shared key, " +
		"beside which TLS allows no certificate (RFC 9846, Section 4.3.2), and /secret needs one"
	deniedEnded   denial = "the client closed its side before it sent a certificate, and /secret needs one"
	deniedTimeout denial = "the client did not send a certificate in time, and /secret needs one"
)

// authenticate asks the client for its certificate now. It returns nil once the
// certificate is verified, or a denial. A certificate that is not accepted ends the
// connection.
func (p httpService) authenticate(ctx context.Context, v *serverConn) error {
	conn, ok := v.tlsConn.(*sealsock.Conn)
	if !ok {
		return deniedUnsupported
	}
	if conn.Peer() != nil {
		return nil // known from the resumed session
	}
	within, cancel := context.WithTimeoutCause(ctx, p.timeout, deniedTimeout)
	defer cancel()
	conn.SetReadDeadline(time.Time{}) // within bounds it
	err := conn.RequestClientCertificate(within)
	var fault *engine.Error
	switch {
	case err != nil && len(conn.State().PSKIdentity) > 0:
		err = deniedKey
	case errors.As(err, &fault) && fault.Fault == engine.FaultUsage:
		err = deniedUnsupported
	case errors.Is(err, io.EOF):
		err = deniedEnded
	case err == nil && conn.Peer() == nil:
		err = deniedDeclined
	}
	report := authenticated{Remote: v.facts.Remote}
	if err != nil {
		report.Message = explain(err).text
	} else {
		v.facts = factsOf(conn, "")
		report.Peer = v.facts.Peer
	}
	p.out.print(report)
	return err
}

// authenticated reports the result of asking a client for its certificate late.
type authenticated struct {
	Remote  string     `json:"remote"`
	Peer    *peerFacts `json:"peer,omitempty"`
	Message string     `json:"message,omitempty"` // why not
}

func (authenticated) event() string { return "authenticated" }

func (a authenticated) text() string {
	if a.Peer == nil {
		return printable.Line("seal: " + a.Remote + " was asked for a certificate: " + a.Message)
	}
	return printable.Line("seal: " + a.Remote + " was asked for a certificate, and is " + a.Peer.text())
}
