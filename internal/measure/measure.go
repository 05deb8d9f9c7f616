// Package measure measures implementations of TLS beside each other, in alternating turns
// of one run. Absolute figures depend on the machine; the ratios within one run are what
// counts. The program bench and the command seal bench use it.
package measure

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// A Side is an implementation. A method returns errors.ErrUnsupported for what it does not
// have. Each measures for about d.
type Side interface {
	Name() string
	// Handshakes makes both ends' handshakes in memory, on one processor.
	Handshakes(h Handshake, d time.Duration) (Shares, error)
	// Bulk sends from one end to the other, in MB/s.
	Bulk(over Transport, d time.Duration) (float64, error)
	// Trips sends 64 bytes there and back over loopback TCP, a second.
	Trips(d time.Duration) (float64, error)
	// FirstByte takes the time from the start of a connection over loopback TCP to the
	// first byte of the answer to a request, in µs.
	FirstByte(h Handshake, d time.Duration) (float64, error)
	// Accepts serves HTTPS on a listener over loopback TCP to the program wrk, which makes
	// a connection for each request, and returns its requests a second. Without wrk it
	// returns errors.ErrUnsupported.
	Accepts(d time.Duration) (float64, error)
	// Cost returns what a handshake costs both ends.
	Cost(h Handshake) (Costs, error)
	// Idle returns the memory of one end of an idle connection over loopback TCP, in
	// bytes of heap, with that many connections.
	Idle(s Style, connections int) (float64, error)
}

// A Handshake is a kind of handshake.
type Handshake struct {
	// Key is the kind of the server's key: "p256", "rsa" (2048 bits), "ed25519",
	// "mldsa44", "mldsa65" or "mldsa87".
	Key   string
	Chain int // certificates that the server sends
	Group iana.NamedGroup
	// Resume resumes a session. Early sends the request as 0-RTT data with it.
	Resume, Early bool
}

// Shares is how fast handshakes are. Client and Server are the time that each end computes
// for one, in µs.
type Shares struct{ PerSecond, Client, Server float64 }

// Costs are what a handshake costs: the objects and the bytes that both ends allocate
// together, and the bytes that each end sends.
type Costs struct{ Objects, Bytes, Client, Server float64 }

// A Transport is what the encrypted bytes pass, and how they come to it.
type Transport int

// The transports.
const (
	Memory   Transport = iota
	Loopback           // TCP
	Copied             // TCP, and io.Copy sends
	Alone              // nothing: one half of an engine opens in place what the other has sealed
)

// A Style is how a program holds a connection.
type Style int

// The styles.
const (
	Goroutine Style = iota // a goroutine waits in Read
	Loop                   // an event loop
)

// A Row is one line of the results: a figure of each side, in each turn.
type Row struct {
	Name  string               `json:"name"`
	Unit  string               `json:"unit"`
	More  bool                 `json:"more"` // a larger figure is better
	Turns map[string][]float64 `json:"turns"`
	Limit bool                 `json:"limit,omitempty"` // what the primitives alone allow
}

// A Case fills some rows.
type Case struct {
	Rows  []Row
	Procs int // how many processors it may use; 0 means all
	Short bool
	Once  bool // one turn: the figure does not vary
	Run   func(s Side, d time.Duration) ([]float64, error)
}

// Options choose what is measured.
type Options struct {
	Sides  []Side
	Rounds int           // turns of each side
	Time   time.Duration // of a turn
	Only   *regexp.Regexp
	Short  bool              // the cases of a short table
	Start  func(name string) // if set, is called before each case
	Done   func(Row)         // if set, is called after each row
}

// Run measures each case with each side, until ctx ends.
func Run(ctx context.Context, o Options) ([]Row, error) {
	var rows []Row
	for _, c := range cases() {
		if (o.Short && !c.Short) || (o.Only != nil && !o.Only.MatchString(c.Rows[0].Name)) {
			continue
		}
		if o.Start != nil {
			o.Start(c.Rows[0].Name)
		}
		if err := c.measure(ctx, o); err != nil {
			return rows, err
		}
		for _, r := range c.Rows {
			if len(r.Turns) == 0 {
				continue
			}
			rows = append(rows, r)
			if o.Done != nil {
				o.Done(r)
			}
		}
	}
	return rows, nil
}

func (c *Case) measure(ctx context.Context, o Options) error {
	if c.Procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.Procs))
	}
	for i := range c.Rows {
		c.Rows[i].Turns = map[string][]float64{}
	}
	order := slices.Clone(o.Sides)
	rounds := o.Rounds
	if c.Once {
		rounds = 1
	}
	for range rounds {
		for _, s := range order {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			runtime.GC()
			figures, err := c.Run(s, o.Time)
			if errors.Is(err, errors.ErrUnsupported) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s with %s: %w", c.Rows[0].Name, s.Name(), err)
			}
			for i, f := range figures {
				c.Rows[i].Turns[s.Name()] = append(c.Rows[i].Turns[s.Name()], f)
			}
		}
		order = append(order[1:], order[0]) // another one begins each round
	}
	return nil
}

// Median returns the median of a side's turns, and false if it has none.
func (r *Row) Median(side string) (float64, bool) {
	turns := r.Turns[side]
	if len(turns) == 0 {
		return 0, false
	}
	return MedianOf(turns), true
}

// Ratio returns by which factor a is better than b: the median over the turns. It is false
// if one of them has no figures.
func (r *Row) Ratio(a, b string) (float64, bool) {
	as, bs := r.Turns[a], r.Turns[b]
	n := min(len(as), len(bs))
	if n == 0 {
		return 0, false
	}
	ratios := make([]float64, n)
	for i := range ratios {
		if ratios[i] = as[i] / bs[i]; !r.More {
			ratios[i] = bs[i] / as[i]
		}
	}
	return MedianOf(ratios), true
}

// MedianOf returns the median of v, which must not be empty.
func MedianOf(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Figure writes a figure with three digits, or all before the point.
func Figure(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
