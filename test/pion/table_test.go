//go:build !windows

package pion

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/elliptic"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
)

// A turn is what one line of a table measures: n times in each round, run by a function that
// returns when all of it is done.
type turn struct {
	name string
	n    int
	run  func(n int) error
}

// BenchmarkTable writes the tables of docs/datagrams.md. In each round all lines take turns, so
// that they meet the same load, and each has the median of the processor time of both ends. Give it
// -cpu 1 -benchtime 15x, which makes 15 rounds.
func BenchmarkTable(b *testing.B) {
	turns := slices.Concat(messageTurns(b), socketTurns(b), memoryTurns(b))
	times := make([][]time.Duration, len(turns))
	for b.Loop() {
		for i, t := range turns {
			before := processorTime(b)
			if err := t.run(t.n); err != nil {
				b.Fatalf("%s: %v", t.name, err)
			}
			times[i] = append(times[i], (processorTime(b)-before)/time.Duration(t.n))
		}
	}
	var table strings.Builder
	for i, t := range turns {
		slices.Sort(times[i])
		median, least := times[i][len(times[i])/2], times[i][0]
		fmt.Fprintf(&table, "| %s | %d | %d |\n", t.name, median.Nanoseconds(), least.Nanoseconds())
	}
	// Not by Log, which cuts off what a benchmark logs.
	fmt.Fprintf(os.Stdout, "\n| of both ends | median, ns | least, ns |\n|---|---|---|\n%s", &table)
}

// messageTurns send messages over sockets.
func messageTurns(b *testing.B) (turns []turn) {
	for _, kind := range []struct {
		name  string
		batch int
		open  func(*testing.B) carrier
	}{
		{"WriteBatch of 32 messages, ReadBatch", 32, sealsockCarrier},
		{"Write", 1, sealsockCarrier},
		{"pion/dtls", 1, pionCarrier},
		{"UDP without encryption, batches of 32", 32, plainCarrier},
		{"UDP without encryption", 1, plainCarrier},
	} {
		turns = append(turns, turn{kind.name, 64 * 50, newFlow(kind.batch, kind.open(b)).carry})
	}
	return turns
}

// socketTurns make connections over the loopback interface.
func socketTurns(b *testing.B) (turns []turn) {
	for _, group := range tableGroups {
		p := benchParties(b)
		groups := []iana.NamedGroup{group}
		p.client.Groups, p.server.Groups, p.server.NumTickets = groups, groups, -1
		turns = append(turns,
			turn{fmt.Sprintf("sockets: DTLS 1.3, %v", group), 50, times(dialing(b, p, "udp"))},
			turn{fmt.Sprintf("sockets: TLS 1.3 over TCP, %v", group), 50, times(dialing(b, p, "tcp"))})
	}
	pion := pionDialing(b, benchParties(b), elliptic.X25519)
	return append(turns, turn{"sockets: pion/dtls, DTLS 1.2, x25519", 20, times(pion)})
}

// memoryTurns are those of BenchmarkMemory.
func memoryTurns(b *testing.B) (turns []turn) {
	for _, group := range tableGroups {
		p := memoryParties(b, group)
		turns = append(turns,
			turn{fmt.Sprintf("memory: DTLS 1.3, %v", group), 50, times(func() error {
				return own(b.Context(), p, sealsock.ClientPacket, sealsock.ServerPacket)
			})},
			turn{fmt.Sprintf("memory: TLS 1.3, %v", group), 50, times(func() error {
				return own(b.Context(), p, sealsock.Client, sealsock.Server)
			})})
	}
	p := memoryParties(b, iana.X25519)
	return append(turns, turn{"memory: pion/dtls, DTLS 1.2, x25519", 20, times(func() error {
		return theirs(b.Context(), p, elliptic.X25519)
	})})
}

var tableGroups = []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768}

// times returns a function that calls f n times.
func times(f func() error) func(n int) error {
	return func(n int) error {
		for range n {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}
