package agent

import (
	"fmt"
	"net/netip"
)

// pool gives addresses in order, so that one is not used again soon.
type pool struct {
	network netip.Prefix
	last    netip.Addr
	used    map[netip.Addr]bool
}

// newPool leaves out the network's first 256 addresses, which has its gateway.
func newPool(network netip.Prefix) *pool {
	p := &pool{network: network.Masked(), used: map[netip.Addr]bool{}}
	p.last = p.start()
	return p
}

// start is the address before the first one that is given.
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
		// .0 and .255 are addresses like others here, but surprise people.
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
