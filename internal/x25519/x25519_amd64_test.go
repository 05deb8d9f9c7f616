//go:build !purego && !circlx25519

package x25519

import (
	"crypto/fips140"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	fp "github.com/cloudflare/circl/math/fp25519"

	"github.com/sealsock/sealsock/internal/simd"
)

const (
	limits = 1<<51 + 1<<14 // of a factor
	wide   = 125 << 52     // of a product
)

var p = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// detected is accelerated as it was at the start.
var detected = accelerated

// TestMain runs the tests with each variant that the processor has; with circl's, the short ones.
func TestMain(m *testing.M) {
	status := m.Run()
	once := flag.Lookup("test.bench").Value.String() + flag.Lookup("test.fuzz").Value.String()
	if status == 0 && accelerated && once == "" {
		fmt.Println("again, without AVX-512 IFMA")
		accelerated = false
		flag.Set("test.short", "true")
		status = m.Run()
	}
	os.Exit(status)
}

// value returns number j modulo p.
func (v *vector) value(j int) *big.Int {
	n := new(big.Int)
	for i := range v {
		limb := new(big.Int).SetUint64(v[len(v)-1-i][j])
		n.Add(n.Lsh(n, 51), limb)
	}
	return n.Mod(n, p)
}

// pattern returns a vector whose limbs are below bound: the least, the greatest or random ones.
func pattern(random *rand.Rand, bound uint64) (v vector) {
	for i := range v {
		for j := range v[i] {
			switch random.IntN(4) {
			case 0:
			case 1:
				v[i][j] = random.Uint64N(bound)
			default:
				v[i][j] = bound - 1
			}
		}
	}
	return v
}

// all returns a vector whose limbs are n.
func all(n uint64) (v vector) {
	for i := range v {
		v[i] = [4]uint64{n, n, n, n}
	}
	return v
}

// below checks the bound of each limb.
func below(t *testing.T, v *vector, bound uint64) {
	t.Helper()
	for i := range v {
		for j, n := range v[i] {
			if n >= bound {
				t.Fatalf("limb %d of number %d is %#x, not below %#x", i, j, n, bound)
			}
		}
	}
}

// needAssembly skips a test of the assembly where no processor has what it needs.
func needAssembly(t *testing.T) {
	t.Helper()
	if !accelerated {
		t.Skip("this processor has no AVX-512 IFMA, or it is turned off")
	}
}

// TestMultiply compares with math/big, with limbs at the bounds of factors, and checks that of
// products.
func TestMultiply(t *testing.T) {
	needAssembly(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		a, b := pattern(random, limits), pattern(random, limits)
		if i == 0 {
			a, b = all(limits-1), all(limits-1)
		}
		var c vector
		multiply(&c, &a, &b)
		below(t, &c, wide)
		for j := range 4 {
			want := new(big.Int).Mul(a.value(j), b.value(j))
			if c.value(j).Cmp(want.Mod(want, p)) != 0 {
				t.Fatalf("number %d of %x times %x is %x", j, a, b, c)
			}
		}
	}
}

// TestCarry compares with math/big, with limbs below 2^60, and checks the bound of the result.
func TestCarry(t *testing.T) {
	needAssembly(t)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 20000 {
		v := pattern(random, 1<<60)
		if i == 0 {
			v = all(1<<60 - 1)
		}
		c := v
		carry(&c)
		below(t, &c, limits)
		for j := range 4 {
			if c.value(j).Cmp(v.value(j)) != 0 {
				t.Fatalf("number %d of %x became %x", j, v, c)
			}
			var n fp.Elt
			v.number(&n, j)
			slices.Reverse(n[:])
			got := new(big.Int).SetBytes(n[:])
			if got.Mod(got, p).Cmp(v.value(j)) != 0 {
				t.Fatalf("number %d of %x is encoded as %x", j, v, n)
			}
		}
	}
}

