// Package kernelcontrol is the kernel controls of macOS for package socket: the
// way to kernel extensions that have a name, such as the tunnel interfaces of
// com.apple.net.utun_control.
package kernelcontrol
