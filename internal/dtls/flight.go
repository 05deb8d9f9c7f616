package dtls

import (
	"errors"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/reuse"
)

// A Flight holds the messages that were sent and that the peer may need again, each with the
// key that protects it. Its zero value is empty, and its first message has the number 0.
type Flight struct {
	seq      uint16
	messages []*outgoing
	records  []sentRecord
	room     *flightRoom // nil while there are no messages
	used     int         // messages of the room
}

// A flightRoom is the memory of a flight that fits into a few datagrams. A server's flight that
// has a request for a certificate has six messages.
type flightRoom struct {
	outgoing [6]outgoing
	messages [6]*outgoing
	records  [4]sentRecord
	parts    [8]part
	split    bool // parts is in use
}

var flightRooms reuse.Pool[flightRoom]

// errMTU means that no fragment fits into a datagram.
var errMTU = errors.New("the MTU is too small for a handshake message")

// maxRecords bounds the records that are remembered for ACKs.
const maxRecords = 512

// An outgoing is a handshake message or a change_cipher_spec.
type outgoing struct {
	typ    iana.HandshakeType
	seq    uint16
	body   []byte
	sealer record.DatagramSealer
	ccs    bool
	sent   bool
	acked  []Range
	one    [1]Range // memory for acked
}

// A sentRecord is what an ACK of a record acknowledges.
type sentRecord struct {
	number record.Number
	parts  []part
}

type part struct {
	m *outgoing
	Range
}

// Add adds a whole message with the header that it has in TLS, to be sent with sealer. It
// returns the number of the message.
func (f *Flight) Add(raw []byte, sealer record.DatagramSealer) uint16 {
	seq := f.seq
	f.seq++
	f.add(outgoing{
		typ: iana.HandshakeType(raw[0]), seq: seq, body: raw[messageHeaderLen:], sealer: sealer,
	})
	return seq
}

// add adds a message.
func (f *Flight) add(m outgoing) {
	if f.room == nil {
		f.room, f.used = flightRooms.Get(), 0
		f.messages, f.records = f.room.messages[:0], f.room.records[:0]
	}
	var to *outgoing
	if f.used < len(f.room.outgoing) {
		to = &f.room.outgoing[f.used]
		f.used++
	} else {
		to = new(outgoing)
	}
	*to = m
	to.acked = to.one[:0]
	f.messages = append(f.messages, to)
}

// parts returns memory for n parts of messages. Only the first datagrams of a flight have that of
// the room.
func (f *Flight) parts(n int) []part {
	if r := f.room; r != nil && !r.split && n <= len(r.parts) {
		r.split = true
		return r.parts[:0]
	}
	return make([]part, 0, n)
}

// StartAt gives the next message the number n.
func (f *Flight) StartAt(n uint16) { f.seq = n }

// Next is the number of the next message.
func (f *Flight) Next() uint16 { return f.seq }

// AddChange adds a change_cipher_spec of DTLS 1.2.
func (f *Flight) AddChange(sealer record.DatagramSealer) {
	f.add(outgoing{ccs: true, body: []byte{1}, sealer: sealer})
}

// Identify makes the records with messages that were added before have a connection ID from now
// on, unless they are in the clear.
func (f *Flight) Identify(id []byte) {
	for _, m := range f.messages {
		if s, ok := m.sealer.(record.IDSealer); ok {
			s.SetConnectionID(id)
		}
	}
}

// Clear forgets the messages: the peer has received them.
func (f *Flight) Clear() {
	for _, m := range f.messages {
		m.rest()
	}
	f.messages, f.records = nil, nil
	flightRooms.Put(f.room)
	f.room = nil
}

// rest gives back the memory of a key of the handshake, which nothing but messages needs.
func (m *outgoing) rest() {
	if k, ok := m.sealer.(interface{ Rest() }); ok && m.sealer.Epoch() == epochHandshake {
		k.Rest()
	}
}

// epochHandshake is that of the keys of the handshake in DTLS 1.3, where keys rest. RFC 9147,
// Section 6.1.
const epochHandshake = 2

// Forget forgets the messages of one type.
func (f *Flight) Forget(typ iana.HandshakeType) {
	f.messages = slices.DeleteFunc(f.messages, func(m *outgoing) bool {
		return m.typ == typ && !m.ccs
	})
}

// Empty reports whether the peer may need nothing again.
func (f *Flight) Empty() bool { return len(f.messages) == 0 }

// Unsent reports whether there are messages that were not sent yet.
func (f *Flight) Unsent() bool {
	return slices.ContainsFunc(f.messages, func(m *outgoing) bool { return !m.sent })
}

// Holds reports whether the message with a number is not acknowledged yet.
func (f *Flight) Holds(seq uint16) bool {
	return slices.ContainsFunc(f.messages, func(m *outgoing) bool { return m.seq == seq && !m.ccs })
}

// Ack takes the record numbers of an ACK. It reports whether any of them was new. RFC 9147,
// Section 7.2.
func (f *Flight) Ack(numbers []record.Number) (progress bool) {
	f.records = slices.DeleteFunc(f.records, func(r sentRecord) bool {
		if !slices.Contains(numbers, r.number) {
			return false
		}
		for _, p := range r.parts {
			p.m.acked = Join(p.m.acked, p.Range)
		}
		progress = true
		return true
	})
	f.messages = slices.DeleteFunc(f.messages, func(m *outgoing) bool {
		if !m.done() {
			return false
		}
		m.rest()
		return true
	})
	if f.Empty() {
		f.Clear()
	}
	return progress
}

