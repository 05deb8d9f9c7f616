//go:build !standardp256

package p256

import "filippo.io/nistec"

// multiples are sums of 2^0 Q, 2^32 Q, …, 2^224 Q: bit i of an index stands for 2^(32 i) Q.
// A product takes 31 doublings and at most 32 additions with them, instead of 256 doublings.
// They are 24 KiB, and take as much time as two verifications without them.
type multiples [256]nistec.P256Point

func newMultiples(q *nistec.P256Point) *multiples {
	m := new(multiples)
	m[0].Set(nistec.NewP256Point())
	p := nistec.NewP256Point().Set(q)
	for i := range 8 {
		for j := range 1 << i {
			m[1<<i+j].Add(&m[j], p)
		}
		for range 32 {
			p.Double(p)
		}
	}
	return m
}

// multiply sets p to k Q. Its time and memory accesses depend on k.
func (m *multiples) multiply(p *nistec.P256Point, k *scalar) {
	p.Set(&m[0])
	for bit := 31; bit >= 0; bit-- {
		p.Double(p)
		if i := k.column(bit); i != 0 {
			p.Add(p, &m[i])
		}
	}
}

// column returns every thirty-second bit of z from that one on.
func (z *scalar) column(bit int) (i int) {
	for n, w := range z {
		i |= int(w>>bit&1) << (2 * n)
		i |= int(w>>(bit+32)&1) << (2*n + 1)
	}
	return i
}
