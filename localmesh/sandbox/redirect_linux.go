package sandbox

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	// ProxyMark is the mark of the sockets that a sidecar uses for outbound connections.
	// It distinguishes them from the sockets of the Pod's program. (A cluster uses a user
	// ID for this; a user namespace has only one.)
	ProxyMark = 1337

	outboundPort = 15001
	inboundPort  = 15006
)

// notRedirected are ports of the sidecar itself: admin, agent, health, metrics.
var notRedirected = []uint16{15000, 15020, 15021, 15090}

// redirect sends TCP of the calling thread's namespace into a sidecar, as Istio's
// istio-iptables does. Packets to the node are not redirected.
func redirect(node netip.Addr) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "sidecar"})
	add := func(chain *nftables.Chain, exprs ...[]expr.Any) {
		rule := &nftables.Rule{Table: table, Chain: chain}
		for _, e := range exprs {
			rule.Exprs = append(rule.Exprs, e...)
		}
		conn.AddRule(rule)
	}
	accept := []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}

	output := conn.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest,
	})
	add(output, meta(expr.MetaKeyMARK, binaryutil.NativeEndian.PutUint32(ProxyMark)), accept)
	add(output, meta(expr.MetaKeyOIFNAME, interfaceName("lo")), accept)
	add(output, payload(expr.PayloadBaseNetworkHeader, 16, node.AsSlice()), accept)
	add(output, tcp(), redirectTo(outboundPort))

	input := conn.AddChain(&nftables.Chain{
		Name: "prerouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest,
	})
	add(input, meta(expr.MetaKeyIIFNAME, interfaceName("lo")), accept)
	for _, port := range notRedirected {
		add(input, tcp(), payload(expr.PayloadBaseTransportHeader, 2, binaryutil.BigEndian.PutUint16(port)), accept)
	}
	add(input, tcp(), redirectTo(inboundPort))
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("write nftables: %w", err)
	}
	return nil
}

// meta compares a property of the packet.
func meta(key expr.MetaKey, value []byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value},
	}
}

func tcp() []expr.Any { return meta(expr.MetaKeyL4PROTO, []byte{unix.IPPROTO_TCP}) }

// payload compares bytes of a header.
func payload(base expr.PayloadBase, offset uint32, value []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: uint32(len(value))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value},
	}
}

func redirectTo(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1, RegisterProtoMax: 1, Flags: unix.NF_NAT_RANGE_PROTO_SPECIFIED},
	}
}

// interfaceName is a name in the form that the kernel compares.
func interfaceName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}
