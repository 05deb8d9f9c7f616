//go:build linux

package kerneltls

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestSlowPeer: a deadline that ends SendFile loses nothing, and neither does Close.
func TestSlowPeer(t *testing.T) {
	for _, v := range []transport{transports[2], transports[6]} {
		t.Run(v.version.String(), func(t *testing.T) {
			client, server := configs(t)
			v.set(client)
			server.KernelTLS = true
			c, s := pair(t, client, server)
			content := random(8 << 20)
			f := fileOf(t, content)
			_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			sent, err := s.SendFile(f, 0, -1)
			if !errors.Is(err, os.ErrDeadlineExceeded) || sent == int64(len(content)) {
				t.Fatalf("%d bytes, %v", sent, err)
			}
			checkKernel(t, s)
			if n, err := s.SendFile(f, sent, -1); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("behind the deadline: %d bytes, %v", n, err)
			}
			received := make(chan []byte, 1)
			go func() {
				time.Sleep(300 * time.Millisecond)
				got, err := io.ReadAll(&slow{c})
				if err != nil {
					t.Errorf("receive: %v", err)
				}
				received <- got
			}()
			_ = s.SetWriteDeadline(soon())
			for sent < int64(len(content)) {
				n, err := s.SendFile(f, sent, -1)
				if sent += n; err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if got := <-received; !bytes.Equal(got, content) {
				t.Errorf("%d other bytes came than %d that were sent", len(got), len(content))
			}
		})
	}
}

// TestCloseWhileFull: Close waits for a peer that takes nothing at first. The kernel has accepted
// records by then that TCP has no room for.
func TestCloseWhileFull(t *testing.T) {
	content := random(8 << 20)
	f := fileOf(t, content)
	for _, v := range []transport{transports[2], transports[6]} {
		t.Run(v.version.String(), func(t *testing.T) {
			client, server := configs(t)
			v.set(client)
			server.KernelTLS = true
			c, s := pair(t, client, server)
			_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			sent, err := s.SendFile(f, 0, -1)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%d bytes, %v", sent, err)
			}
			checkKernel(t, s)
			_ = s.SetWriteDeadline(soon())
			closed := make(chan error, 1)
			go func() { closed <- s.Close() }()
			time.Sleep(500 * time.Millisecond)
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, content[:sent]) {
				t.Errorf("%d bytes came of %d that were sent: %v", len(got), sent, err)
			}
			if err := <-closed; err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// TestCloseTellsOfLoss: behind its deadline Close does not wait for a peer that takes nothing, and
// returns an error unless all that was counted as sent can arrive.
func TestCloseTellsOfLoss(t *testing.T) {
	content := random(8 << 20)
	f := fileOf(t, content)
	for _, v := range []transport{transports[2], transports[6]} {
		t.Run(v.version.String(), func(t *testing.T) {
			client, server := configs(t)
			v.set(client)
			server.KernelTLS = true
			c, s := pair(t, client, server)
			// A record is larger than this buffer, so that TCP has a part of it.
			if err := s.NetConn().(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			sent, err := s.SendFile(f, 0, -1)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%d bytes, %v", sent, err)
			}
			checkKernel(t, s)
			closed := s.Close()
			got, _ := io.ReadAll(c) // it ends without close_notify
			t.Logf("%d bytes of %d came; Close: %v", len(got), sent, closed)
			if closed == nil && !bytes.Equal(got, content[:sent]) {
				t.Errorf("Close returned nil, and %d bytes came of %d", len(got), sent)
			}
		})
	}
}

// A slow reader takes a pause before each read.
type slow struct{ io.Reader }

func (s *slow) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.Reader.Read(p)
}
