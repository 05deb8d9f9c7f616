package datagram

import "github.com/sealsock/sealsock/internal/reuse"

// readBuffers is how many buffers of 64 KiB a Mux of UDP receives into at once.
const readBuffers = 8

// reader returns a function that waits for datagrams and delivers them.
func (m *Mux) reader() func() error {
	if m.udp != nil {
		r := m.udp.NewReader(readBuffers)
		return func() error { return r.Read(m.deliverRun) }
	}
	buf := make([]byte, reuse.LargestDatagram)
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
