package all

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/internal/endpoint"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/bluetooth"
	"github.com/sealsock/sealsock/socket/can"
	"github.com/sealsock/sealsock/socket/tipc"
	"github.com/sealsock/sealsock/socket/vsock"
)

// machine is a context and a port between a virtual machine and its host.
type machine struct{ at vsock.Addr }

var contexts = map[string]uint32{"": vsock.AnyContext, "any": vsock.AnyContext, "local": vsock.Local, "host": vsock.Host}

func parseVsock(_, rest string) (endpoint.Endpoint, error) {
	cid, port, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, endpoint.Problem("it has no port", "write vsock://%s:4433", rest)
	}
	a := vsock.Addr{}
	if number, ok := contexts[strings.ToLower(cid)]; ok {
		a.CID = number
	} else {
		n, err := strconv.ParseUint(cid, 10, 32)
		if err != nil {
			return nil, endpoint.Problem(fmt.Sprintf("%q is not a context ID", cid), "write a number, any, local or host")
		}
		a.CID = uint32(n)
	}
	n, err := strconv.ParseUint(port, 10, 32)
	if err != nil || n == vsock.AnyPort {
		return nil, endpoint.Problem(fmt.Sprintf("%q is not a port", port), "ports are numbers from 0 to 4294967294")
	}
	a.Port = uint32(n)
	return machine{a}, nil
}

func (machine) Network() string { return "vsock" }
func (m machine) Text() string  { return "vsock://" + m.at.String() }
func (machine) Host() string    { return "" }

func (m machine) Dial(ctx context.Context) (net.Conn, error) {
	return conn(vsock.Dial(ctx, socket.Stream, m.at))
}

func (m machine) Listen(context.Context) (net.Listener, error) {
	return listener(vsock.Listen(socket.Stream, m.at))
}

// channel is a Bluetooth device and one of its channels.
type channel struct{ at bluetooth.RFCOMMAddr }

func parseRFCOMM(scheme, rest string) (endpoint.Endpoint, error) {
	device, n, err := parseDevice(scheme, rest, 30)
	if err != nil {
		return nil, err
	}
	return channel{bluetooth.RFCOMMAddr{Device: device, Channel: uint8(n)}}, nil
}

func (channel) Network() string { return "rfcomm" }
func (c channel) Text() string {
	return "rfcomm://" + deviceText(c.at.Device) + "/" + strconv.Itoa(int(c.at.Channel))
}
func (channel) Host() string { return "" }

func (c channel) Dial(ctx context.Context) (net.Conn, error) {
	return conn(bluetooth.DialRFCOMM(ctx, bluetooth.Any, c.at))
}

func (c channel) Listen(context.Context) (net.Listener, error) {
	return listener(bluetooth.ListenRFCOMM(c.at))
}

// service is a Bluetooth device and one of its L2CAP services.
type service struct{ at bluetooth.L2CAPAddr }

func parseL2CAP(scheme, rest string) (endpoint.Endpoint, error) {
	device, n, err := parseDevice(scheme, rest, 0xffff)
	if err != nil {
		return nil, err
	}
	return service{bluetooth.L2CAPAddr{Device: device, PSM: uint16(n)}}, nil
}

func (service) Network() string { return "l2cap" }
func (s service) Text() string {
	return "l2cap://" + deviceText(s.at.Device) + "/" + strconv.Itoa(int(s.at.PSM))
}
func (service) Host() string { return "" }

func (s service) Dial(ctx context.Context) (net.Conn, error) {
	c, err := bluetooth.DialReliableL2CAP(ctx, bluetooth.Any, s.at)
	if err != nil {
		return nil, err
	}
	return stream(c)
}

func (s service) Listen(context.Context) (net.Listener, error) {
	l, err := bluetooth.ListenReliableL2CAP(s.at)
	if err != nil {
		return nil, err
	}
	return streams{l}, nil
}

