//go:build !linux

package udpbatch

type limit struct {
	name  string
	apply func(*Conn)
}

var limits = []limit{{"all", func(*Conn) {}}}
