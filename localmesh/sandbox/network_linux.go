package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// BridgeName is the name of the bridge that Pods are connected to.
const BridgeName = "pods"

// Network is a bridge and the Pods on it.
type Network struct {
	bridge netlink.Link
	prefix netip.Prefix
	own    netns.NsHandle

	mu   sync.Mutex
	next int
}

// NewNetwork creates the bridge, with the address in prefix.
func NewNetwork(prefix netip.Prefix) (*Network, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return nil, fmt.Errorf("start lo: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: BridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("make the bridge: %w", err)
	}
	if err := netlink.AddrAdd(bridge, &netlink.Addr{IPNet: ipNet(prefix)}); err != nil {
		return nil, fmt.Errorf("give the bridge %s: %w", prefix, err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return nil, fmt.Errorf("start the bridge: %w", err)
	}
	own, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("find our namespace: %w", err)
	}
	return &Network{bridge: bridge, prefix: prefix, own: own}, nil
}

// Dial connects from the namespace of the bridge, as a Node would.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

// Close releases the namespace, and with it the bridge.
func (n *Network) Close() error { return n.own.Close() }

// join connects a namespace to the bridge, as eth0 there.
func (n *Network) join(ns netns.NsHandle) error {
	n.mu.Lock()
	n.next++
	name := fmt.Sprintf("veth%d", n.next)
	n.mu.Unlock()
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name, MasterIndex: n.bridge.Attrs().Index},
		PeerName:  "eth0", PeerNamespace: netlink.NsFd(ns),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(veth); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	return nil
}

// dialIn connects from within a namespace. A socket stays in the namespace that it was
// created in, so only its creation must happen there.
func (n *Network) dialIn(ctx context.Context, ns netns.NsHandle, network, address string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		// Other threads, in another namespace, would look up a name.
		return nil, fmt.Errorf("dial %s: not an IP address and port", address)
	}
	runtime.LockOSThread()
	if err := netns.Set(ns); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("enter the namespace: %w", err)
	}
	connection, err := new(net.Dialer).DialContext(ctx, network, address)
	if back := netns.Set(n.own); back != nil {
		// The thread stays locked, and ends with this goroutine.
		return nil, errors.Join(fmt.Errorf("leave the namespace: %w", back), err)
	}
	runtime.UnlockOSThread()
	return connection, err
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}
