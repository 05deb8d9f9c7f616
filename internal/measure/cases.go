package measure

import (
	"fmt"
	"time"

	"github.com/sealsock/sealsock/iana"
)

const (
	perSecond = "a second"
	micro     = "µs"
)

// cases returns what is measured, in the order of the table.
func cases() []Case {
	list := []Case{
		handshakeCase("full handshake, X25519", Handshake{Group: iana.X25519}, true),
		handshakeCase("full handshake, X25519MLKEM768", Handshake{Group: iana.X25519MLKEM768}, true),
		handshakeCase("full handshake, RSA-2048", Handshake{Key: "rsa"}, false),
		handshakeCase("full handshake, Ed25519", Handshake{Key: "ed25519"}, false),
		handshakeCase("resumption, X25519", Handshake{Resume: true}, true),
		handshakeCase("resumption, X25519MLKEM768",
			Handshake{Resume: true, Group: iana.X25519MLKEM768}, false),
	}
	for _, n := range []int{2, 3} {
		list = append(list,
			handshakeCase(fmt.Sprintf("full handshake, chain of %d", n), Handshake{Chain: n}, false))
	}
	list = append(list, Case{
		Rows: []Row{
			{Name: "allocations of a handshake, both ends", Unit: "objects"},
			{Name: "allocated by a handshake, both ends", Unit: "bytes"},
		},
		Procs: 1,
		Run: func(s Side, _ time.Duration) ([]float64, error) {
			c, err := s.Cost(usual)
			return []float64{c.Objects, c.Bytes}, err
		},
	}, one("first byte, full handshake", micro, false, false, firstByte(Handshake{})),
		one("first byte, resumption", micro, false, false, firstByte(Handshake{Resume: true})),
		one("first byte, 0-RTT", micro, false, false, firstByte(Handshake{Resume: true, Early: true})),
		memoryCase(), aloneCase(), one("bulk over loopback TCP", "MB/s", true, true, bulk(Loopback)),
		one("bulk over loopback TCP, with io.Copy", "MB/s", true, true, bulk(Copied)),
		one("round trips of 64 bytes", perSecond, true, true, Side.Trips),
		one("connections of wrk", perSecond, true, false, Side.Accepts),
	)
	return append(append(list, idleCases()...), certificateCases()...)
}

// Certificate is how the names of the rows about kinds of certificates begin.
const Certificate = "certificate, "

// certificateCases compare the kinds of certificates.
func certificateCases() (list []Case) {
	for _, kind := range []struct{ name, key string }{
		{"ECDSA P-256", "p256"}, {"Ed25519", "ed25519"}, {"RSA 2048", "rsa"},
		{"ML-DSA-44", "mldsa44"}, {"ML-DSA-65", "mldsa65"}, {"ML-DSA-87", "mldsa87"},
	} {
		h := Handshake{Key: kind.key, Chain: 1, Group: iana.X25519MLKEM768}
		name := Certificate + kind.name
		list = append(list, handshakeCase(name, h, false), Case{
			Rows: []Row{
				{Name: name + ", allocations", Unit: "objects"},
				{Name: name + ", allocated", Unit: "bytes"},
				{Name: name + ", the client sends", Unit: "bytes"},
				{Name: name + ", the server sends", Unit: "bytes"},
			},
			Procs: 1, Once: true,
			Run: func(s Side, _ time.Duration) ([]float64, error) {
				c, err := s.Cost(h)
				return []float64{c.Objects, c.Bytes, c.Client, c.Server}, err
			},
		})
	}
	return list
}

// idleCases measure how memory grows with the connections.
func idleCases() (list []Case) {
	for _, n := range []int{200, 1000, 4000} {
		for style, name := range []string{"a goroutine in Read", "event loop"} {
			c := one(fmt.Sprintf("idle end, %s, %d connections", name, n), "bytes of heap",
				false, n == 200, idle(Style(style), n))
			c.Once = true
			list = append(list, c)
		}
	}
	return list
}

func handshakeCase(name string, h Handshake, short bool) Case {
	if h.Key == "" {
		h.Key = "p256"
	}
	if h.Group == 0 {
		h.Group = iana.X25519
	}
	h.Chain = max(h.Chain, 1)
	c := Case{
		Rows: []Row{
			{Name: name, Unit: perSecond, More: true},
			{Name: name + ", the client's share", Unit: micro},
			{Name: name + ", the server's share", Unit: micro},
		},
		Procs: 1, Short: short,
		Run: func(s Side, d time.Duration) ([]float64, error) {
			shares, err := s.Handshakes(h, d)
			return []float64{shares.PerSecond, shares.Client, shares.Server}, err
		},
	}
	if short && !h.Resume {
		c.compareExchanges(h)
	}
	return c
}

// compareExchanges adds a row with the same figures, of which the limit is less.
func (c *Case) compareExchanges(h Handshake) {
	run := c.Run
	c.Rows = append(c.Rows, Row{
		Name: c.Rows[0].Name + ", public keys alone", Unit: perSecond, More: true,
	})
	c.Run = func(s Side, d time.Duration) ([]float64, error) {
		figures, err := run(s, d)
		if err != nil {
			return nil, err
		}
		again := figures[0]
		if l, ok := s.(limit); ok {
			again, err = l.exchanges(h, d)
		}
		return append(figures, again), err
	}
}

// one returns a case with one row.
func one(
	name, unit string, more, short bool, run func(Side, time.Duration) (float64, error),
) Case {
	return Case{
		Rows: []Row{{Name: name, Unit: unit, More: more}}, Short: short,
		Run: func(s Side, d time.Duration) ([]float64, error) {
			v, err := run(s, d)
			return []float64{v}, err
		},
	}
}

// memoryCase has the figure of a side in two rows. The second one compares it with less: what the
// connection in memory copies is in no implementation's hands.
func memoryCase() Case {
	return Case{
		Rows: []Row{
			{Name: "bulk in memory", Unit: "MB/s", More: true},
			{Name: "bulk in memory, to the AEAD alone", Unit: "MB/s", More: true},
		},
		Procs: 1, Short: true,
		Run: func(s Side, d time.Duration) ([]float64, error) {
			v, err := s.Bulk(Memory, d)
			alone := v
			if l, ok := s.(limit); ok && err == nil {
				alone, err = l.Bulk(Alone, d)
			}
			return []float64{v, alone}, err
		},
	}
}

// aloneCase is about what the engine itself costs.
func aloneCase() Case {
	c := one("bulk in memory, the engine alone", "MB/s", true, true, bulk(Alone))
	c.Procs = 1
	return c
}

func bulk(over Transport) func(Side, time.Duration) (float64, error) {
	return func(s Side, d time.Duration) (float64, error) { return s.Bulk(over, d) }
}

func firstByte(h Handshake) func(Side, time.Duration) (float64, error) {
	h.Key, h.Chain, h.Group = "p256", 1, iana.X25519
	return func(s Side, d time.Duration) (float64, error) { return s.FirstByte(h, d) }
}

func idle(style Style, n int) func(Side, time.Duration) (float64, error) {
	return func(s Side, _ time.Duration) (float64, error) { return s.Idle(style, n) }
}
