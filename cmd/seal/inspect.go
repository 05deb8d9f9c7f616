package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/dns"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/probe"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

const inspectLong = `Report what each server accepts: versions down to SSL 2.0, cipher suites in the server's
order, groups, signature schemes, application protocols, resumption, its certificates,
known vulnerabilities, and its DNS records. Each problem is listed with a remedy, and the
worst one determines the grade: A+ and A are good, B has weaknesses, C should be fixed, F
is vulnerable.

A FILE is a packet capture (pcap, pcapng), whose TLS connections are described, with
JA3 and JA4, and decrypted with --keylog; or it contains certificates, requests,
revocation lists or keys, as with seal cert. - is standard input.

Inspect only your own servers: a scan makes up to some hundred connections, and sends
messages that vulnerable servers mishandle.

Exit codes: 1 if a server or a file cannot be inspected, or a server has a lower grade
than --fail-under, or a certificate expires within --expires-within. It is also 1 if one of
these flags or --pem is given and the server does not answer what it depends on.`

const inspectExample = `  seal inspect example.com
  seal inspect --starttls smtp mail.example.com:587
  seal inspect --json --list hosts.txt
  seal inspect --fail-under A --expires-within 21 example.com:443
  seal inspect --html report.html --list hosts.txt
  seal inspect --keylog keys.log capture.pcapng`

type inspectFlags struct {
	trustFlags
	set       *pflag.FlagSet // all of them
	name      string
	starttls  string
	list      string
	failUnder string
	expires   int
	timeout   time.Duration
	parallel  int
	dns       string
	proxyFlags
	allAddresses bool
	pem          bool
	html         string
	keyLog       string
	messages     bool
	password     string
}

func newInspect(out *output) *cobra.Command {
	var flags inspectFlags
	cmd := &cobra.Command{
		Use:     "inspect ADDRESS|FILE...",
		Short:   "Find out what a server accepts, or what a file or a capture has",
		Long:    inspectLong,
		Example: inspectExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return inspectAll(cmd.Context(), cmd.OutOrStdout(), out, &flags, args)
		},
	}
	f := cmd.Flags()
	flags.set = f
	flags.trustFlags.register(f, "the server")
	f.StringVar(&flags.name, "name", "",
		"the `name` that is asked for and verified, instead of the host")
	f.StringVar(&flags.starttls, "starttls", "",
		"begin in plaintext and upgrade to TLS with this `protocol`")
	f.StringVar(&flags.list, "list", "", "a `file` with further addresses, one in each line")
	f.StringVar(&flags.failUnder, "fail-under", "",
		"exit with 1 if a server has less than this `grade`")
	f.IntVar(&flags.expires, "expires-within", 0,
		"exit with 1 if a certificate expires within this number of `days`")
	f.DurationVar(&flags.timeout, "timeout", 5*time.Second,
		"`time` for one connection; a server is asked for at most 60 times that")
	f.IntVar(&flags.parallel, "parallel", 8, "`connections` to one server at a time")
	f.StringVar(&flags.dns, "dns", "",
		"ask this DNS `server` for the records of the servers, instead of the system's; off asks none")
	f.BoolVar(&flags.allAddresses, "all-addresses", false,
		"scan each address of a name, and not just the first that answers")
	flags.proxyFlags.register(f)
	f.BoolVar(&flags.pem, "pem", false,
		"print the certificates of the servers in PEM, and nothing else")
	f.StringVar(&flags.html, "html", "", "write a report for a browser to this `file`")
	f.StringVar(&flags.keyLog, "keylog", "",
		"decrypt captures with this `file`, which programs write with SSLKEYLOGFILE")
	f.BoolVar(&flags.messages, "messages", false, "print the messages of captured connections")
	f.StringVar(&flags.password, "key-password-file", "",
		"`file` whose first line is the password of key files; the default is to ask on the terminal")
	completeStartTLS(cmd)
	return cmd
}

// An inspection is the result for one server.
type inspection struct {
	Address string `json:"address"`
	// IP is the address of the server that was scanned, if the target is a name. OtherIPs are those
	// of the name that were not.
	IP       string        `json:"ip,omitempty"`
	OtherIPs []string      `json:"other_ips,omitempty"`
	Seconds  float64       `json:"seconds"`
	Report   *probe.Report `json:"report,omitempty"`
	Error    string        `json:"error,omitempty"`
	err      error
	one      bool // of several servers with the same name
}

// A target is a server of the command line or of --list.
type target struct {
	text string // with a port
	addr address.Address
	ip   netip.Addr // the one to connect to; zero for any that the name has
}

