// Package sealed holds one test: that TLS runs over every stream family, and
// over the families that keep message boundaries. What the running kernel lacks
// is tested in the virtual machine of package kernel.
package sealed
