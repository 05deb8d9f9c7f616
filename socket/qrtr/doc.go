// Package qrtr provides Qualcomm's IPC router for package socket: datagrams
// between the processors of one device, addressed by node and port.
package qrtr