// done reports whether all of the message was acknowledged.
func (m *outgoing) done() bool {
	return len(m.acked) == 1 && m.acked[0] == Range{0, len(m.body)}
}

// missing appends to list what was not acknowledged of a message. Of one without a body it is the
// empty range.
func (m *outgoing) missing(list []Range) []Range {
	from := 0
	for _, r := range m.acked {
		if r.From > from {
			list = append(list, Range{from, r.From})
		}
		from = r.To
	}
	if from < len(m.body) || len(m.body) == 0 {
		list = append(list, Range{from, len(m.body)})
	}
	return list
}

// Send appends to out the datagrams of at most mtu bytes that the flight needs: those with
// the messages that were not sent yet, or with again set all that were not acknowledged.
// A record holds at most max bytes; 0 is the protocol's own limit.
func (f *Flight) Send(out [][]byte, mtu, max int, again bool) ([][]byte, error) {
	p := packers.Get()
	defer packers.Put(p)
	p.flight, p.out, p.mtu, p.max = f, out, mtu, max
	p.payload, p.gaps = p.room[:0], p.few[:0]
	if max == 0 {
		p.max = record.MaxPlaintext
	}
	p.measure(again)
	for _, m := range f.messages {
		if m.sent && !again {
			continue
		}
		m.sent = true
		if err := p.message(m); err != nil {
			return out, err
		}
	}
	if err := p.closeDatagram(); err != nil {
		return out, err
	}
	if n := len(f.records) - maxRecords; n > 0 {
		f.records = slices.Delete(f.records, 0, n)
	}
	return p.out, nil
}

// A packer fills records with fragments, and datagrams with records.
type packer struct {
	flight   *Flight
	out      [][]byte
	mtu, max int
	datagram []byte
	sealer   record.DatagramSealer // of the record that is being filled
	payload  []byte
	parts    []part  // of the records
	first    int     // of parts that is in the record
	length   int     // at most, of what is still to be sent, with its headers
	gaps     []Range // of a message
	few      [4]Range
	room     [2048]byte
}

var packers reuse.Pool[packer]

// measure finds out how much is to be sent, so that memory for it is taken at once.
func (p *packer) measure(again bool) {
	n := 0
	for _, m := range p.flight.messages {
		if !m.sent || again {
			n++
			p.length += len(m.body) + FragmentHeaderLen + m.sealer.DatagramOverhead()
		}
	}
	n += p.length / p.mtu
	p.parts = p.flight.parts(n)
}

// begin takes memory for a datagram, which may begin with the rest of a message.
func (p *packer) begin(s record.DatagramSealer) {
	if p.datagram == nil {
		n := p.length + FragmentHeaderLen + s.DatagramOverhead()
		p.datagram = make([]byte, 0, min(p.mtu, n))
	}
}

func (p *packer) message(m *outgoing) error {
	if m.ccs {
		return p.change(m)
	}
	p.gaps = m.missing(p.gaps[:0])
	for _, r := range p.gaps {
		for {
			n, err := p.fit(m, r.To-r.From)
			if err != nil {
				return err
			}
			piece := Range{r.From, r.From + n}
			p.payload = Fragment{
				Type: m.typ, Length: len(m.body), Seq: m.seq,
				Offset: r.From, Data: m.body[piece.From:piece.To],
			}.AppendTo(p.payload)
			p.parts = append(p.parts, part{m, piece})
			if r.From += n; r.From >= r.To {
				break
			}
		}
	}
	return nil
}

// fit makes room for a fragment of a message and returns how many of its bytes fit.
func (p *packer) fit(m *outgoing, want int) (int, error) {
	if p.sealer != m.sealer {
		if err := p.closeRecord(); err != nil {
			return 0, err
		}
		p.sealer = m.sealer
	}
	least := min(want, 1)
	if n := p.left(); n >= least {
		return min(n, want), nil
	}
	if err := p.closeDatagram(); err != nil {
		return 0, err
	}
	p.sealer = m.sealer
	if n := p.left(); n >= least {
		return min(n, want), nil
	}
	return 0, errMTU
}

// left is how many bytes of a body fit into the record.
func (p *packer) left() int {
	datagram := p.mtu - len(p.datagram) - p.sealer.DatagramOverhead()
	return min(datagram, p.max) - len(p.payload) - FragmentHeaderLen
}

// change adds a change_cipher_spec, which is a record of its own.
func (p *packer) change(m *outgoing) error {
	if err := p.closeRecord(); err != nil {
		return err
	}
	if p.mtu-len(p.datagram) < m.sealer.DatagramOverhead()+len(m.body) {
		if err := p.closeDatagram(); err != nil {
			return err
		}
	}
	var err error
	p.begin(m.sealer)
	p.datagram, _, err = m.sealer.SealDatagram(p.datagram, iana.ContentChangeCipherSpec, m.body, 0)
	return err
}

// closeRecord seals the record that was filled.
func (p *packer) closeRecord() error {
	if len(p.payload) == 0 {
		return nil
	}
	var n record.Number
	var err error
	p.begin(p.sealer)
	p.datagram, n, err = p.sealer.SealDatagram(p.datagram, iana.ContentHandshake, p.payload, 0)
	end := len(p.parts)
	p.flight.records = append(p.flight.records, sentRecord{n, p.parts[p.first:end:end]})
	p.payload, p.first = p.payload[:0], end
	return err
}

func (p *packer) closeDatagram() error {
	if err := p.closeRecord(); err != nil {
		return err
	}
	if len(p.datagram) > 0 {
		p.out = append(p.out, p.datagram)
		p.length = max(0, p.length-len(p.datagram))
		p.datagram = nil
	}
	return nil
}
