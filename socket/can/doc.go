// Package can provides the controller area network sockets of Linux for package
// socket: raw frames with filters and errors, classic and FD; the broadcast
// manager, which sends frames at intervals and reports changes; ISO-TP, which
// carries messages of 4,095 bytes and more (ISO 15765-2); and SAE J1939, in
// which nodes have addresses and names.
//
// ISO-TP connections are net.Conn values that keep message boundaries. Wrapped
// in socket.StreamOver they carry streams, TLS among them.
package can
