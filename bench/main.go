// Command bench compares sealsock with crypto/tls in one run, in alternating
// turns, and writes the medians and their ratios to docs/performance.md.
// Absolute figures depend on the machine; only the ratios within one run are
// meaningful.
//
//	go run ./bench [-rounds N] [-time D] [-only REGEXP] [-out FILE]
//	go run ./bench sockets [-rounds N] [-time D] [-out FILE]
//
// The second form compares package socket with package net and Python, and
// writes to docs/sockets.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A benchmark measures one property of one implementation. It runs for about d
// and returns figures by name.
type benchmark struct {
	name string
	unit string
	// more is set if a larger figure is better.
	more bool
	// procs is how many processors it may use; 0 means all.
	procs int
	run   func(impl implementation, d time.Duration) (float64, error)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "sockets":
			return socketsMain(args[1:])
		case "echo": // the other end of it
			return echoMain(args[1:])
		}
	}
	rounds := flag.Int("rounds", 7, "number of turns of each side")
	length := flag.Duration("time", 400*time.Millisecond, "duration of a turn")
	only := flag.String("only", "", "a regular expression of names to run")
	out := flag.String("out", "docs/performance.md", "the file to write; - for none")
	flag.Parse()
	return measure(*rounds, *length, *only, *out)
}

// A row is a benchmark's result.
type row struct {
	benchmark
	ours, theirs []float64
}

func measure(rounds int, length time.Duration, only, out string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var rows []row
	for _, b := range benchmarks {
		if !pattern.MatchString(b.name) {
			continue
		}
		r := row{benchmark: b}
		if b.procs > 0 {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(b.procs))
		}
		for i := range rounds {
			order := []implementation{sealed, standard}
			if i%2 == 1 {
				slices.Reverse(order)
			}
			for _, impl := range order {
				runtime.GC()
				v, err := b.run(impl, length)
				if err != nil {
					return fmt.Errorf("%s with %s: %w", b.name, impl.name, err)
				}
				if impl.name == sealed.name {
					r.ours = append(r.ours, v)
				} else {
					r.theirs = append(r.theirs, v)
				}
			}
		}
		runtime.GOMAXPROCS(runtime.NumCPU())
		rows = append(rows, r)
		fmt.Println(r.line())
	}
	if out == "-" || only != "" {
		return nil
	}
	return os.WriteFile(out, []byte(report(rows, rounds)), 0o644)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// ratio returns by which factor sealsock is better.
func (r *row) ratio() float64 {
	ratios := make([]float64, len(r.ours))
	for i := range r.ours {
		ratios[i] = r.ours[i] / r.theirs[i]
		if !r.more {
			ratios[i] = r.theirs[i] / r.ours[i]
		}
	}
	return median(ratios)
}

func (r *row) line() string {
	return fmt.Sprintf("| %s | %s | %s | %s | **%.2f** |", r.name, r.unit, figure(median(r.ours)), figure(median(r.theirs)), r.ratio())
}

func figure(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func report(rows []row, rounds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Performance

This page compares sealsock with crypto/tls in one process and one run, in alternating
turns. A figure is the median of %d turns. A ratio is the median of the ratios of the turns;
more than 1 means that sealsock is better. Absolute figures depend on the machine: run `+"`make bench`"+` on yours.

%s, %s/%s, %d processors, %s.

| what | unit | sealsock | crypto/tls | ratio |
|---|---|---|---|---|
`, rounds, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().Format("2006-01-02"))
	for i := range rows {
		b.WriteString(rows[i].line())
		b.WriteByte('\n')
	}
	b.WriteString(`
What is measured:

- **full handshake**: client and server on one processor over memory, ECDSA P-256 leaf under a P-256 root,
  verified by the client; tickets off on both sides.
- **bulk over memory**: 16 KiB writes with AES-128-GCM, both ends on one processor.
- **bulk over TCP**: the same over loopback, both ends on all processors.
- **round trips**: 64 bytes in each direction over loopback TCP.
- **allocations**: heap objects of both ends together.
- **heap per idle connection**: both ends over TCP, after a handshake, one message in each
  direction and a garbage collection, while the server waits in Read.
`)
	return b.String()
}
