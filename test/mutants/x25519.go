package main

// x25519Rows are about the X25519 of this module: its assembly runs only where the processor has
// AVX-512 IFMA, and so do its mutants.
var x25519Rows = []row{
	{
		doc: rfc7748, section: "5", must: "the top bit of a u-coordinate is ignored",
		file: "internal/x25519/x25519_amd64.go", needs: ifma,
		old: "word(24) >> 12 & limb", new: "word(24) >> 12",
		test: "TestWycheproof",
	},
	{
		doc: rfc7748, section: "5", must: "a u-coordinate that is not reduced is taken modulo p",
		file: "internal/x25519/x25519_amd64.go", needs: ifma,
		old: "word(0) & limb", new: "(word(0) & limb) % (limb - 18)",
		test: "TestAgainstStandard",
	},
	{
		doc: rfc7748, section: "5", must: "the result is reduced modulo p",
		file: "internal/x25519/x25519.go", needs: ifma,
		old: "\tfp.Modp(&product)\n", new: "",
		test: "TestWycheproof",
	},
	{
		doc: rfc7748, section: "5", must: "the bits of a scalar that clamping sets and clears",
		file: "internal/x25519/x25519_amd64.go", needs: ifma,
		old: "scalar[0] &^= 7", new: "scalar[0] &^= 3",
		test: "TestAgainstStandard",
	},
	{
		doc: rfc7748, section: "5", must: "the bits of a scalar that clamping sets and clears",
		file: "internal/x25519/x25519_amd64.go", needs: ifma,
		old: "&^(1<<63) | 1<<62", new: "&^(1<<63)",
		test: "TestAgainstStandard",
	},
	{
		doc: rfc7748, section: "5", must: "255 steps, each of which changes the points by a bit",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "MOVL  $254, CX", new: "MOVL  $253, CX",
		test: "TestLadder",
	},
	{
		doc: rfc7748, section: "5", must: "255 steps, each of which changes the points by a bit",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "\tXORL         BX, DX\n", new: "\tMOVL         BX, DX\n",
		test: "TestLadder",
	},
	{
		doc: rfc7748, section: "5", must: "the constant a24 is 121665",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "$121665", new: "$121666",
		test: "TestRFC7748",
	},
	{
		doc: rfc7748, section: "6.1", must: "a shared secret that is zero is refused",
		file: "internal/x25519/x25519.go", needs: ifma,
		old: "return !isZero(shared)", new: "return true", nth: 1,
		test: "TestWycheproof",
	},
	{
		doc: rfc7748, section: "6.1", must: "a shared secret that is zero is refused",
		file: "internal/x25519/x25519.go", needs: ifma,
		old: "return !isZero(shared)", new: "return true", nth: 2,
		test: "TestAgainstStandard",
	},
	{
		doc: own, section: "internal/x25519", must: "one inverse serves both results",
		file: "internal/x25519/x25519.go", needs: ifma,
		old: "\tfp.Mul(&above, &above, &z)\n", new: "",
		test: "TestAgainstStandard",
	},
	{
		doc: own, section: "internal/x25519", must: "no limb of a difference is negative",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "FOUR(·many0, $0x07ffffffffffed00)", new: "FOUR(·many0, $0x06ffffffffffed00)",
		test: "TestLadder",
	},
	{
		doc: own, section: "internal/x25519", must: "no limb of a difference is negative",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "DATA ·many+0(SB)/8, $0x07ffffffffffff00", new: "DATA ·many+0(SB)/8, $0x00ffffffffffffe0",
		test: "TestLadder",
	},
	{
		doc: own, section: "internal/x25519", must: "products and carries are those modulo p",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "TWICE(C2); TWICE(H3);", new: "TWICE(H3);",
		test: "TestMultiply",
	},
	{
		doc: own, section: "internal/x25519", must: "products and carries are those modulo p",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "VPMADD52LUQ ·nineteen(SB), C9, c0", new: "VPADDQ C9, c0, c0",
		test: "TestCarry",
	},
	{
		doc: own, section: "internal/x25519", must: "products and carries are those modulo p",
		file: "internal/x25519/x25519_amd64.go", needs: ifma,
		old: "\tcarry *= 19\n", new: "",
		test: "TestCarry",
	},
	{
		doc: own, section: "internal/x25519", must: "every digit adds its multiple, or the opposite",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "\tPICK(8)\n", new: "",
		test: "TestAdd",
	},
	{
		doc: own, section: "internal/x25519", must: "every digit adds its multiple, or the opposite",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "LANES(·swapRight, $0, $1, $1, $0)", new: "LANES(·swapRight, $0, $0, $0, $0)",
		test: "TestAdd",
	},
	{
		doc: own, section: "internal/x25519", must: "every digit adds its multiple, or the opposite",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "LANES(·neutral, $1, $1, $2, $0)", new: "LANES(·neutral, $1, $1, $1, $0)",
		test: "TestPublic",
	},
	{
		doc: own, section: "internal/x25519", must: "every digit adds its multiple, or the opposite",
		file: "internal/x25519/base_amd64.go", needs: ifma,
		old: "&table.factors, 4)", new: "&table.factors, 3)",
		test: "TestPublic",
	},
	{
		doc: own, section: "internal/x25519", must: "the numbers of the table are reduced",
		file: "internal/x25519/base.go", needs: ifma,
		old: "fp.Modp(e) // the", new: "_ = e // the",
		test: "TestTable",
	},
	{
		doc: own, section: "internal/x25519", must: "a point can be doubled",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old:  "\tLOAD(SI, B0, B1, B2, B3, B4)\n\tMULTIPLY\n\tCARRY",
		new:  "\tLOAD(SI, B0, B1, B2, B3, B4)\n\tCARRY",
		test: "TestDouble",
	},
	{
		doc: own, section: "internal/x25519", must: "the registers with secrets are cleared",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "\tVZEROALL; \\\n", new: "\tVZEROUPPER; \\\n",
		test: "TestRegisters",
	},
	{
		doc: own, section: "internal/x25519", must: "the registers with secrets are cleared",
		file: "internal/x25519/x25519_amd64.s", needs: ifma,
		old: "CLEAR(Y24); CLEAR(Y25);", new: "CLEAR(Y25);",
		test: "TestRegisters",
	},
	{
		doc: own, section: "internal/x25519", must: "the stack has no secret after a call",
		file: "internal/x25519/base.go", needs: ifma,
		old: "\tclear(digits[:])\n", new: "",
		test: "TestStack",
	},
	{
		doc: own, section: "internal/x25519", must: "the stack has no secret after a call",
		file: "internal/x25519/x25519.go", needs: ifma,
		old: "\tclear(x[:])\n", new: "",
		test: "TestStack",
	},
}