// parseDevice reads "DEVICE/NUMBER". The device "any" means every controller of
// this machine and is for listening only.
func parseDevice(scheme, rest string, most uint64) (bluetooth.Device, uint64, error) {
	text, number, ok := strings.Cut(rest, "/")
	if !ok {
		return bluetooth.Any, 0, endpoint.Problem("it has no number after the device", "write %s://00:11:22:AA:BB:CC/3", scheme)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n > most {
		return bluetooth.Any, 0, endpoint.Problem(fmt.Sprintf("%q is not a number from 0 to %d", number, most), "")
	}
	if strings.EqualFold(text, "any") {
		return bluetooth.Any, n, nil
	}
	device, err := bluetooth.ParseDevice(text)
	if err != nil {
		return bluetooth.Any, 0, endpoint.Problem(fmt.Sprintf("%q is not a Bluetooth address", text), "write 00:11:22:AA:BB:CC")
	}
	return device, n, nil
}

func deviceText(d bluetooth.Device) string {
	if d == bluetooth.Any {
		return "any"
	}
	return d.String()
}

// transportProtocol is a CAN interface and the two identifiers of an ISO-TP
// connection.
type transportProtocol struct {
	device string
	rx, tx uint32
}

func parseISOTP(_, rest string) (endpoint.Endpoint, error) {
	device, ids, ok := strings.Cut(rest, "/")
	rx, tx, two := strings.Cut(ids, ":")
	if !ok || !two || device == "" || len(device) > 15 || !endpoint.Words(device, "-._") {
		return nil, endpoint.Problem("it does not name an interface and two identifiers", "write isotp://can0/7e8:7e0")
	}
	t := transportProtocol{device: device}
	for _, f := range []struct {
		text string
		id   *uint32
	}{{rx, &t.rx}, {tx, &t.tx}} {
		text, id := f.text, f.id
		n, err := strconv.ParseUint(text, 16, 32)
		if err != nil || len(text) != 3 && len(text) != 8 || len(text) == 3 && n > can.StandardMask || n > can.ExtendedMask {
			return nil, endpoint.Problem(fmt.Sprintf("%q is not a CAN identifier", text), "write 3 hexadecimal digits for 11 bits, 8 for 29")
		}
		*id = uint32(n)
		if len(text) == 8 {
			*id |= can.ExtendedFlag
		}
	}
	if t.rx == t.tx {
		return nil, endpoint.Problem("both identifiers are the same", "the first identifies received frames, the second sent frames")
	}
	return t, nil
}

func (transportProtocol) Network() string { return "can" }
func (transportProtocol) Host() string    { return "" }

func (t transportProtocol) Text() string {
	_, ids, _ := strings.Cut(can.ISOTPAddr{Rx: t.rx, Tx: t.tx}.String(), "/")
	return "isotp://" + t.device + "/" + ids
}

func (t transportProtocol) Dial(ctx context.Context) (net.Conn, error) {
	on, err := can.On(t.device)
	if err != nil {
		return nil, err
	}
	s, err := can.StreamISOTP(ctx, can.ISOTPAddr{Interface: on.Interface, Rx: t.rx, Tx: t.tx})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// listen returns a listener with one connection: two identifiers make exactly
// one.
func (t transportProtocol) Listen(ctx context.Context) (net.Listener, error) {
	c, err := t.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return endpoint.NewSingle(c, c.LocalAddr()), nil
}

// cluster is a service of TIPC, or a range of its instances.
type cluster struct{ service, lower, upper uint32 }

func parseTIPC(_, rest string) (endpoint.Endpoint, error) {
	kind, instances, ok := strings.Cut(rest, ":")
	lower, upper, isRange := strings.Cut(instances, "-")
	if !isRange {
		upper = lower
	}
	var c cluster
	for _, f := range []struct {
		text string
		to   *uint32
	}{{kind, &c.service}, {lower, &c.lower}, {upper, &c.upper}} {
		n, err := strconv.ParseUint(f.text, 10, 32)
		if err != nil || !ok {
			return nil, endpoint.Problem("it is not TYPE:INSTANCE", "write tipc://18888:17, or tipc://18888:0-99 to listen on a range")
		}
		*f.to = uint32(n)
	}
	if c.lower > c.upper {
		return nil, endpoint.Problem("the range is descending", "did you mean tipc://%d:%d-%d?", c.service, c.upper, c.lower)
	}
	return c, nil
}

func (cluster) Network() string { return "tipc" }
func (cluster) Host() string    { return "" }

func (c cluster) Text() string {
	if c.lower == c.upper {
		return fmt.Sprintf("tipc://%d:%d", c.service, c.lower)
	}
	return fmt.Sprintf("tipc://%d:%d-%d", c.service, c.lower, c.upper)
}

// dial connects to the first instance of a range.
func (c cluster) Dial(ctx context.Context) (net.Conn, error) {
	return conn(tipc.Dial(ctx, socket.Stream, tipc.Service(c.service, c.lower)))
}

func (c cluster) Listen(context.Context) (net.Listener, error) {
	return listener(tipc.Listen(socket.Stream, tipc.Range(c.service, c.lower, c.upper, tipc.ClusterScope)))
}
