package sealsock_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/chat"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/fleet/natsfleet"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/identity/acme"
	"github.com/sealsock/sealsock/identity/staple"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/loop"
	"github.com/sealsock/sealsock/loop/adapt"
	"github.com/sealsock/sealsock/message"
	"github.com/sealsock/sealsock/proxyprotocol"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/relay/natsbus"
	"github.com/sealsock/sealsock/signer"
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
	"github.com/sealsock/sealsock/socket/smc"
	"github.com/sealsock/sealsock/socket/tipc"
	"github.com/sealsock/sealsock/socket/unix"
	"github.com/sealsock/sealsock/socket/vsock"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/transfer"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/trust/fetch"
	"github.com/sealsock/sealsock/tunnel"
)

// zeroValues has each exported type with exported methods, of each package that others
// may import.
var zeroValues = []any{
	new(sealsock.Conn), new(sealsock.Dialer), new(sealsock.Engine), new(sealsock.EngineConn),
	new(sealsock.Handshake), new(sealsock.QUICConn),
	new(sealsock.Listener), new(sealsock.MemoryCache), new(sealsock.Profile),
	new(sealsock.RotatingKeys), new(sealsock.TakenOver), new(sealsock.Takeover),
	new(sealsock.TicketKey),
	new(address.Address), new(address.Error),
	new(authority.Authority), new(authority.Reason),
	new(certificate.CRLPoint), new(certificate.Certificate), new(certificate.Extension),
	new(certificate.GeneralName), new(certificate.Item), new(certificate.Name),
	new(certificate.NameKind), new(certificate.Policy), new(certificate.PublicKey),
	new(certificate.Request), new(certificate.RevocationList),
	new(chat.Room),
	new(engine.AddressCheck), new(engine.ClientHelloInfo), new(engine.Config),
	new(engine.Conn), new(engine.Credential),
	new(engine.CredentialRequest), new(engine.DatagramConn), new(engine.Delegated),
	new(engine.ECHKey),
	new(engine.ECHRejectedError), new(engine.Error), new(engine.Fault), new(engine.Handover), new(engine.Outgoing),
	new(engine.PSK), new(engine.PSKQuery), new(engine.PanicError), new(engine.PeerCertificate),
	new(engine.QUICConn), new(engine.QUICEvent), new(engine.QUICLevel),
	new(engine.Receiver), new(engine.Reserved), new(engine.SendingKey),
	new(engine.Sender), new(engine.Session), new(engine.SessionQuery),
	new(engine.SignRequest), new(engine.State), new(engine.TakeoverKey),
	new(fleet.KeyFile), new(fleet.Rates), new(fleet.Secret), new(natsfleet.Member),
	new(httptransport.Transport),
	new(iana.Alert), new(iana.CertificateCompression), new(iana.CertificateType),
	new(iana.CipherSuite), new(iana.ContentType), new(iana.ExtensionType),
	new(iana.HandshakeType), new(iana.NamedGroup), new(iana.PSKMode),
	new(iana.SignatureScheme), new(iana.SRTPProfile), new(iana.Version),
	new(acme.Manager), new(staple.Stapler), new(fetch.HTTP), new(identity.Code), new(identity.Error),
	new(identity.Identity), new(identity.Request), new(identity.Sources),
	new(identity.Reloader),
	new(loop.Conn), new(loop.Group),
	new(message.Conn),
	new(adapt.Conn), new(adapt.Endpoint), new(adapt.Turns),
	new(legacy.Conn), new(legacy.Listener),
	new(socket.Family), new(socket.Flags), new(socket.Linger), new(socket.Listener), new(socket.NonBlocking),
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
	new(proxyprotocol.Error), new(proxyprotocol.Header),
	new(relay.Code), new(relay.Error), new(relay.Member), new(relay.MemberID),
	new(relay.Message), new(relay.Server), new(relay.Token),
	new(natsbus.Bus),
	new(smc.Mode),
	new(signer.Signer),
	new(starttls.Error),
	new(talk.Identity), new(talk.Invitation), new(talk.Room),
	new(transfer.Code), new(transfer.FileWriter), new(transfer.Files), new(transfer.Sender),
	new(trust.Code), new(trust.Error), new(trust.KnownPeers), new(trust.Lists),
	new(trust.Pin), new(trust.Policy), new(trust.Result),
	new(trust.RevocationStatus), new(trust.Roots),
	new(tunnel.Amount), new(tunnel.Config), new(tunnel.Duration), new(tunnel.Problem),
	new(tunnel.Problems), new(tunnel.Rate), new(tunnel.Server),
}

// unsafeZeros lists types of which a zero value or a nil pointer may panic, as
// "alg.AEAD/zero": "the reason". The list may only shrink.
var unsafeZeros = map[string]string{
	"inet.Addr/nil": "the methods that decode are those of the netip.AddrPort in it",
}

