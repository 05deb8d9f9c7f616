// Package sealed tests that TLS runs over every stream family, and over the
// families that keep message boundaries. Families that the running kernel lacks
// are tested in the virtual machine of package kernel.
package sealed
