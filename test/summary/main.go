// Command summary runs go test and prints the skipped and the failed tests last.
//
//	go run ./test/summary [-again] -timeout 40m ./...
//
// Its arguments are those of go test. While the tests run it prints the result of each
// package. Then follow the skipped tests with their reasons, the output of the failed
// tests, and the names of the failed tests. The exit code is that of go test.
//
// With -again, before the arguments of go test, at most [mostAgain] tests that failed run
// [times] times more, alone. If all pass, the exit code is 0 and the last line names the
// tests that failed by chance. Each is a defect: of the test, or of the code.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
	}
	os.Exit(code)
}

// run runs go test with the arguments, prints its results, and returns the exit code.
func run(args []string, out io.Writer) (int, error) {
	// Ctrl-C reaches go test too, and its end ends this program.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	again := len(args) > 0 && args[0] == "-again"
	if again {
		args = args[1:]
	}
	s, code, err := goTest(args, out)
	if again && code == 1 && err == nil {
		return s.again(args)
	}
	return code, err
}

// goTest runs go test with the arguments, prints its results, and returns them with the
// exit code.
func goTest(args []string, out io.Writer) (*summary, int, error) {
	s := newSummary(out)
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return s, 1, err
	}
	if err := cmd.Start(); err != nil {
		return s, 1, err
	}
	readErr := s.read(bufio.NewReader(events))
	s.print()
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return s, max(exit.ExitCode(), 1), readErr // -1 after a signal
	case err != nil:
		return s, 1, err
	case readErr != nil:
		return s, 1, readErr
	}
	return s, 0, nil
}
