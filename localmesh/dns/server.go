package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Domain is the cluster's domain.
const Domain = "cluster.local"

// ttl is short: Services come and go in tests.
const ttl = 5

// Answer has the records of a name.
type Answer struct {
	// Addresses are IPv4.
	Addresses []netip.Addr
	// Alias is another name for it, if not empty.
	Alias string
}

// Lookup returns the answer for a name in lower case, without the final dot. False means
// that the name does not exist.
type Lookup func(name string) (Answer, bool)

// Serve answers questions over UDP and TCP until ctx ends.
func Serve(ctx context.Context, address string, lookup Lookup) error {
	config := net.ListenConfig{}
	packets, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		return fmt.Errorf("listen for DNS: %w", err)
	}
	// The same port, even if the kernel chose it.
	listener, err := config.Listen(ctx, "tcp", packets.LocalAddr().String())
	if err != nil {
		return errors.Join(fmt.Errorf("listen for DNS: %w", err), packets.Close())
	}
	return serve(ctx, packets, listener, lookup)
}

func serve(ctx context.Context, packets net.PacketConn, listener net.Listener, lookup Lookup) error {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, request *dns.Msg) {
		// The client may have gone away.
		_ = w.WriteMsg(reply(request, lookup))
	})
	servers := []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}}
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() { ended <- server.ActivateAndServe() }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	// Close instead of Shutdown: Shutdown doesn't stop a server that has not started yet.
	return errors.Join(err, ignoreClosed(packets.Close()), ignoreClosed(listener.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// reply answers the first question, as name servers do.
func reply(request *dns.Msg, lookup Lookup) *dns.Msg {
	response := new(dns.Msg).SetReply(request)
	response.Authoritative = true
	response.RecursionAvailable = true
	if len(request.Question) == 0 {
		response.Rcode = dns.RcodeFormatError
		return response
	}
	question := request.Question[0]
	answer, found := lookup(strings.ToLower(strings.TrimSuffix(question.Name, ".")))
	if !found {
		response.Rcode = dns.RcodeNameError
		return response
	}
	header := dns.RR_Header{Name: question.Name, Class: dns.ClassINET, Ttl: ttl}
	if answer.Alias != "" {
		header.Rrtype = dns.TypeCNAME
		response.Answer = append(response.Answer, &dns.CNAME{Hdr: header, Target: dns.Fqdn(answer.Alias)})
		// A client that asks for the alias would get the same answer.
		header.Name = dns.Fqdn(answer.Alias)
		answer, _ = lookup(strings.ToLower(strings.TrimSuffix(answer.Alias, ".")))
	}
	if question.Qtype != dns.TypeA {
		return response
	}
	header.Rrtype = dns.TypeA
	for _, address := range answer.Addresses {
		response.Answer = append(response.Answer, &dns.A{Hdr: header, A: address.AsSlice()})
	}
	return response
}

// ResolvConf is the /etc/resolv.conf of a namespace's pods.
func ResolvConf(namespace string, server netip.Addr) string {
	return fmt.Sprintf("search %[1]s.svc.%[2]s svc.%[2]s %[2]s\nnameserver %[3]s\noptions ndots:5\n", namespace, Domain, server)
}
