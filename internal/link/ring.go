package link

// A ring is a queue of bytes of bounded length, whose memory is used again.
type ring struct {
	b     []byte
	first int // the index of the first byte
	n     int // how many there are
}

// leastRing is the size of the memory for the first byte.
const leastRing = 1 << 10

func (r *ring) len() int { return r.n }

// append adds p, of which most bytes are in the ring afterwards at most.
func (r *ring) append(p []byte, most int) {
	if r.n+len(p) > len(r.b) {
		r.grow(min(max(r.n+len(p), 2*len(r.b), leastRing), max(most, r.n+len(p))))
	}
	end := r.first + r.n
	if end >= len(r.b) {
		end -= len(r.b)
	}
	n := copy(r.b[end:], p)
	copy(r.b, p[n:])
	r.n += len(p)
}

func (r *ring) grow(size int) {
	b := make([]byte, size)
	r.copy(b[:r.n], 0)
	r.b, r.first = b, 0
}

// copy copies the bytes from a number on into p. There must be so many.
func (r *ring) copy(p []byte, from int) {
	at := r.first + from
	if at >= len(r.b) {
		at -= len(r.b)
	}
	n := copy(p, r.b[at:])
	copy(p[n:], r.b)
}

// drop removes the first n bytes.
func (r *ring) drop(n int) {
	r.n -= n
	if r.first += n; r.first >= len(r.b) {
		r.first -= len(r.b)
	}
	if r.n == 0 {
		r.first = 0
	}
}

// trim frees the memory of an empty ring.
func (r *ring) trim() {
	if r.n == 0 {
		*r = ring{}
	}
}
