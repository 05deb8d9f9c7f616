package sealsock_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/chat"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/alg"
	"github.com/sealsock/sealsock/socket/bluetooth"
	"github.com/sealsock/sealsock/socket/can"
	"github.com/sealsock/sealsock/socket/divert"
	"github.com/sealsock/sealsock/socket/hyperv"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/kernelcontrol"
	"github.com/sealsock/sealsock/socket/names"
	"github.com/sealsock/sealsock/socket/netlink"
	"github.com/sealsock/sealsock/socket/packet"
	"github.com/sealsock/sealsock/socket/qrtr"
	"github.com/sealsock/sealsock/socket/tipc"
	"github.com/sealsock/sealsock/socket/unix"
	"github.com/sealsock/sealsock/socket/vsock"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

// zeroValues has each exported type with exported methods, of each package that others
// may import.
var zeroValues = []any{
	new(sealsock.Conn), new(sealsock.Dialer), new(sealsock.Listener), new(sealsock.MemoryCache),
	new(sealsock.RotatingKeys), new(sealsock.TicketKey),
	new(address.Address), new(address.Error),
	new(authority.Authority), new(authority.Reason),
	new(certificate.CRLPoint), new(certificate.Certificate), new(certificate.Extension),
	new(certificate.GeneralName), new(certificate.Item), new(certificate.Name),
	new(certificate.NameKind), new(certificate.Policy), new(certificate.PublicKey),
	new(certificate.Request), new(certificate.RevocationList),
	new(chat.Room),
	new(engine.ClientHelloInfo), new(engine.Config), new(engine.Credential),
	new(engine.CredentialRequest), new(engine.Delegated), new(engine.ECHKey),
	new(engine.ECHRejectedError), new(engine.Error), new(engine.Fault), new(engine.Outgoing),
	new(engine.PSK), new(engine.PSKQuery), new(engine.PeerCertificate), new(engine.Receiver),
	new(engine.Sender), new(engine.Session), new(engine.SessionQuery),
	new(engine.SignRequest), new(engine.State),
	new(iana.Alert), new(iana.CertificateCompression), new(iana.CertificateType),
	new(iana.CipherSuite), new(iana.ContentType), new(iana.ExtensionType),
	new(iana.HandshakeType), new(iana.NamedGroup), new(iana.PSKMode),
	new(iana.SignatureScheme), new(iana.Version),
	new(identity.ACME), new(identity.Code), new(identity.Error), new(identity.Identity),
	new(identity.Reloader),
	new(legacy.Conn), new(legacy.Listener),
	new(socket.Flags), new(socket.Linger), new(socket.Listener), new(socket.NonBlocking),
	new(socket.Option[int]), new(socket.PacketConn), new(socket.RawAddr), new(socket.Socket),
	new(socket.StreamConn), new(socket.Type), new(socket.UnsupportedError),
	new(alg.AEAD), new(alg.Addr), new(alg.Cipher), new(alg.Hash), new(alg.Operation),
	new(alg.RNG),
	new(bluetooth.Controller), new(bluetooth.Device), new(bluetooth.HCIAddr),
	new(bluetooth.L2CAPAddr), new(bluetooth.RFCOMMAddr), new(bluetooth.SCOAddr),
	new(can.Addr), new(can.BCM), new(can.Conn), new(can.Frame), new(can.ISOTPAddr),
	new(can.J1939Addr),
	new(divert.Addr),
	new(hyperv.Addr), new(hyperv.GUID),
	new(inet.Addr), new(inet.Transport),
	new(kernelcontrol.Addr),
	new(names.LookupCode), new(names.LookupError),
	new(netlink.Addr), new(netlink.Attribute), new(netlink.Conn), new(netlink.Error),
	new(packet.Addr),
	new(qrtr.Addr),
	new(tipc.Addr), new(tipc.EventKind), new(tipc.Topology),
	new(unix.Addr),
	new(vsock.Addr),
	new(starttls.Error),
	new(trust.Code), new(trust.Error), new(trust.KnownPeers), new(trust.Lists),
	new(trust.Pin), new(trust.Policy), new(trust.RevocationStatus), new(trust.Roots),
}

// zeroUnsafe lists types of which a zero value may panic: most wrap a socket that only
// their constructors open. The list may only shrink. An Authority without a folder would
// use the files of the working directory, and is not called.
var zeroUnsafe = []string{
	"alg.AEAD", "alg.Cipher", "alg.Hash", "alg.RNG", "authority.Authority", "can.BCM",
	"can.Conn", "chat.Room", "identity.ACME", "identity.Reloader", "legacy.Conn",
	"legacy.Listener", "netlink.Conn", "socket.Listener", "socket.NonBlocking",
	"socket.Option[int]", "socket.PacketConn", "socket.Socket", "socket.StreamConn",
	"tipc.Topology",
}

