//go:build !unix

package sealnbio

import "github.com/lesismal/nbio"

// keepFromPrograms does nothing: descriptors are not inherited here.
func keepFromPrograms(*nbio.Conn) {}
