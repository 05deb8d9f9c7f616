package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// The exit codes; the help text of seal lists them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitCut         = 3
	exitInterrupted = 130
	exitTerminated  = 143
	exitHungUp      = 129
)

// A problem is an error in the form that is shown to the user.
type problem struct {
	text string   // lower case, no full stop
	list []string // further lines below the text; may be empty
	hint string   // what to do; may be empty
	code string   // a word for programs; may be empty
	exit int      // 0 means exitFailure
	err  error    // the cause below; not printed
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.err }

// hinted sets the hint.
func (p *problem) hinted(format string, args ...any) *problem {
	p.hint = fmt.Sprintf(format, args...)
	return p
}

// usage is the problem of a wrong command line.
func usage(format string, args ...any) *problem {
	return &problem{text: fmt.Sprintf(format, args...), code: "usage", exit: exitUsage}
}

// failed is the problem of something that did not work.
func failed(err error, format string, args ...any) *problem {
	return &problem{text: fmt.Sprintf(format, args...), exit: exitFailure, err: err}
}

// explain turns an error into a problem: what happened, what to do, and the exit
// code. No other function does.
func explain(err error) *problem {
	p := describe(err)
	if p.exit == 0 {
		p.exit = exitFailure
	}
	p.text = withoutPackages(p.text, err)
	return p
}

func describe(err error) *problem {
	var own *problem
	var stop *interrupted
	var trustErr *trust.Error
	var identityErr *identity.Error
	var addressErr *address.Error
	var engineErr *engine.Error
	var networkErr *net.OpError
	switch {
	case errors.As(err, &own):
		copied := *own
		if own.code == "" && errors.Is(err, authority.ErrDamaged) {
			copied.hint, copied.code = repairHint, "damaged"
		}
		return &copied
	case errors.Is(err, authority.ErrDamaged):
		return &problem{text: "the local authority cannot be used: " + err.Error(), hint: repairHint,
			code: "damaged"}
	case errors.As(err, &stop):
		return &problem{text: "interrupted", code: "interrupted", exit: stop.exit()}
	case errors.As(err, &trustErr):
		return &problem{text: trustErr.Error(), hint: trustHint(trustErr), code: trustErr.Code.String()}
	case errors.As(err, &identityErr):
		return &problem{text: identityErr.Error(), hint: identityHint(identityErr), code: identityErr.Code.String()}
	case errors.As(err, &addressErr):
		text := fmt.Sprintf("address %q: %s", addressErr.Text, addressErr.Problem)
		return &problem{text: text, hint: addressErr.Hint, code: "address", exit: exitUsage}
	case describeEndpoint(err) != nil:
		return describeEndpoint(err)
	case errors.As(err, &networkErr):
		return describeNetwork(networkErr)
	case errors.As(err, &engineErr):
		return describeProtocol(engineErr)
	}
	return describeOther(err)
}

// describeOther explains an error of the resolver that no operation is around, or any other.
func describeOther(err error) *problem {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return describeDNS(dns)
	}
	return &problem{text: err.Error()}
}

// explainHandshake is explain for a handshake that failed: nothing can have
// arrived yet.
func explainHandshake(err error) *problem {
	p := explain(err)
	if p.code == "reset" || p.code == "closed" {
		p.hint = "the peer may not use TLS, or closed the connection without an alert"
	}
	return p
}

// describeProtocol explains an error of the engine or the stream.
func describeProtocol(e *engine.Error) *problem {
	p := &problem{text: e.Error(), hint: e.Hint}
	p.hint = withFlags(p.hint, protocolFlags(e))
	switch e.Fault {
	case engine.FaultAlert:
		p.code = "alert-" + e.Alert.String()
		p.hint = cmp.Or(p.hint, alertHints[e.Alert])
	case engine.FaultIncompatible:
		p.code = "incompatible"
	case engine.FaultTransport:
		p.code = "transport"
		if errors.Is(e.Err, io.ErrUnexpectedEOF) {
			p.text = e.Reason // "unexpected EOF" after it adds nothing
		}
		if errors.Is(e.Err, context.DeadlineExceeded) {
			p.text, p.code = e.Reason, "timeout"
		}
	case engine.FaultPeer, engine.FaultLimit:
		p.code = "protocol"
	case engine.FaultUsage:
		p.code = "usage"
	}
	if p.hint == "" && (e.Fault == engine.FaultPeer || e.Fault == engine.FaultLimit) {
		p.hint = "the peer violates TLS, or the data was modified in transit"
	}
	return p
}

// A systemError is a failure of the operating system for which a hint is known.
type systemError struct {
	err        error
	code       string
	text, hint string // %s is the address
}

