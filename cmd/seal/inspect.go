package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/probe"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

const inspectLong = `Find out what each server accepts: versions down to SSL 2.0, cipher suites
in the server's order, groups, signature schemes, application protocols, resumption, and
its certificates. Each problem is listed with what to do about it, and the worst
one decides the grade: A+ and A are good, B has weaknesses, C should be mended,
F is open to attack.

Servers of one's own are meant: a scan makes over a hundred connections.

Exit codes: 1 if a server cannot be inspected, or is worse than --fail-under, or
has a certificate that ends within --expires-within.`

const inspectExample = `  seal inspect example.com
  seal inspect --starttls smtp mail.example.com:587
  seal inspect --json --list hosts.txt
  seal inspect --fail-under A --expires-within 21 example.com:443`

// grades in descending order.
var grades = []string{"A+", "A", "B", "C", "F"}

type inspectFlags struct {
	trustFlags
	name      string
	starttls  string
	list      string
	failUnder string
	expires   int
	timeout   time.Duration
	parallel  int
}

func newInspect(out *output) *cobra.Command {
	var flags inspectFlags
	cmd := &cobra.Command{
		Use:     "inspect ADDRESS...",
		Short:   "Find out what a server accepts, and what is wrong with it",
		Long:    inspectLong,
		Example: inspectExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return inspectAll(cmd.Context(), cmd.OutOrStdout(), out, &flags, args)
		},
	}
	f := cmd.Flags()
	flags.trustFlags.register(f, "the server")
	f.StringVar(&flags.name, "name", "",
		"the `name` that is asked for and verified, instead of the host")
	f.StringVar(&flags.starttls, "starttls", "",
		"begin in plaintext and upgrade to TLS, as this `protocol` has it")
	f.StringVar(&flags.list, "list", "", "a `file` with an address a line, in addition")
	f.StringVar(&flags.failUnder, "fail-under", "",
		"exit with 1 if a server has less than this `grade`")
	f.IntVar(&flags.expires, "expires-within", 0,
		"exit with 1 if a certificate ends within so many `days`")
	f.DurationVar(&flags.timeout, "timeout", 5*time.Second, "`time` for one connection")
	f.IntVar(&flags.parallel, "parallel", 8, "`connections` to one server at a time")
	completeStartTLS(cmd)
	return cmd
}

// An inspection is the result for one server.
type inspection struct {
	Address string        `json:"address"`
	Seconds float64       `json:"seconds"`
	Report  *probe.Report `json:"report,omitempty"`
	Error   string        `json:"error,omitempty"`
	err     error
}

// inspectAll runs the command, from the flags to the exit.
func inspectAll(ctx context.Context, stdout io.Writer, out *output, flags *inspectFlags,
	args []string) error {
	if err := flags.check(); err != nil {
		return err
	}
	addrs, err := flags.addresses(ctx, args)
	if err != nil {
		return err
	}
	policy, err := flags.policy()
	if err != nil {
		return err
	}
	results := flags.scan(ctx, out, addrs, policy)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var first error
	for i := range results {
		if err := results[i].print(stdout, out.json); err != nil {
			return err
		}
		if err := flags.requirementError(&results[i]); err != nil && first == nil {
			first = err
		} else if err != nil {
			out.fail(err)
		}
	}
	return first
}

// policy verifies the servers' certificates; without --ca and --pin by the authorities of
// the system and the local one.
func (flags *inspectFlags) policy() (*trust.Policy, error) {
	p, err := flags.trustFlags.policy()
	if err == nil && p.Roots == nil && !p.PinOnly {
		p.Roots, err = localRoots()
	}
	return p, err
}

// scan inspects the servers, some at a time, and reports the progress.
func (flags *inspectFlags) scan(ctx context.Context, out *output, addrs []string,
	policy *trust.Policy) []inspection {
	results := make([]inspection, len(addrs))
	turn := make(chan struct{}, 4) // servers at a time
	var all sync.WaitGroup
	var printing sync.Mutex
	done := 0
	for i, addr := range addrs {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			results[i] = flags.inspect(ctx, addr, policy)
			printing.Lock()
			defer printing.Unlock()
			if done++; len(addrs) > 1 {
				out.print(&progress{Done: done, Of: len(addrs), Address: addr})
			}
		})
	}
	all.Wait()
	return results
}

