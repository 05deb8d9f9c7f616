package talk

import (
	"crypto/sha256"
	"testing"
)

// A countingSink counts the calls of Write.
type countingSink struct {
	memorySink
	writes int
}

func (s *countingSink) Write(p []byte) (int, error) {
	s.writes++
	return s.memorySink.Write(p)
}

// TestSmallFrames: a sender that puts each byte into a frame of its own makes no more writes than
// another, each of which would cost a page of a browser an object.
func TestSmallFrames(t *testing.T) {
	const size = 2 * fileChunk
	p := &peer{bulk: make(chan []byte), over: make(chan struct{}), written: make(chan struct{})}
	f := &fileReceiving{frames: make(chan fileFrame)}
	var sent [size]byte
	go func() {
		for i := range sent {
			f.frames <- fileFrame{kind: frameData, data: sent[i : i+1]}
		}
		sum := sha256.Sum256(sent[:])
		f.frames <- fileFrame{kind: frameEnd, data: sum[:]}
	}()
	sink := new(countingSink)
	o := &FileOffer{Name: "x", Size: size}
	if err := p.receiveFile(t.Context(), o, f, sink); err != nil {
		t.Fatal(err)
	}
	if sink.writes > 2 || sink.commits != 1 || sink.Len() != size {
		t.Errorf("%d writes, %d bytes", sink.writes, sink.Len())
	}
}