var systemErrors = []systemError{
	{errRefused, "refused", "cannot connect to %s: connection refused", "start the server (seal listen %s), or check host and port"},
	{errInUse, "in-use", "cannot listen on %s: the address is in use", "stop the program that listens there, or choose another port"},
	{errNotLocal, "not-local", "cannot use %s: it is not an address of this machine", "listen on an address of this machine; :PORT means all of them"},
	{errNoHost, "unreachable", "cannot connect to %s: no route to the host", "check the address, the network and any firewall"},
	{errNoNetwork, "unreachable", "cannot connect to %s: no route to the network", "check the address, the network and any firewall"},
	{errReset, "reset", "the connection to %s was reset by the peer", "the received data may be incomplete; see the log of the peer"},
	{errBrokenPipe, "closed", "the peer (%s) closed the connection", "see the log of the peer"},
	{errForbidden, "permission", "this user may not use %s", "ports below 1024 need administrator rights; a socket file needs a folder that this user may write to"},
	{errNotOpen, "not-open", "%s is no open descriptor of this process",
		"the program that starts seal must pass it: systemd, inetd or a shell"},
	{fs.ErrNotExist, "not-found", "cannot connect to %s: the socket does not exist", "start the server (seal listen %s), or check the path"},
}

// pathErrors are those of sockets that are files, by the operation.
var pathErrors = map[string][]systemError{
	"listen": {
		{errInUse, "in-use", "cannot listen on %s: the address is in use",
			"stop the program that listens there, or choose a path that no other file has"},
		{fs.ErrNotExist, "not-found", "cannot listen on %s: its folder does not exist",
			"create the folder, or check the path"},
		{errForbidden, "permission", "this user may not listen on %s",
			"the socket needs a folder that this user may write to"},
	},
	"dial": {
		{errRefused, "refused", "cannot connect to %s: connection refused",
			"start the server (seal listen %s), or check the path"},
		{errForbidden, "permission", "this user may not connect to %s",
			"the mode of the socket and those of its folders decide who may"},
	},
}

// describeNetwork explains a failure below TLS.
func describeNetwork(e *net.OpError) *problem {
	where := "the peer"
	if e.Addr != nil {
		where = e.Addr.String()
		switch scheme := strings.TrimRight(e.Net, "46"); scheme {
		case "unix", "unixgram", "udp", "udplite":
			where = scheme + "://" + where
		}
	}
	var dns *net.DNSError
	if errors.As(e, &dns) {
		return describeDNS(dns)
	}
	known := systemErrors
	if strings.HasPrefix(e.Net, "unix") {
		known = slices.Concat(pathErrors[e.Op], systemErrors)
	}
	for _, t := range known {
		if errors.Is(e.Err, t.err) {
			return &problem{text: withAddress(t.text, where), hint: withAddress(t.hint, where), code: t.code, err: e}
		}
	}
	if e.Timeout() {
		p := failed(e, "cannot connect to %s: timeout", where)
		p.code = "timeout"
		return p.hinted("check host, port and any firewall, or raise --timeout")
	}
	return undescribed(e, where)
}

// undescribed explains an error of the operating system that has no better text.
func undescribed(e *net.OpError, where string) *problem {
	switch e.Op {
	case "dial":
		p := failed(e, "cannot connect to %s: %v", where, cause(e)).hinted("check the address")
		if at, err := netip.ParseAddrPort(where); err == nil && at.Addr().IsLinkLocalUnicast() &&
			at.Addr().Is6() {
			p.hint = "a link-local address needs its interface, as in [fe80::1%eth0]:443"
		}
		return p
	case "listen":
		return failed(e, "cannot listen on %s: %v", where, cause(e)).hinted("check the address")
	}
	return failed(e, "%v", e)
}

// withAddress replaces the placeholder of a text, if it has one, with the address.
func withAddress(text, where string) string { return strings.Replace(text, "%s", where, 1) }

func describeDNS(e *net.DNSError) *problem {
	p := failed(e, "the name %q cannot be looked up: %s", e.Name, e.Err)
	p.code = "name"
	if network, service, ok := strings.Cut(e.Name, "/"); ok {
		p.text = fmt.Sprintf("there is no %s service with the name %q", strings.ToUpper(network), service)
		return p.hinted("give the port as a number; this system knows the names in /etc/services")
	}
	if e.IsNotFound {
		p.text = fmt.Sprintf("the host %q does not exist", e.Name)
		return p.hinted("check its spelling")
	}
	return p.hinted("the name server did not answer: check the network")
}
