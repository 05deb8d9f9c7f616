package trust

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestKnownFileIsFull: names that peers choose do not make the file longer than what is read, so
// that those in it remain known.
func TestKnownFileIsFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Add("box.lan", Pin{1}); err != nil {
		t.Fatal(err)
	}
	write(t, file, []byte("box.lan "+Pin{1}.String()+"\n"+strings.Repeat("#\n", maxKnownFile/2-64)))
	for range 2 {
		err = k.Add("new.lan", Pin{2})
	}
	if err == nil || !strings.Contains(err.Error(), "is full") {
		t.Errorf("a full file: %v", err)
	}
	if pins, err := k.Pins("box.lan"); err != nil || len(pins) != 1 {
		t.Errorf("the file cannot be used any more: %v, %v", pins, err)
	}
}
