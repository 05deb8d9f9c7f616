package sealgnet

import (
	"context"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/sealsock/sealsock/internal/looptest"
)

// TestForeignClients serves with gnet what foreign programs ask for.
func TestForeignClients(t *testing.T) {
	s := looptest.New(t)
	addr := looptest.FreeAddress(t)
	done := make(chan error, 1)
	go func() {
		done <- gnet.Run(NewEvents(s.Endpoint), "tcp://"+addr, gnet.WithMulticore(true))
	}()
	s.Try(t, addr)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := gnet.Stop(ctx, "tcp://"+addr); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