// nilUnsafe lists types of which a nil pointer may panic: errors, descriptions of
// something that was parsed, and types that only a constructor makes. The list may only
// shrink.
var nilUnsafe = []string{
	"address.Error", "alg.AEAD", "alg.Cipher", "alg.Hash", "alg.RNG", "authority.Authority",
	"can.BCM", "can.Conn", "certificate.Certificate", "certificate.Request",
	"certificate.RevocationList", "chat.Room", "engine.Config", "engine.ECHKey",
	"engine.ECHRejectedError", "engine.Error", "engine.Receiver", "engine.Sender",
	"engine.Session", "engine.State", "identity.ACME", "identity.Error",
	"identity.Reloader", "inet.Addr", "legacy.Conn", "legacy.Listener", "names.LookupError",
	"netlink.Conn", "netlink.Error", "socket.Listener", "socket.PacketConn",
	"socket.Socket", "socket.StreamConn", "socket.UnsupportedError", "starttls.Error",
	"tipc.Topology", "trust.Error", "trust.KnownPeers", "trust.Lists", "trust.Roots",
}

// TestZeroValues calls each method of each exported type on the zero value and on a nil
// pointer, with zero arguments: none panics or hangs. A method with a value receiver, or
// of an embedded pointer, cannot be called on nil.
func TestZeroValues(t *testing.T) {
	for _, zero := range zeroValues {
		typ := reflect.TypeOf(zero)
		of := strings.TrimPrefix(typ.String(), "*")
		if !slices.Contains(zeroUnsafe, of) {
			t.Run(of+"/zero", func(t *testing.T) { callMethods(t, reflect.ValueOf(zero)) })
		}
		if !slices.Contains(nilUnsafe, of) {
			t.Run(of+"/nil", func(t *testing.T) { callMethods(t, reflect.Zero(typ)) })
		}
	}
}

// callMethods calls each method of v, but those that cannot be called on it.
func callMethods(t *testing.T, v reflect.Value) {
	for i := range v.NumMethod() {
		method := v.Type().Method(i).Name
		_, value := v.Type().Elem().MethodByName(method)
		if value && v.IsNil() || method == "Format" { // Format needs a fmt.State
			continue
		}
		t.Run(method, func(t *testing.T) { callWithZeros(t, v.Method(i)) })
	}
}

// callWithZeros calls f, in a goroutine of its own because it may hang, and returns its
// results.
func callWithZeros(t *testing.T, f reflect.Value) (results []reflect.Value) {
	var args []reflect.Value
	for i := range f.Type().NumIn() {
		if in := f.Type().In(i); in == reflect.TypeFor[context.Context]() {
			args = append(args, reflect.ValueOf(t.Context()))
		} else if !f.Type().IsVariadic() || i < f.Type().NumIn()-1 {
			args = append(args, reflect.Zero(in))
		}
	}
	panicked := make(chan string, 1)
	go func() {
		defer close(panicked)
		defer func() {
			if p := recover(); p != nil {
				panicked <- "it panics: " + string(debug.Stack())
			}
		}()
		results = f.Call(args)
	}()
	select {
	case stack, bad := <-panicked:
		if bad {
			t.Error(stack)
		}
	case <-time.After(time.Minute):
		t.Fatal("it hangs")
	}
	return results
}

// TestZeroConn: each method of a Conn without a connection below returns at once, with an
// error that is os.ErrInvalid if it can return one.
func TestZeroConn(t *testing.T) {
	over, err := sealsock.Client(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*sealsock.Conn{
		"nil": nil, "zero": new(sealsock.Conn), "over nil": over,
	} {
		v := reflect.ValueOf(c)
		for i := range v.NumMethod() {
			t.Run(name+"/"+v.Type().Method(i).Name, func(t *testing.T) {
				results := callWithZeros(t, v.Method(i))
				if len(results) == 0 {
					return
				}
				last := results[len(results)-1]
				if last.Type() != reflect.TypeFor[error]() {
					return
				}
				if err, _ := last.Interface().(error); !errors.Is(err, os.ErrInvalid) {
					t.Errorf("%v, want os.ErrInvalid", err)
				}
			})
		}
	}
}

// TestZeroValuesAreComplete: zeroValues has all that have to be in it.
func TestZeroValuesAreComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, zero := range zeroValues {
		listed[strings.TrimPrefix(reflect.TypeOf(zero).String(), "*")] = true
	}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch path.Base(filepath.ToSlash(name)) {
		case "internal", "cmd", "test", "testdata", "bench", "scripts", ".git", "docs":
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			typ := receiver(decl)
			if ast.IsExported(typ) && !listed[file.Name.Name+"."+typ] {
				t.Errorf("%s: zeroValues lacks %s.%s", name, file.Name.Name, typ)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// receiver returns the name of the type of which decl is an exported method.
func receiver(decl ast.Decl) string {
	f, ok := decl.(*ast.FuncDecl)
	if !ok || f.Recv == nil || !f.Name.IsExported() {
		return ""
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if name, ok := typ.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