// step is a step of the ladder as RFC 7748, Section 5, has it.
func step(x1 *big.Int, points *[4]*big.Int) {
	of := func(f func(z, x, y *big.Int) *big.Int, x, y *big.Int) *big.Int {
		z := f(new(big.Int), x, y)
		return z.Mod(z, p)
	}
	add, sub, mul := (*big.Int).Add, (*big.Int).Sub, (*big.Int).Mul
	a, b := of(add, points[0], points[1]), of(sub, points[0], points[1])
	c, d := of(add, points[2], points[3]), of(sub, points[2], points[3])
	aa, bb := of(mul, a, a), of(mul, b, b)
	e, da, cb := of(sub, aa, bb), of(mul, d, a), of(mul, c, b)
	s, m := of(add, da, cb), of(sub, da, cb)
	points[0] = of(mul, aa, bb)
	points[1] = of(mul, e, of(add, aa, of(mul, big.NewInt(121665), e)))
	points[2] = of(mul, s, s)
	points[3] = of(mul, x1, of(mul, m, m))
}

// TestLadder compares all coordinates with math/big, from limbs at the bounds on.
func TestLadder(t *testing.T) {
	needAssembly(t)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 300 {
		points, factors := pattern(random, wide), pattern(random, limits)
		if i == 0 {
			points, factors = all(wide-1), all(limits-1)
		}
		for j := range factors {
			factors[j][2] = 0
		}
		factors[0][2] = 1
		scalar := [4]uint64{random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64()}
		want := points.values()
		scalar[0] &^= 1
		for bit := 254; bit >= 0; bit-- {
			if scalar[bit/64]>>(bit%64)&1 == 1 {
				want = [4]*big.Int{want[2], want[3], want[0], want[1]}
				step(factors.value(3), &want)
				want = [4]*big.Int{want[2], want[3], want[0], want[1]}
			} else {
				step(factors.value(3), &want)
			}
		}
		ladder(&points, &scalar, &factors)
		below(t, &points, limits)
		for j := range want {
			if points.value(j).Cmp(want[j]) != 0 {
				t.Fatalf("%d: coordinate %d is %x, want %x", i, j, points.value(j), want[j])
			}
		}
	}
}

// sum adds an addend to a point of y, x, z and t, as RFC 8032, Section 5.1.4, does.
func sum(point, addend *[4]*big.Int) {
	of := func(f func(z, x, y *big.Int) *big.Int, x, y *big.Int) *big.Int {
		z := f(new(big.Int), x, y)
		return z.Mod(z, p)
	}
	add, sub, mul := (*big.Int).Add, (*big.Int).Sub, (*big.Int).Mul
	y, x, z, t := point[0], point[1], point[2], point[3]
	b, a := of(mul, of(add, y, x), addend[0]), of(mul, of(sub, y, x), addend[1])
	d, c := of(mul, z, addend[2]), of(mul, t, addend[3])
	h, e, g, f := of(add, b, a), of(sub, b, a), of(add, d, c), of(sub, d, c)
	*point = [4]*big.Int{of(mul, g, h), of(mul, e, f), of(mul, f, g), of(mul, e, h)}
}

// values returns the four numbers of v modulo p.
func (v *vector) values() (list [4]*big.Int) {
	for j := range list {
		list[j] = v.value(j)
	}
	return list
}

// TestAdd compares with math/big, from limbs at the bounds on: with every digit, and numbers that
// need not be those of a point.
func TestAdd(t *testing.T) {
	needAssembly(t)
	random := rand.New(rand.NewPCG(7, 8))
	rows := new([32]row)
	for i := range 200 {
		for j := range rows {
			for k := range rows[j] {
				rows[j][k] = pattern(random, limits)
			}
		}
		point := pattern(random, wide)
		if i == 0 {
			point = all(wide - 1)
		}
		var digits [64]int8
		for j := range digits {
			digits[j] = int8(random.IntN(17) - 8)
		}
		got, want := point, point.values()
		for j := range rows {
			addend := vector{{1, 1, 2, 0}}
			digit := digits[2*j]
			if digit != 0 {
				addend = rows[j][max(digit, -digit)-1]
			}
			second := addend.values()
			if digit < 0 {
				second[0], second[1] = second[1], second[0]
				second[3].Sub(p, second[3])
			}
			sum(&want, &second)
		}
		add(&got, rows, &digits[0])
		below(t, &got, wide)
		for j, n := range got.values() {
			if n.Cmp(want[j]) != 0 {
				t.Fatalf("%d: number %d is %x, want %x", i, j, n, want[j])
			}
		}
	}
}

