// Package all makes package address accept every scheme: besides TCP, UDP and UNIX sockets,
// those of virtual machines, Bluetooth, CAN, TIPC, SCTP, MPTCP, SMC, UDP-Lite, UNIX sockets
// that keep message boundaries, inherited descriptors, and WebSockets. Import it for that
// effect alone:
//
//	import _ "github.com/sealsock/sealsock/address/all"
//
// It is a package of its own so that a program that needs TCP alone does not link the
// others.
package all

import "github.com/sealsock/sealsock/internal/endpoint"

func init() {
	endpoint.Register(map[string]endpoint.Form{
		"sctp":      {Parse: parseTransport, Example: "sctp://example.com:443", Meaning: "SCTP, one connection a socket"},
		"mptcp":     {Parse: parseTransport, Example: "mptcp://example.com:443", Meaning: "TCP over several paths"},
		"smc":       {Parse: parseTransport, Example: "smc://example.com:443", Meaning: "TCP that continues over shared memory"},
		"udplite":   {Parse: parseUDPLite, Example: "udplite://192.0.2.1:443", Meaning: "datagrams whose checksum covers a part; IP addresses only"},
		"seqpacket": {Parse: parseSeqPacket, Example: "seqpacket:///run/app.sock", Meaning: "UNIX-domain socket that keeps message boundaries"},
		"vsock":     {Parse: parseVsock, Example: "vsock://host:4433", Meaning: "between a virtual machine and its host: CONTEXT:PORT, and any, local and host as contexts"},
		"rfcomm":    {Parse: parseRFCOMM, Example: "rfcomm://00:1A:7D:DA:71:13/3", Meaning: "Bluetooth channel: DEVICE/CHANNEL, and any as device to listen"},
		"l2cap":     {Parse: parseL2CAP, Example: "l2cap://00:1A:7D:DA:71:13/4097", Meaning: "Bluetooth service: DEVICE/PSM, and any as device to listen"},
		"isotp":     {Parse: parseISOTP, Example: "isotp://can0/7e8:7e0", Meaning: "ISO-TP on a CAN bus: INTERFACE/RX:TX in hexadecimal, with 8 digits for 29 bits"},
		"tipc":      {Parse: parseTIPC, Example: "tipc://18888:17", Meaning: "TIPC service: TYPE:INSTANCE, or TYPE:LOWER-UPPER to listen"},
		"fd":        {Parse: parseFD, Example: "fd://3", Meaning: "descriptor that this process inherited; fd://systemd/NAME by its name"},
		"ws":        {Parse: parseWebSocket, Example: "ws://example.com/room", Meaning: "WebSocket, which carries bytes"},
		"wss":       {Parse: parseWebSocket, Example: "wss://example.com/room", Meaning: "WebSocket over TLS"},
	})
}
