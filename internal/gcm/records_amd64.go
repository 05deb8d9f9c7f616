//go:build !purego && !standardgcm

package gcm

import "unsafe"

var _ Records = (*aead)(nil)

// widthAVX2 is how many bytes one turn of the assembly for AVX2 takes.
const widthAVX2 = 128

// SealRecord implements Records. If content overlaps the output elsewhere than where it goes to,
// all of it is copied.
func (a *aead) SealRecord(record []byte, nonce *[12]byte, content []byte, typ byte) {
	n, out := len(content)+1, record[headerLen:]
	_ = out[n+tagSize-1]
	if overlap(content, record) {
		content = out[:copy(out, content)]
	}
	if avx512 {
		a.prepare(n)
		in := unsafe.SliceData(content)
		seal(&a.state, &out[0], in, n, &record[0], headerLen, &nonce[0], &out[n], &typ)
		return
	}
	a.sealRecordAVX2(record, nonce, content, typ)
}

// sealRecordAVX2 gives the assembly a copy of the last bytes with typ behind them. If typ would
// end a whole turn, all of content is copied.
func (a *aead) sealRecordAVX2(record []byte, nonce *[12]byte, content []byte, typ byte) {
	n, out := len(content)+1, record[headerLen:]
	var rest [widthAVX2]byte
	in, last := unsafe.SliceData(content), &rest[0]
	if short := n % widthAVX2; short > 0 {
		rest[copy(rest[:], content[n-short:])] = typ
	} else {
		out[copy(out, content)] = typ
		in, last = &out[0], nil
	}
	sealAVX2(&a.state, &out[0], in, n, &record[0], headerLen, &nonce[0], &out[n], last)
}

// OpenRecord implements Records. If out overlaps record, the plaintext is copied.
func (a *aead) OpenRecord(out, record []byte, nonce *[12]byte) (last byte, ok bool) {
	header, body := record[:headerLen], record[headerLen:]
	n := len(out) + 1
	if len(body) != n+tagSize {
		return 0, false
	}
	if overlap(out, record) || !avx512 && n%widthAVX2 == 0 {
		ok = a.open(body[:n], nonce[:], body, header, nil)
		last = body[n-1]
		copy(out, body)
		return last, ok
	}
	if avx512 {
		ok = a.open(out, nonce[:], body, header, &last)
		if !ok {
			last = 0
		}
		return last, ok
	}
	return a.openRecordAVX2(out, record, nonce)
}

// openRecordAVX2 has the assembly write the last bytes elsewhere.
func (a *aead) openRecordAVX2(out, record []byte, nonce *[12]byte) (last byte, ok bool) {
	var rest [widthAVX2]byte
	if !a.open(out, nonce[:], record[headerLen:], record[:headerLen], &rest[0]) {
		return 0, false
	}
	short := (len(out) + 1) % widthAVX2
	copy(out[len(out)+1-short:], rest[:])
	return rest[short-1], true
}
