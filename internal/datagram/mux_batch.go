package datagram

import "net/netip"

// readBuffers is how many buffers of 64 KiB a Mux of UDP receives into at once.
const readBuffers = 8

// reader returns a function that waits for datagrams and delivers them.
func (m *Mux) reader() func() error {
	if m.udp != nil {
		r := m.udp.NewReader(readBuffers)
		deliver := func(from netip.AddrPort, datagram []byte) {
			m.deliver(peer{at: from}, nil, datagram)
		}
		return func() error { return r.Read(deliver) }
	}
	buf := make([]byte, largestDatagram)
	return func() error {
		n, addr, err := m.socket.ReadFrom(buf)
		if err == nil && addr != nil {
			m.deliver(peer{other: addr.String()}, addr, buf[:n])
		}
		return err
	}
}

func (p *muxPath) sendBatch(b []byte, sizes []int) (int, error) {
	if p.mux.udp == nil {
		return sendEach(p, b, sizes)
	}
	return p.mux.udp.Write(b, sizes, p.route().peer.at)
}