// progress reports how many servers of a list are done.
type progress struct {
	Done    int    `json:"done"`
	Of      int    `json:"of"`
	Address string `json:"address"`
}

func (*progress) event() string { return "inspected" }

func (p *progress) text() string {
	return fmt.Sprintf("%d of %d: %s", p.Done, p.Of, printable.Line(p.Address))
}

// check finds values that are wrong.
func (flags *inspectFlags) check() error {
	switch {
	case flags.failUnder != "" && !slices.Contains(grades, flags.failUnder):
		return usage("--fail-under %q is no grade", flags.failUnder).
			hinted("one of %s", strings.Join(grades, ", "))
	case flags.timeout <= 0:
		return usage("--timeout %v is no time to wait", flags.timeout).hinted("as in --timeout 5s")
	case flags.parallel < 1 || flags.parallel > 64:
		return usage("--parallel %d: 1 to 64 are allowed", flags.parallel)
	case flags.expires < 0:
		return usage("--expires-within %d: a number of days is needed", flags.expires)
	}
	return checkStartTLS(flags.starttls)
}

// addresses are those of the command line and of --list.
func (flags *inspectFlags) addresses(ctx context.Context, args []string) ([]string, error) {
	if flags.list != "" {
		text, err := readBounded(ctx, flags.list, 1<<20)
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
			line, _, _ := strings.Cut(lines.Text(), "#")
			if line = strings.TrimSpace(line); line != "" {
				args = append(args, line)
			}
		}
	}
	if len(args) == 0 {
		return nil, usage("ADDRESS is missing").hinted("as in seal inspect example.com:443")
	}
	for i, arg := range args {
		if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
			return nil, usage("%s is a file", printable.Line(arg)).
				hinted("seal cert %s shows certificates; --list %[1]s takes addresses from it",
					printable.Line(arg))
		}
		if args[i] = withPort(arg, flags.starttls); flags.starttls == "" {
			args[i] = withDefaultPort(arg, "443")
		}
		if _, err := address.Parse(args[i]); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// inspect scans one server.
func (flags *inspectFlags) inspect(ctx context.Context, addr string,
	policy *trust.Policy) inspection {
	start := time.Now()
	a, err := address.Parse(addr)
	if err != nil {
		return inspection{Address: addr, Error: err.Error(), err: err}
	}
	name := cmp.Or(flags.name, a.Host(), "localhost")
	target := probe.Target{
		ServerName: name, Trust: policy,
		Dial: func(ctx context.Context) (net.Conn, error) {
			raw, err := a.Dial(ctx)
			if err != nil || flags.starttls == "" {
				return raw, err
			}
			if err := starttls.Client(ctx, raw, flags.starttls, name); err != nil {
				raw.Close()
				return nil, err
			}
			return raw, nil
		},
	}
	options := probe.Options{Timeout: flags.timeout, Parallel: flags.parallel}
	report, err := probe.Scan(ctx, target, options)
	i := inspection{Address: addr, Seconds: time.Since(start).Seconds(), Report: report, err: err}
	if err != nil {
		i.Error = explain(err).text
	}
	return i
}

// requirementError returns the error for a server that does not meet the flags.
func (flags *inspectFlags) requirementError(i *inspection) error {
	where := printable.Line(i.Address)
	if i.err != nil {
		p := explain(i.err)
		p.text = where + ": " + p.text
		return p
	}
	least := slices.Index(grades, flags.failUnder)
	if grade := i.Report.Grade; least >= 0 && slices.Index(grades, grade) > least {
		return failed(nil, "%s has grade %s, and --fail-under asks for %s", where, grade, flags.failUnder).
			hinted("the report lists the problems, the worst first")
	}
	for _, c := range i.Report.Certificates {
		days := int(time.Until(c.NotAfter).Hours() / 24)
		if flags.expires > 0 && days < flags.expires {
			return failed(nil, "%s: the certificate (%s) ends in %d days", where, c.Key, days).
				hinted("renew it")
		}
	}
	return nil
}