// TestDouble compares with math/big, from limbs at the bounds on.
func TestDouble(t *testing.T) {
	needAssembly(t)
	random := rand.New(rand.NewPCG(9, 10))
	for i := range 500 {
		point, factors := pattern(random, wide), pattern(random, limits)
		if i == 0 {
			point, factors = all(wide-1), all(limits-1)
		}
		want, f := point.values(), factors.values()
		for range 1 + i%4 {
			second := [4]*big.Int{
				new(big.Int).Add(want[0], want[1]), new(big.Int).Sub(want[0], want[1]), want[2], want[3],
			}
			for j := range second {
				second[j] = new(big.Int).Mul(second[j], f[j])
			}
			sum(&want, &second)
		}
		double(&point, &factors, 1+i%4)
		below(t, &point, wide)
		for j, n := range point.values() {
			if n.Cmp(want[j]) != 0 {
				t.Fatalf("%d: number %d is %x, want %x", i, j, n, want[j])
			}
		}
	}
}

// TestRegisters: nothing is left in the vector registers but constants in the last three.
func TestRegisters(t *testing.T) {
	needAssembly(t)
	a, b := all(limits-1), all(limits-1)
	rows, digits := new([32]row), [64]int8{5, 0, -3}
	for name, call := range map[string]func(){
		"ladder":   func() { ladder(&a, &[4]uint64{1 << 50}, &b) },
		"add":      func() { add(&a, rows, &digits[0]) },
		"double":   func() { double(&a, &b, 1) },
		"multiply": func() { multiply(&a, &a, &b) },
		"carry":    func() { carry(&a) },
	} {
		var left string
		for range tries {
			if left = inRegisters(call); left == "" {
				break
			}
		}
		if left != "" {
			t.Errorf("%s: %s", name, left)
		}
	}
}

// tries is how often a test looks for what a call leaves: another goroutine or a signal between
// the call and the look may leave something too.
const tries = 5

// inRegisters returns what a call has left in the vector registers.
func inRegisters(call func()) (left string) {
	var found [32][4]uint64
	call()
	registers(&found)
	for i, register := range found[:29] {
		if register != [4]uint64{} {
			left += fmt.Sprintf("register %d has %x; ", i, register)
		}
	}
	if used, ok := simd.UpperInUse(); ok && used {
		left += "the upper halves of the registers are in use"
	}
	return left
}

// TestTable: the table of the vector code has the numbers of the other one.
func TestTable(t *testing.T) {
	needAssembly(t)
	table := makeVectorTable()
	for i, multiples := range makeBaseTable() {
		for j, words := range multiples {
			v := &table.rows[i][j]
			for k, lane := range []int{0, 1, 3} {
				want := new(big.Int)
				for l := range 4 {
					word := new(big.Int).SetUint64(words[4*k+3-l])
					want.Add(want.Lsh(want, 64), word)
				}
				if v.value(lane).Cmp(want.Mod(want, p)) != 0 {
					t.Fatalf("row %d, multiple %d: number %d is %x, want %x", i, j+1, lane, *v, want)
				}
			}
			below(t, v, 1<<51)
		}
	}
}

// TestAccelerated sees to it that the other tests test what they seem to.
func TestAccelerated(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Logf("cannot tell what this processor has: %v", err)
		return
	}
	want := !fips140.Enabled()
	for _, feature := range []string{"avx512f", "avx512vl", "avx512ifma"} {
		off := "cpu." + feature + "=off"
		want = want && strings.Contains(string(info), " "+feature) &&
			!strings.Contains(os.Getenv("GODEBUG"), off)
	}
	if !strings.Contains(os.Getenv("GODEBUG"), "cpu.all=off") && detected != want {
		t.Errorf("accelerated: %v, but by the processor's flags %v", detected, want)
	}
}
