// Command bench compares sealsock with crypto/tls and OpenSSL in one run, in alternating
// turns, and writes the medians and their ratios to docs/performance.md, all figures to a
// JSON file, and a chart. Absolute figures depend on the machine; only the ratios within
// one run are meaningful.
//
//	go run ./bench [-rounds N] [-time D] [-only REGEXP] [-out FOLDER]
//	go run ./bench sockets [-rounds N] [-time D] [-out FILE]
//	go run ./bench tunnels [-rounds N] [-time D] [-idle N] [-out FOLDER]
//	go run ./bench loops [-rounds N] [-time D] [-out FILE]
//	go run ./bench million [-connections N] [-seconds N] [-timeout D] [-out FILE]
//	go run ./bench soak [-time D] [-rekey N] [-out FILE]
//
// OpenSSL is measured in a program that is compiled at the start; without a C compiler and
// its headers, its column is empty. The second form compares package socket with package
// net and Python, and writes to docs/sockets.md. The third compares seal tunnel with stunnel,
// hitch, HAProxy and ghostunnel, and writes to docs/tunnel.md. The fourth compares echo servers on
// gnet, nbio and netpoll, sealed and plain, and writes to docs/performance.md. The fifth holds a
// million idle connections on this machine. The sixth sends bulk data both ways for ten minutes,
// changes the keys after each 64 MiB, and compares each byte.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/sealsock/sealsock/internal/measure"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// commands are the other forms of the command, and the processes that they start.
var commands = map[string]func(args []string) error{
	"sockets": socketsMain, "echo": echoMain,
	"tunnels": tunnelsMain, "loops": loopsMain,
	"soak":    soakMain,
	"million": millionMain, "million-server": millionServer, "million-client": millionClientMain,
}

func run(args []string) error {
	if len(args) > 0 && commands[args[0]] != nil {
		return commands[args[0]](args[1:])
	}
	rounds := flag.Int("rounds", 7, "number of turns of each side")
	length := flag.Duration("time", 400*time.Millisecond, "duration of a turn")
	only := flag.String("only", "", "a regular expression of names to run")
	out := flag.String("out", "docs", "the folder to write performance.md, .json and .svg into; - for none")
	if err := flag.CommandLine.Parse(args); err != nil {
		return err
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flag.Arg(0))
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := measure.Options{
		Sides:  []measure.Side{measure.Sealsock(), measure.Standard(), measure.Limit()},
		Rounds: *rounds, Time: *length, Only: pattern,
	}
	third := ""
	if ssl, err := startOpenSSL(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: no OpenSSL:", err)
	} else {
		defer ssl.close()
		third, o.Sides = ssl.Name(), append(o.Sides, ssl)
	}
	r := newReport(*rounds, third)
	o.Done = func(row measure.Row) { fmt.Println(r.line(&row)) }
	if r.Rows, err = measure.Run(ctx, o); err != nil {
		return err
	}
	if *out == "-" || *only != "" {
		return nil
	}
	return errors.Join(r.write(*out))
}
