// Package kernelcontrol provides the kernel controls of macOS for package
// socket. They connect to named kernel extensions, such as the tunnel
// interfaces of com.apple.net.utun_control.
package kernelcontrol
