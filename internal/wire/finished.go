package wire

import "github.com/sealsock/sealsock/iana"

//	struct { opaque verify_data[Hash.length]; } Finished;

// ParseFinished parses the body of a Finished. The caller compares its length with
// that of the hash before the content: a wrong length is a decode_error.
func ParseFinished(body []byte) (*Finished, error) {
	p := parse(iana.HandshakeFinished, body)
	m := &Finished{VerifyData: p.Rest()}
	if len(m.VerifyData) == 0 {
		p.malformed("verify_data", "empty")
	}
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *Finished) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeFinished)
	w.AddBytes(m.VerifyData)
	return end(&w, mark, iana.HandshakeFinished)
}
