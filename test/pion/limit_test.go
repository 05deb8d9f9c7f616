//go:build !windows

package pion

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// BenchmarkLimit compares datagrams in batches with UDP without encryption, and with what AES-GCM
// alone takes to seal and open such messages. They take turns, so that all of them meet the same
// load. Reported are the medians of the processor time of both ends for each message, the part of
// the throughput of UDP that remains ("of-plain"), and the part that would remain if encryption
// were AES-GCM and nothing else ("limit").
func BenchmarkLimit(b *testing.B) {
	const chunk = 64 * 100
	ours := newFlow(32, sealsockCarrier(b))
	plain := newFlow(32, plainCarrier(b))
	turns := []func(){
		func() { carryAll(b, ours, chunk) },
		func() { carryAll(b, plain, chunk) },
		cipherAlone(b, chunk),
	}
	times := make([][]time.Duration, len(turns))
	for b.Loop() {
		for i, turn := range turns {
			before := processorTime(b)
			turn()
			times[i] = append(times[i], (processorTime(b)-before)/chunk)
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2])
	}
	sealsock, udp, aead := median(0), median(1), median(2)
	b.ReportMetric(sealsock, "sealsock-ns")
	b.ReportMetric(udp, "plain-ns")
	b.ReportMetric(aead, "aead-ns")
	b.ReportMetric(udp/sealsock, "of-plain")
	b.ReportMetric(udp/(udp+aead), "limit")
}

func carryAll(b *testing.B, f *flow, n int) {
	if err := f.carry(n); err != nil {
		b.Fatal(err)
	}
}

// cipherAlone returns a function that seals and opens n messages with AES-128-GCM.
func cipherAlone(b *testing.B, n int) func() {
	suite := suites.TLS13(iana.TLS_AES_128_GCM_SHA256)
	key := make([]byte, suite.KeyLen)
	rand.Read(key)
	aead, err := suite.Cipher(key)
	if err != nil {
		b.Fatal(err)
	}
	// A record has a content type behind the message, and a header that is authenticated, here
	// with a connection ID of 8 bytes.
	inner, header := make([]byte, messageSize+1, messageSize+1+aead.Overhead()), make([]byte, 13)
	nonce := make([]byte, suites.IVLen)
	return func() {
		for range n {
			sealed := aead.Seal(inner[:0], nonce, inner, header)
			if _, err := aead.Open(sealed[:0], nonce, sealed, header); err != nil {
				b.Fatal(err)
			}
		}
	}
}
