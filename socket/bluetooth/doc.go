// Package bluetooth is Bluetooth for package socket: L2CAP connections, which
// keep message boundaries; RFCOMM, which is a stream like a serial line; SCO,
// which carries voice; and HCI, the way to the controllers.
//
// Linux has all of them, FreeBSD all but HCI, Windows RFCOMM. Pairing is for the
// system's own tools.
package bluetooth
