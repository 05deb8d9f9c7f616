package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMain is also the processes that TestMillion starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "million-") {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestMillion holds a few connections in place of a million.
func TestMillion(t *testing.T) {
	r := &millionRun{Connections: 250, Seconds: 1}
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.Held != 250 || r.Asked < 1 || r.Answered != r.Asked || r.ServerMemory == 0 {
		t.Errorf("%+v", r)
	}
}
