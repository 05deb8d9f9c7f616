// Package command tests that seal listen and seal connect accept an address of
// every family that carries streams. Families that the running kernel lacks are
// tested in the virtual machine of package kernel.
package command