// inspectAll runs the command, from the flags to the exit.
func inspectAll(ctx context.Context, stdout io.Writer, out *output, flags *inspectFlags,
	args []string) error {
	if err := flags.check(); err != nil {
		return err
	}
	targets, files, err := flags.targets(ctx, args)
	if err != nil {
		return err
	}
	if err := refuseUnused(flags.set, len(targets), len(files)); err != nil {
		return err
	}
	policy, err := flags.policy()
	if err != nil {
		return err
	}
	s := &servers{
		flags: flags, policy: policy, out: out, lookup: net.DefaultResolver.LookupNetIP,
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	results := s.scan(ctx, targets)
	read := flags.files(ctx, files)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := writePage(ctx, flags.html, results, read); err != nil {
		return err
	}
	return flags.report(stdout, out, results, read)
}

// report prints the results, and returns the first error; the others are printed.
func (flags *inspectFlags) report(stdout io.Writer, out *output, results []inspection,
	read []inspectedFile) error {
	var first error
	fail := func(err error) {
		if err != nil && first != nil {
			out.fail(err)
		} else if err != nil {
			first = err
		}
	}
	for i := range results {
		if err := flags.print(stdout, out.json, &results[i]); err != nil {
			return err
		}
		fail(flags.requirementError(&results[i]))
	}
	for i := range read {
		if err := flags.printFile(stdout, out.json, &read[i]); err != nil {
			return err
		}
		fail(flags.fileError(&read[i]))
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
	if err == nil && p.Revocation == nil {
		p.Revocation = &trust.Revocation{Mode: trust.RevocationPrefer}
	}
	return p, err
}

// servers has what the scans of all servers share.
type servers struct {
	flags  *inspectFlags
	policy *trust.Policy
	dns    *dns.Client // nil asks nothing
	proxy  *proxies
	out    *output
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// prepare reads the flags for all servers.
func (s *servers) prepare(ctx context.Context) (err error) {
	switch s.flags.dns {
	case "off":
	case "":
		s.dns, _ = dns.System() // without a server there are no records
	default:
		s.dns = &dns.Client{Server: withDefaultPort(s.flags.dns, "53")}
	}
	s.proxy, err = interruptibly(ctx, func() (*proxies, error) {
		return s.flags.proxyFlags.open(s.out)
	})
	return err
}

// scan inspects the servers, some at a time, and reports the progress.
func (s *servers) scan(ctx context.Context, targets []target) []inspection {
	results := make([][]inspection, len(targets))
	turn := make(chan struct{}, 4) // servers at a time
	var all sync.WaitGroup
	var printing sync.Mutex
	done := 0
	for i, t := range targets {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			results[i] = s.inspect(ctx, t)
			printing.Lock()
			defer printing.Unlock()
			if done++; len(targets) > 1 {
				s.out.print(&progress{Done: done, Of: len(targets), Address: t.text})
			}
		})
	}
	all.Wait()
	return slices.Concat(results...)
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
	case flags.failUnder != "" && !slices.Contains(probe.Grades, flags.failUnder):
		return usage("--fail-under %q is not a grade", flags.failUnder).
			hinted("one of %s", strings.Join(probe.Grades, ", "))
	case flags.timeout <= 0:
		return usage("--timeout %v is not positive", flags.timeout).hinted("as in --timeout 5s")
	case flags.parallel < 1 || flags.parallel > 64:
		return usage("--parallel %d is not between 1 and 64", flags.parallel).
			hinted("as in --parallel 8")
	case flags.expires < 0:
		return usage("--expires-within %d is negative", flags.expires).
			hinted("a number of days, as in --expires-within 21")
	}
	return checkStartTLS(flags.starttls)
}

// targets returns the servers of the command line and of --list, and the files among the
// arguments.
func (flags *inspectFlags) targets(ctx context.Context, args []string) (servers []target,
	files []string, err error) {
	if flags.list != "" {
		text, err := readBounded(ctx, flags.list, 1<<20)
		if err != nil {
			return nil, nil, err
		}
		for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
			line, _, _ := strings.Cut(lines.Text(), "#")
			if line = strings.TrimSpace(line); line != "" {
				args = append(args, line)
			}
		}
	}
	switch {
	case len(args) == 0 && flags.list != "":
		return nil, nil, failed(nil, "--list %s names no server", flags.list).
			hinted("an address stands in each line; what follows a # is ignored")
	case len(args) == 0:
		return nil, nil, usage("ADDRESS is missing").hinted("as in seal inspect example.com:443")
	}
	for _, arg := range args {
		if isFile(arg) {
			files = append(files, arg)
			continue
		}
		t := target{text: withPort(arg, flags.starttls)}
		if flags.starttls == "" {
			t.text = withDefaultPort(arg, "443")
		}
		if t.addr, err = address.Parse(t.text); err != nil {
			return nil, nil, err
		}
		servers = append(servers, t)
	}
	return servers, files, nil
}

