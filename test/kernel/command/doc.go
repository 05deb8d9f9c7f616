// Package command holds one test: that the command's listen and connect take
// the address of every family that carries streams. What the running kernel
// lacks is tested in the virtual machine of package kernel.
package command
