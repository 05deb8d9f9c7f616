package sealsock_test

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
)

// BenchmarkCertificates compares handshakes with each kind of certificate, under a root of the
// same kind, with crypto/tls. It reports the bytes that each end sends.
func BenchmarkCertificates(b *testing.B) {
	for _, kind := range []string{"p256", "ed25519", "rsa", "mldsa44", "mldsa65", "mldsa87"} {
		ca := testcert.NewWithKey("root", testcert.NewKey(kind))
		leaf := ca.Issue(testcert.NewKey(kind), nil, "localhost")
		const group = iana.X25519MLKEM768
		b.Run(kind+"/sealsock", newOurs(b, ca, leaf, group, false).counted())
		b.Run(kind+"/standard", newTheirs(ca, leaf, group, false).counted())
	}
}

// A countedEnd counts the bytes that are written.
type countedEnd struct {
	*memoryEnd
	sent int
}

func (e *countedEnd) Write(p []byte) (int, error) {
	e.sent += len(p)
	return e.memoryEnd.Write(p)
}

// counted is benchmark for full handshakes, with the bytes on the wire.
func (f shaker) counted() func(*testing.B) {
	return func(b *testing.B) {
		a, z := memoryEnds()
		near, far := &countedEnd{memoryEnd: a}, &countedEnd{memoryEnd: z}
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := f(near, far); err != nil {
				b.Fatal(err)
			}
			a.in.reset()
			z.in.reset()
		}
		b.ReportMetric(float64(near.sent)/float64(b.N), "client-B/op")
		b.ReportMetric(float64(far.sent)/float64(b.N), "server-B/op")
	}
}
