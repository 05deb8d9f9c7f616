package sealnbio

import (
	"testing"

	"github.com/lesismal/nbio"
	"github.com/sealsock/sealsock/internal/looptest"
)

// TestForeignClients serves with nbio what foreign programs ask for.
func TestForeignClients(t *testing.T) {
	s := looptest.New(t)
	addr := looptest.FreeAddress(t)
	engine := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: []string{addr}})
	Attach(engine, s.Endpoint)
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	defer engine.Stop()
	s.Try(t, addr)
}