// inspectOne scans one server.
func (s *servers) inspectOne(ctx context.Context, t target) inspection {
	start, flags, a := time.Now(), s.flags, t.addr
	name := cmp.Or(flags.name, a.Host(), "localhost")
	i := inspection{Address: t.text, one: t.ip.IsValid()}
	fixed, err := s.fixed(t)
	if err != nil {
		i.err, i.Error = err, explain(err).text
		return i
	}
	server := probe.Target{
		ServerName: name, Trust: s.policy, Port: tcpPort(a),
		Dial: func(ctx context.Context) (net.Conn, error) {
			raw, err := fixed.dial(ctx)
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
	options := probe.Options{Timeout: flags.timeout, Parallel: flags.parallel, DNS: s.dns}
	i.Report, i.err = probe.Scan(ctx, server, options)
	i.Seconds, i.IP = time.Since(start).Seconds(), fixed.ip()
	if i.err != nil {
		i.Error = explain(i.err).text
	}
	return i
}

// tcpPort returns the TCP port of an address, or 0 for another one.
func tcpPort(a address.Address) uint16 {
	_, port, _ := a.HostPort()
	n, _ := strconv.ParseUint(port, 10, 16)
	return uint16(n)
}

// requirementError returns the error for a server that does not meet the flags.
func (flags *inspectFlags) requirementError(i *inspection) error {
	where := i.Where()
	if i.err != nil {
		p := explain(i.err)
		p.text = where + ": " + p.text
		switch {
		case p.hint == "":
			p.hint = flags.unansweredHint(i.err)
		case p.code == "name":
			p.hint += "; a file of this name does not exist either"
		}
		return p
	}
	if err := flags.gradeError(where, i.Report); err != nil {
		return err
	}
	for _, c := range i.Report.Certificates {
		if err := flags.expiry(where, c.Key, c.NotAfter); err != nil {
			return err
		}
	}
	switch all := flags.pem || flags.expires > 0; {
	case all && len(i.Report.Certificates) == 0:
		return failed(nil, "%s: no certificate was seen", where).hinted(openHint)
	case all && i.Report.CertificatesOpen():
		return failed(nil, "%s: the server may have a certificate that was not seen", where).
			hinted(openHint)
	}
	return nil
}

// openHint is the hint about questions without an answer.
const openHint = "the report lists the questions without an answer; the server may be slow " +
	"(--timeout), or bound the connections of one client (--parallel 1)"

// gradeError returns the error for a server that has a lower grade than --fail-under, or that did
// not answer what would show it.
func (flags *inspectFlags) gradeError(where string, r *probe.Report) error {
	least := slices.Index(probe.Grades, flags.failUnder)
	switch {
	case least < 0:
	case slices.Index(probe.Grades, r.Grade) > least:
		return failed(nil, "%s has grade %s, and --fail-under asks for %s",
			where, r.Grade, flags.failUnder).
			hinted("the report lists the problems, the worst first")
	case slices.Index(probe.Grades, r.Worst()) > least:
		return failed(nil, "%s has grade %s at best, and --fail-under asks for %s: "+
			"questions have no answer", where, r.Grade, flags.failUnder).hinted(openHint)
	}
	return nil
}

// unansweredHint is the hint about a server that did not answer as one of TLS.
func (flags *inspectFlags) unansweredHint(err error) string {
	plain := ""
	if flags.starttls == "" {
		plain = "; a service that begins in plaintext needs --starttls PROTOCOL"
	}
	switch {
	case errors.Is(err, probe.ErrNoTLS):
		return "check the port" + plain
	case errors.Is(err, probe.ErrCloses):
		return "check the port; the server may not use TLS, or not serve this client: see its log" + plain
	case errors.Is(err, probe.ErrRefuses):
		return "it may serve another name alone (--name NAME), or not serve this client: see its log"
	case errors.Is(err, probe.ErrSilent):
		return "check the port; the server may be slow (--timeout)" + plain
	}
	return ""
}

// expiry returns the error for a certificate that ends within --expires-within.
func (flags *inspectFlags) expiry(where, which string, end time.Time) error {
	days := int(time.Until(end).Hours() / 24)
	if flags.expires == 0 || days >= flags.expires {
		return nil
	}
	return failed(nil, "%s: the certificate (%s) expires in %d days", where, which, days).
		hinted("renew it")
}