// TestZeroValues calls each method of each exported type on a zero value and on a nil
// pointer, with zero arguments and with others: none panics, hangs or touches a file of the
// working directory. A method with a value receiver, or of an embedded pointer, cannot be
// called on nil.
func TestZeroValues(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, zero := range zeroValues {
		typ := reflect.TypeOf(zero).Elem()
		checkZeros(t, typ.String()+"/zero", func() reflect.Value { return reflect.New(typ) })
		checkZeros(t, typ.String()+"/nil", func() reflect.Value {
			return reflect.Zero(reflect.PointerTo(typ))
		})
	}
	left, err := os.ReadDir(".")
	if err != nil || len(left) > 0 {
		t.Errorf("a zero value left %v in the working directory, %v", left, err)
	}
}

// TestNilErrorOfCallback: a callback that returns a nil *Error as its error, by mistake, is
// an error of this program.
func TestNilErrorOfCallback(t *testing.T) {
	got, want := engine.EndWith((*engine.Error)(nil)), engine.EndWith(io.EOF)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the alert is %v, want %v", got, want)
	}
}

// checkZeros calls each method on a value of its own, which made returns. A type that is
// listed as unsafe must panic or hang.
func checkZeros(t *testing.T, name string, made func() reflect.Value) {
	var bad []string
	for i := range made().NumMethod() {
		v := made()
		method := v.Type().Method(i).Name
		_, value := v.Type().Elem().MethodByName(method)
		if value && v.IsNil() || method == "Format" { // Format needs a fmt.State
			continue
		}
		for _, arg := range []func(reflect.Type) reflect.Value{reflect.Zero, someValue} {
			if _, wrong := call(t, made().Method(i), arg); wrong != "" {
				bad = append(bad, method+": "+wrong)
			}
		}
	}
	_, listed := unsafeZeros[name]
	switch {
	case listed && bad == nil:
		t.Errorf("%s: it does not panic any more: remove it from unsafeZeros", name)
	case !listed && bad != nil:
		t.Errorf("%s: %s", name, strings.Join(bad, "\n"))
	}
}

// call calls f, in a goroutine of its own, because it may hang, and returns its
// results and what is wrong.
func call(t *testing.T, f reflect.Value, arg func(reflect.Type) reflect.Value) (
	results []reflect.Value, wrong string) {
	var args []reflect.Value
	for i := range f.Type().NumIn() {
		if in := f.Type().In(i); in == reflect.TypeFor[context.Context]() {
			args = append(args, reflect.ValueOf(t.Context()))
		} else if !f.Type().IsVariadic() || i < f.Type().NumIn()-1 {
			args = append(args, arg(in))
		}
	}
	panicked := make(chan string, 1)
	go func() {
		defer close(panicked)
		defer func() {
			if p := recover(); p != nil {
				panicked <- fmt.Sprintf("it panics: %v\n%s", p, debug.Stack())
			}
		}()
		results = f.Call(args)
	}()
	select {
	case stack := <-panicked:
		return results, stack
	case <-time.After(time.Minute):
		return nil, "it hangs"
	}
}

// someValue returns a value that is not zero, where that is simple: a pointer to a zero
// value, one element, a number, a text.
func someValue(typ reflect.Type) reflect.Value {
	v := reflect.New(typ).Elem()
	switch {
	case typ == reflect.TypeFor[net.Addr]():
		v.Set(reflect.ValueOf(inet.Addr{}))
	case typ == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Now()))
	case typ == reflect.TypeFor[*os.File]():
		v.Set(reflect.ValueOf(os.Stdin))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(typ.Elem()))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, someValue(typ.Elem())))
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.Kind() == reflect.Func:
		v.Set(reflect.MakeFunc(typ, func([]reflect.Value) (out []reflect.Value) {
			for i := range typ.NumOut() {
				out = append(out, reflect.Zero(typ.Out(i)))
			}
			return out
		}))
	}
	return v
}

// TestZeroConn: each method of a Conn or a Listener without one below returns at once, with
// an error that is os.ErrInvalid if it can return one.
func TestZeroConn(t *testing.T) {
	over, err := sealsock.Client(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]any{
		"nil": (*sealsock.Conn)(nil), "zero": new(sealsock.Conn), "over nil": over,
		"nil Listener": (*sealsock.Listener)(nil), "zero Listener": new(sealsock.Listener),
		"nil of legacy": (*legacy.Listener)(nil), "zero of legacy": new(legacy.Listener),
	} {
		v := reflect.ValueOf(c)
		for i := range v.NumMethod() {
			t.Run(name+"/"+v.Type().Method(i).Name, func(t *testing.T) {
				results, wrong := call(t, v.Method(i), reflect.Zero)
				if wrong != "" {
					t.Fatal(wrong)
				}
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
	eachFile(t, func(name string, file *ast.File) {
		for _, decl := range file.Decls {
			typ := receiver(decl)
			if ast.IsExported(typ) && !listed[file.Name.Name+"."+typ] {
				t.Errorf("%s: zeroValues lacks %s.%s", name, file.Name.Name, typ)
			}
		}
	})
}

// eachFile calls do with each file of the packages that others may import, which are not few.
func eachFile(t *testing.T, do func(name string, file *ast.File)) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "internal", "cmd", "test", "testdata", "bench", "scripts", ".git", "docs", "contrib":
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		do(name, file)
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files, %v", files, err)
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
