package main

// dtlsRows are about the layers below the handshake of DTLS.
var dtlsRows = []row{
	{
		doc: rfc9147, section: "4.5.3", must: "TLS_AES_128_CCM_8_SHA256 is not used",
		file: "engine/datagram.go",
		old:  "slices.Contains(cfg.CipherSuites, iana.TLS_AES_128_CCM_8_SHA256)", new: "false",
		test: "TestDatagramSuites",
	},
	{
		doc: rfc9147, section: "4.5.3", must: "a key ends after the forgeries that its cipher allows",
		file: "internal/suites/suites.go",
		old:  "\t\treturn 1 << 23\n\t}\n\treturn 1 << 36", new: "\t\treturn 1 << 36\n\t}\n\treturn 1 << 36",
		test: "TestForgeries",
	},
	{
		doc: rfc9147, section: "5.1", must: "a cookie is for one address",
		file: "engine/datagram_address.go",
		old:  "\th.Write(address) // the content", new: "\t// the content",
		test: "TestAddressCheckRefuses",
	},
	{
		doc: rfc9147, section: "5.1", must: "a cookie is valid for a minute",
		file: "engine/datagram_address.go",
		old:  "age < 0 || time.Duration(age)*time.Second > cookieLifetime", new: "age < 0",
		test: "TestAddressCheckRefuses",
	},
	{
		doc: rfc9147, section: "5.1", must: "the second ClientHello is like the first one",
		file: "engine/datagram_address.go",
		old:  "!keys.Equal(p.stable[:], stable[:])", new: "len(stable) == 0",
		test: "TestAddressCheckRefuses",
	},
	{
		doc: rfc9147, section: "4", must: "the header is authenticated, with its number in the clear",
		file: "internal/record/datagram13.go",
		old:  "o.aead.Open(body[:0], o.nonce[:], body, header)",
		new:  "o.aead.Open(body[:0], o.nonce[:], body, header[:1])",
		test: "TestDatagramRecords",
	},
	{
		doc: rfc9147, section: "4.2.2", must: "a number is the one closest to the next",
		file: "internal/record/datagram.go",
		old:  "\t\tn += size\n", new: "",
		test: "TestNear",
	},
	{
		doc: rfc9147, section: "4.2.3", must: "the mask of AES comes from 16 bytes of ciphertext",
		file: "internal/suites/number.go",
		old:  "return [2]byte(out[:2])", new: "return [2]byte(out[1:3])",
		test: "TestNumberMask",
	},
	{
		doc: rfc9147, section: "4.2.3", must: "the mask of ChaCha20 comes from the sample's counter",
		file: "internal/suites/number.go",
		old:  "\t\tc.SetCounter(binary.LittleEndian.Uint32(sample))\n",
		new:  "\t\t_ = binary.LittleEndian\n",
		test: "TestNumberMask",
	},
	{
		doc: rfc9147, section: "4.2.3", must: "short plaintexts are padded to a sample's length",
		file: "internal/record/datagram13.go",
		old:  "\tpad = max(pad, suites.NumberSample-len(payload)-1-tag)\n", new: "",
		test: "TestDatagramRecords",
	},
	{
		doc: rfc9147, section: "4.5.1", must: "a record of DTLS 1.3 is opened once",
		file: "internal/record/datagram13.go",
		old:  "if !o.window.fresh(seq)", new: "if false",
		test: "TestDatagramRecords",
	},
	{
		doc: rfc9147, section: "4.5.1", must: "a forged record does not move the window",
		file: "internal/record/datagram13.go",
		old:  "\to.seq = seq\n", new: "\to.seq = seq\n\to.window.use(seq)\n",
		test: "TestDatagramForgery",
	},
	{
		doc: rfc6347, section: "4.1.2.6", must: "a record of DTLS 1.2 is opened once",
		file: "internal/record/datagram12.go",
		old:  "case !o.window.fresh(number.Sequence):", new: "case false:",
		test: "TestDatagramRecords",
	},
	{
		doc: rfc6347, section: "4.1.2.1", must: "the epoch and the number are authenticated",
		file: "internal/record/datagram12.go",
		old:  "extra := o.additionalDatagram(r.Type, number.Sequence, n)",
		new:  "extra := o.additionalDatagram(r.Type, o.window.next, n)",
		test: "TestDatagramRecords",
	},
	{
		doc: rfc9147, section: "5.5", must: "fragments that overlap are put together",
		file: "internal/dtls/assembler.go",
		old:  "list[end].From <= r.To", new: "list[end].From == r.To",
		test: "TestFlightToAssembler",
	},
	{
		doc: rfc9147, section: "5.5", must: "fragments of a message have one type and length",
		file: "internal/dtls/assembler.go",
		old:  "p.typ != f.Type || p.length != f.Length", new: "p.typ != f.Type",
		test: "TestAssemblerBounds",
	},
	{
		doc: own, section: "internal/dtls", must: "messages ahead of the next take a bounded memory",
		file: "internal/dtls/assembler.go",
		old:  "i > 0 && a.ahead+grown > maxAheadBytes || ", new: "",
		test: "TestAssemblerBounds",
	},
	{
		doc: own, section: "internal/dtls", must: "a message has a bounded number of gaps",
		file: "internal/dtls/assembler.go",
		old:  " || len(p.ranges) >= maxRanges", new: "",
		test: "TestAssemblerBounds",
	},
	{
		doc: rfc9147, section: "5.8.2", must: "the timer doubles up to 60 seconds",
		file: "internal/dtls/timer.go",
		old:  "min(2*t.Duration(), maxTimeout)", new: "2*t.Duration()",
		test: "TestTimer",
	},
	{
		doc: rfc9147, section: "7.2", must: "what was acknowledged is not sent again",
		file: "internal/dtls/flight.go",
		old:  "p.m.acked = Join(p.m.acked, p.Range)", new: "_ = p",
		test: "TestFlightAck",
	},
	{
		doc: own, section: "internal/dtls", must: "the list of records to acknowledge is bounded",
		file: "internal/dtls/ack.go",
		old:  "len(a.numbers) == MaxAcks", new: "false",
		test: "TestAcksBound",
	},
}
