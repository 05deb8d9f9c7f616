package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"maps"
	"sync"
	"sync/atomic"
)

// parseChain parses each certificate once: intermediates, and the leaves of
// servers that are called again, come from a small shared memory.
func parseChain(chain [][]byte) ([]*x509.Certificate, error) {
	certs := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		c, err := parsed.parse(der)
		if err != nil {
			return nil, &Error{Code: CodeMalformed, Got: sprintf("certificate %d of %d", i+1, len(chain)), Err: err,
				Hint: "the peer should send X.509 certificates in DER; ask its owner to replace this one"}
		}
		certs[i] = c
	}
	return certs, nil
}

// parsed holds certificates by their bytes, also those of peers that are not trusted.
// It is bounded, so they cannot fill the memory.
var parsed = parseMemo{certs: generations[string, *x509.Certificate]{limit: 256}}

// maxRemembered bounds one remembered certificate. Real ones have 1 to 8 KiB.
const maxRemembered = 16 << 10

type parseMemo struct {
	certs generations[string, *x509.Certificate]
}

func (m *parseMemo) parse(der []byte) (*x509.Certificate, error) {
	if c, ok := m.certs.get(string(der)); ok {
		return c, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if len(der) <= maxRemembered {
		m.certs.put(string(der), c)
	}
	return c, nil
}

// path is what a pathMemo remembers: the parsed certificates of one peer and
// the paths that lead from its leaf to the roots.
type path struct {
	certs  []*x509.Certificate
	chains [][]*x509.Certificate
}

// pathMemo remembers paths for one set of roots. A nil pathMemo remembers
// nothing. See the package comment for why that is sound.
type pathMemo struct {
	paths generations[[sha256.Size]byte, path]
}

func newPathMemo() *pathMemo {
	return &pathMemo{paths: generations[[sha256.Size]byte, path]{limit: 128}}
}

// memoKey names a purpose and a chain. Each length is hashed before its bytes,
// so that no two chains feed the hash the same way.
func memoKey(purpose Purpose, chain [][]byte) [sha256.Size]byte {
	h := sha256.New()
	var prefix [9]byte
	prefix[0] = byte(purpose)
	for _, der := range chain {
		binary.BigEndian.PutUint64(prefix[1:], uint64(len(der)))
		h.Write(prefix[:])
		h.Write(der)
	}
	var key [sha256.Size]byte
	h.Sum(key[:0])
	return key
}

func (m *pathMemo) get(key [sha256.Size]byte) (path, bool) {
	if m == nil {
		return path{}, false
	}
	return m.paths.get(key)
}

func (m *pathMemo) put(key [sha256.Size]byte, p path) {
	if m != nil {
		m.paths.put(key, p)
	}
}

// generations is a bounded map. When the young half is full it becomes the old
// half, and what the old half held is forgotten; what is used moves back into
// the young one. It holds at most twice its limit. Handshakes on all processors look into it,
// and take no lock for what is in the young half; an addition copies that half.
type generations[K comparable, V any] struct {
	limit int
	mu    sync.Mutex // held by additions
	now   atomic.Pointer[halves[K, V]]
}

// halves are maps that do not change any more.
type halves[K comparable, V any] struct{ young, old map[K]V }

func (g *generations[K, V]) get(key K) (v V, ok bool) {
	h := g.now.Load()
	if h == nil {
		return v, false
	}
	if v, ok = h.young[key]; ok {
		return v, true
	}
	if v, ok = h.old[key]; ok {
		g.put(key, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(key K, v V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var next halves[K, V]
	if h := g.now.Load(); h != nil {
		next = *h
	}
	if next.young == nil || len(next.young) >= g.limit {
		next.young, next.old = make(map[K]V), next.young
	} else {
		next.young = maps.Clone(next.young)
	}
	next.young[key] = v
	g.now.Store(&next)
}
