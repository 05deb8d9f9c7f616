// Package bluetooth provides Bluetooth sockets for package socket: L2CAP
// connections, which keep message boundaries; RFCOMM, a stream like a serial
// line; SCO, which carries voice; and HCI, which controls the adapters.
//
// Linux supports all of them, FreeBSD all but HCI, Windows only RFCOMM. Devices
// are paired with the tools of the system.
package bluetooth
