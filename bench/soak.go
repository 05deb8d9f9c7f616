package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/measure"
)

// soakMain sends bulk data in both directions of one connection for a long time, changes the
// keys often, compares each byte at the other end, and looks at the memory.
func soakMain(args []string) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	length := flags.Duration("time", 10*time.Minute, "how long to send")
	each := flags.Int64("rekey", 64<<20, "bytes of a direction after which its key is changed")
	out := flags.String("out", "", "a JSON file for the results")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *each < soakChunk {
		return fmt.Errorf("-rekey must be at least %d bytes", soakChunk)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := &soak{each: *each, length: *length}
	if err := s.run(ctx); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s.report(), "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	if *out != "" {
		return os.WriteFile(filepath.Clean(*out), append(text, '\n'), 0o644)
	}
	return nil
}

// soakChunk is the size of a Write, in bytes.
const soakChunk = 256 << 10

// A soak is one run.
type soak struct {
	each   int64
	length time.Duration

	sent, rekeys [2]atomic.Int64 // by direction: client to server, server to client
	heaps        []uint64        // heap in use after a collection, in bytes, at even intervals
}

func (s *soak) report() soakResult {
	return soakResult{
		Seconds: s.length.Seconds(), ToServer: s.sent[0].Load(), ToClient: s.sent[1].Load(),
		KeyUpdates: s.rekeys[0].Load() + s.rekeys[1].Load(),
		HeapFirst:  s.heaps[0], HeapLast: s.heaps[len(s.heaps)-1], Heaps: s.heaps,
	}
}

// run sends until the time is over, and fails for a wrong byte or a heap that grows.
func (s *soak) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, server, err := measure.Pair(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	defer server.Close()
	end := time.Now().Add(s.length)
	errs := make(chan error, 4)
	for i, ends := range [][2]*sealsock.Conn{{client, server}, {server, client}} {
		go func() { errs <- s.send(ctx, i, ends[0], end) }()
		go func() { errs <- s.receive(i, ends[1]) }()
	}
	const samples = 20
	tick := time.NewTicker(max(s.length/samples, time.Millisecond))
	defer tick.Stop()
	for done := 0; done < cap(errs); {
		select {
		case err := <-errs:
			if err != nil {
				return err
			}
			done++
		case <-tick.C:
			s.sample()
		}
	}
	return s.judge()
}

func (s *soak) sample() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	s.heaps = append(s.heaps, m.HeapAlloc)
}

// judge fails if the heap has grown by more than a MiB since the first sample.
func (s *soak) judge() error {
	s.sample()
	first, last := s.heaps[0], s.heaps[len(s.heaps)-1]
	if last > first+1<<20 {
		return fmt.Errorf("the heap grew from %d to %d bytes", first, last)
	}
	return nil
}

// soakStream is the data of a direction: the key stream of AES in counter mode.
func soakStream(direction int) (cipher.Stream, error) {
	block, err := aes.NewCipher(bytes.Repeat([]byte{byte(direction + 1)}, 16))
	if err != nil {
		return nil, err
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize)), nil
}

// send writes the stream, and changes the key after each s.each bytes.
func (s *soak) send(ctx context.Context, direction int, c *sealsock.Conn, end time.Time) error {
	stream, err := soakStream(direction)
	if err != nil {
		return err
	}
	chunk, left := make([]byte, soakChunk), s.each
	for time.Now().Before(end) {
		clear(chunk)
		stream.XORKeyStream(chunk, chunk)
		n, err := c.Write(chunk)
		s.sent[direction].Add(int64(n))
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", s.sent[direction].Load(), err)
		}
		if left -= int64(n); left > 0 {
			continue
		}
		left += s.each
		if err := c.Rekey(ctx, false); err != nil {
			return fmt.Errorf("a key update after %d bytes: %w", s.sent[direction].Load(), err)
		}
		s.rekeys[direction].Add(1)
	}
	return c.CloseWrite()
}

// receive reads to the end and compares.
func (s *soak) receive(direction int, c *sealsock.Conn) error {
	stream, err := soakStream(direction)
	if err != nil {
		return err
	}
	got, want := make([]byte, soakChunk), make([]byte, soakChunk)
	for total := int64(0); ; {
		n, err := c.Read(got)
		clear(want[:n])
		stream.XORKeyStream(want[:n], want[:n])
		if !bytes.Equal(got[:n], want[:n]) {
			return fmt.Errorf("the %d bytes from %d on are not what was sent", n, total)
		}
		total += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			if sent := s.sent[direction].Load(); total != sent {
				return fmt.Errorf("%d bytes arrived of %d", total, sent)
			}
			return nil
		case err != nil:
			return fmt.Errorf("after %d bytes: %w", total, err)
		}
	}
}
