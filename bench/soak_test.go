package main

import (
	"testing"
	"time"
)

// TestSoak sends for a short time and changes the keys after each MiB.
func TestSoak(t *testing.T) {
	s := &soak{each: 1 << 20, length: 500 * time.Millisecond}
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := s.report()
	if r.ToServer < 1<<20 || r.ToClient < 1<<20 || r.KeyUpdates < 2 {
		t.Errorf("%+v", r)
	}
}

// TestSoakJudges gives it a heap that grows.
func TestSoakJudges(t *testing.T) {
	s := &soak{heaps: []uint64{1}}
	kept := make([]byte, 4<<20)
	if err := s.judge(); err == nil {
		t.Error("a heap that grew by 4 MiB is no error")
	}
	kept[0] = 1
}
