package wire

import "github.com/sealsock/sealsock/iana"

//	struct { opaque verify_data[Hash.length]; } Finished;

// ParseFinished parses the body of a Finished.
func ParseFinished(body []byte) (*Finished, error) {
	data, err := VerifyData(body)
	if err != nil {
		return nil, err
	}
	return &Finished{VerifyData: data}, nil
}

// VerifyData returns the content of the body of a Finished. The caller compares its length
// with that of the hash before the content: a wrong length is a decode_error.
func VerifyData(body []byte) ([]byte, error) {
	p := parse(iana.HandshakeFinished, body)
	data := p.Rest()
	if len(data) == 0 {
		p.malformed("verify_data", "empty")
	}
	return parsed(data, &p)
}

// AppendTo appends the whole message to b.
func (m *Finished) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeFinished)
	w.AddBytes(m.VerifyData)
	return end(&w, mark, iana.HandshakeFinished)
}
