// Command summary runs go test and prints the skipped and the failed tests last.
//
//	go run ./test/summary -timeout 40m ./...
//
// Its arguments are those of go test. While the tests run it prints the result of each
// package. Then follow the skipped tests with their reasons, the output of the failed
// tests, and the names of the failed tests. The exit code is that of go test.
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

// run runs go test with the arguments, and returns its exit code.
func run(args []string, out io.Writer) (int, error) {
	// Ctrl-C reaches go test too, and its end ends this program.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	readErr := summarize(bufio.NewReader(events), out)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1), readErr // -1 after a signal
	case err != nil:
		return 1, err
	case readErr != nil:
		return 1, readErr
	}
	return 0, nil
}
