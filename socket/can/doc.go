// Package can is the controller area network for package socket, as Linux has
// it: raw frames with filters and errors, classic and FD; the broadcast manager,
// which sends frames at intervals and watches for changes; ISO-TP, which carries
// messages of up to 4,095 bytes and more (ISO 15765-2); and SAE J1939, where
// nodes have addresses and names.
//
// ISO-TP connections are net.Conn values that keep message boundaries. Wrapped
// in socket.StreamOver they carry streams, TLS among them.
package can
