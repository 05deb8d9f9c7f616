//go:build !purego && !circlx25519

package x25519

import (
	"encoding/binary"

	fp "github.com/cloudflare/circl/math/fp25519"

	"github.com/sealsock/sealsock/internal/reuse"
)

// A row has the multiples 1 to 8 of a point as they are added to others: y+x, y-x, 2 and 2dxy of
// the affine coordinates.
type row [8]vector

// A vectorTable is baseTable for the vector code, in 41 KB.
type vectorTable struct {
	rows    [32]row
	factors vector // 1, 1, 2 and 2d, which make a point an addend
}

var baseVectors reuse.Once[vectorTable]

func makeVectorTable() *vectorTable {
	table := new(vectorTable)
	for i, multiples := range makeBaseTable() {
		for j, words := range multiples {
			v := &table.rows[i][j]
			for k, lane := range [3]int{0, 1, 3} {
				var number [32]byte
				for l := range 4 {
					binary.LittleEndian.PutUint64(number[8*l:], words[4*k+l])
				}
				v.set(lane, &number)
			}
			v[0][2] = 2
		}
	}
	_, twice := curveNumbers()
	fp.Modp(&twice)
	table.factors[0] = [4]uint64{1, 1, 2}
	table.factors.set(3, (*[32]byte)(&twice))
	return table
}

// sumVector is sumScalar with the four products of each half of an addition at once.
func sumVector(y, z *fp.Elt, digits *[64]int8) {
	table := baseVectors.Get(makeVectorTable)
	point := vector{{1, 0, 1, 0}} // the neutral element
	add(&point, &table.rows, &digits[1])
	double(&point, &table.factors, 4)
	add(&point, &table.rows, &digits[0])
	point.number(y, 0)
	point.number(z, 2)
	clear(point[:])
}

// add adds a multiple of each row to point, whose numbers are y, x, z and t of RFC 8032,
// Section 5.1.4, with limbs below 125·2^52: by the digits[0], [2], … [62].
//
//go:noescape
func add(point *vector, rows *[32]row, digits *int8)

// double doubles point a number of times. The sum of RFC 8032, Section 5.1.4, is also valid for
// equal points.
//
//go:noescape
func double(point, factors *vector, times int)
