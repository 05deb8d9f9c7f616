package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/internal/measure"
)

const benchLong = `Without ADDRESS, measure this machine: handshakes, bulk data and idle
connections of sealsock, beside crypto/tls and, as the limit, the cryptography alone, or TCP
without encryption. They take turns; a figure is the median of the turns, and a ratio above 1
means that sealsock is better. Only ratios within one run can be compared. It takes about
--time for each line.

With ADDRESS, measure a server: full handshakes and resumptions a second with --parallel
connections at a time, and the percentiles of their latency, which includes connecting. With
--echo the server sends back what it receives, as seal listen --echo does: then also round
trips of 64 bytes and the throughput in both directions. With --get PATH it is an HTTP/1.1
server: then also the throughput of responses to GET PATH. Each part takes --time.

The load is real: measure only servers that are yours.

The result is on standard output, with --json as one object.`

const benchExample = `  seal bench
  seal bench localhost:4433 --echo
  seal bench --parallel 32 --time 10s --get /large.bin www.internal:443
  seal bench --json example.internal:443 > result.json`

type benchFlags struct {
	connectFlags
	length   time.Duration
	parallel int
	echo     bool
	get      string
}

func newBench(out *output) *cobra.Command {
	var flags benchFlags
	cmd := &cobra.Command{
		Use:     "bench [ADDRESS]",
		Short:   "Measure the speed of this machine or of a server",
		Long:    benchLong,
		Example: benchExample,
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.checkBench(); err != nil {
				return err
			}
			if len(args) == 0 {
				if err := refuseServerFlags(cmd); err != nil {
					return err
				}
				return benchLocal(cmd.Context(), cmd.OutOrStdout(), out, flags.length)
			}
			return flags.benchServer(cmd.Context(), cmd.OutOrStdout(), out, args[0])
		},
	}
	f := cmd.Flags()
	f.DurationVar(&flags.length, "time", 3*time.Second, "`time` for each part")
	f.IntVar(&flags.parallel, "parallel", 8, "`connections` to the server at a time")
	f.BoolVar(&flags.echo, "echo", false,
		"measure round trips and throughput of a server that sends back what it receives")
	f.StringVar(&flags.get, "get", "", "measure the throughput of HTTP responses to GET `path`")
	flags.registerClient(f)
	completeStartTLS(cmd)
	return cmd
}

// refuseServerFlags refuses flags about a server, where this machine is measured.
func refuseServerFlags(cmd *cobra.Command) error {
	return refuseOthers(cmd, "time", func(flag string) *problem {
		return usage("--%s is about a server, and no ADDRESS was given", flag).
			hinted("add ADDRESS, as in seal bench localhost:4433, or leave out --%s", flag)
	})
}

func (flags *benchFlags) checkBench() error {
	switch {
	case flags.length < 100*time.Millisecond || flags.length > time.Hour:
		return usage("--time %v is not between 100ms and 1h", flags.length).hinted("as in --time 3s")
	case flags.parallel < 1 || flags.parallel > 10_000:
		return usage("--parallel %d is not between 1 and 10000", flags.parallel).
			hinted("as in --parallel 8")
	case flags.get != "" && !isPath(flags.get):
		return usage("--get %q is not a path", flags.get).hinted("as in --get /large.bin")
	case flags.get != "" && flags.echo:
		return usage("--echo and --get are for different servers").hinted("leave one out")
	}
	return nil
}

// isPath reports whether s can be the target of an HTTP request.
func isPath(s string) bool { return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, " \r\n") }

// localRounds is how many turns each side has for a line.
const localRounds = 5

// benchLine is a line of the table about this machine.
type benchLine struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Ours  float64 `json:"sealsock"`
	Std   float64 `json:"crypto_tls,omitempty"`
	Ratio float64 `json:"ratio,omitempty"` // above 1: sealsock is better
	Limit float64 `json:"limit,omitempty"` // what the cryptography alone does, or TCP
}

// localResult is what seal bench prints with --json.
type localResult struct {
	Go         string      `json:"go"`
	System     string      `json:"system"`
	Processors int         `json:"processors"`
	Lines      []benchLine `json:"lines"`
}

func (localResult) event() string { return "bench" }
func (localResult) text() string  { return "" }

// benchLocal measures this machine.
func benchLocal(ctx context.Context, w io.Writer, out *output, length time.Duration) error {
	ours, standard := measure.Sealsock(), measure.Standard()
	result := localResult{
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Processors: runtime.NumCPU(), Lines: []benchLine{},
	}
	const form = "%-50s %-13s %9s %11s %6s %6s\n"
	print := func(args ...any) error {
		if out.json {
			return nil
		}
		_, err := fmt.Fprintf(w, form, args...)
		return err
	}
	if err := print("", "", ours.Name(), standard.Name(), "ratio", "limit"); err != nil {
		return err
	}
	defer out.erase()
	_, err := measure.Run(ctx, measure.Options{
		Sides: []measure.Side{ours, standard, measure.Limit()}, Rounds: localRounds,
		Time: length / (3 * localRounds), Short: true,
		Start: func(name string) { out.progress("measuring: %s", name) },
		Done: func(r measure.Row) {
			line := benchLine{Name: r.Name, Unit: r.Unit}
			line.Ours, _ = r.Median(ours.Name())
			line.Std, _ = r.Median(standard.Name())
			line.Ratio, _ = r.Ratio(ours.Name(), standard.Name())
			line.Limit, _ = r.Ratio(ours.Name(), measure.LimitName)
			result.Lines = append(result.Lines, line)
			out.erase()
			_ = print(line.cells()...) // the program looks at errors at the end
		},
	})
	if err != nil || !out.json {
		return err
	}
	_, err = w.Write(asJSON(result))
	return err
}

// cells returns the columns of a line.
func (l benchLine) cells() []any {
	cell := func(v float64, form string) string {
		if v == 0 {
			return ""
		}
		if form == "" {
			return measure.Figure(v)
		}
		return fmt.Sprintf(form, v)
	}
	return []any{l.Name, l.Unit, cell(l.Ours, ""), cell(l.Std, ""), cell(l.Ratio, "%.2f"),
		cell(100*l.Limit, "%.0f%%")}
}
