package admit

import (
	"net"
	"net/netip"
	"sync"
)

// Places are the connections that may be served at once.
type Places struct {
	Total, PerAddress int // 0 for no bound for an address

	mu        sync.Mutex
	taken     int
	byAddress map[netip.Prefix]int
}

// A Place is the answer of Places.Take.
type Place uint8

// The answers.
const (
	Free     Place = iota // a place was taken
	Full                  // Total are taken
	PeerFull              // the client's network has PerAddress
)

// Take takes a place for a client, if there is one.
func (p *Places) Take(peer net.Addr) Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	network := NetworkOf(peer)
	switch {
	case p.taken >= p.Total:
		return Full
	case p.PerAddress > 0 && network.IsValid() && p.byAddress[network] >= p.PerAddress:
		return PeerFull
	}
	p.taken++
	if p.byAddress == nil {
		p.byAddress = make(map[netip.Prefix]int)
	}
	p.byAddress[network]++
	return Free
}

// Leave gives the place of a client back.
func (p *Places) Leave(peer net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	network := NetworkOf(peer)
	p.taken--
	if p.byAddress[network]--; p.byAddress[network] == 0 {
		delete(p.byAddress, network)
	}
}

// Resize changes the bounds. Places that are taken stay so.
func (p *Places) Resize(total, perAddress int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Total, p.PerAddress = total, perAddress
}
