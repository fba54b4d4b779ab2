package agent

import (
	"fmt"
	"net/netip"
)

// pool assigns addresses in order, so that none is reused soon.
type pool struct {
	network netip.Prefix
	last    netip.Addr
	used    map[netip.Addr]bool
}

// newPool skips the network's first 256 addresses, which include its gateway.
func newPool(network netip.Prefix) *pool {
	p := &pool{network: network.Masked(), used: map[netip.Addr]bool{}}
	p.last = p.start()
	return p
}

// start is the address before the first assigned one.
func (p *pool) start() netip.Addr {
	a := p.network.Addr().As4()
	a[2]++
	return netip.AddrFrom4(a)
}

// take returns an address that is not in use.
func (p *pool) take() (netip.Addr, error) {
	for first := p.last; ; {
		p.last = p.last.Next()
		if !p.network.Contains(p.last) {
			p.last = p.start()
		}
		// .0 and .255 are ordinary addresses here, but would surprise people.
		end := p.last.As4()[3]
		if end != 0 && end != 255 && !p.used[p.last] {
			p.used[p.last] = true
			return p.last, nil
		}
		if p.last == first {
			return netip.Addr{}, fmt.Errorf("no address is free in %s", p.network)
		}
	}
}

func (p *pool) release(a netip.Addr) { delete(p.used, a) }
