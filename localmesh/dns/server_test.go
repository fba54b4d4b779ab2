package dns

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func service(name, clusterIP string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: clusterIP},
	}
}

// endpoint is an endpoint of a slice, ready unless its address ends in 9.
func endpoint(address, host string) discoveryv1.Endpoint {
	ready := address[len(address)-1] != '9'
	e := discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}
	if host != "" {
		e.Hostname = &host
	}
	return e
}

// cluster has the objects that the tests look up.
func cluster() *fake.Clientset {
	alias := service("elsewhere", "")
	alias.Spec.Type, alias.Spec.ExternalName = corev1.ServiceTypeExternalName, "web.shop.svc.cluster.local"
	slice := func(name, service string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
			Endpoints:  endpoints,
		}
	}
	return fake.NewClientset(
		service("web", "10.96.0.5"), service("db", corev1.ClusterIPNone), service("none", corev1.ClusterIPNone), alias,
		slice("db-1", "db", endpoint("10.244.1.4", "db-1"), endpoint("10.244.1.9", "db-2")),
		slice("db-2", "db", endpoint("10.244.1.3", "db-0"), endpoint("10.244.1.4", "")),
		slice("web-1", "web", endpoint("10.244.1.5", "")),
	)
}

// answers are the records in the answers to a question.
type answers struct {
	Code  int
	Names []string
}

func TestServe(t *testing.T) {
	t.Parallel()
	lookup, err := Watch(t.Context(), cluster())
	if err != nil {
		t.Fatal(err)
	}
	packets, listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, packets, listener, lookup) }()

	for _, test := range []struct {
		name string
		kind uint16
		want answers
	}{
		{"web.shop.svc.cluster.local.", dns.TypeA, answers{Names: []string{"10.96.0.5"}}},
		{"WEB.shop.svc.cluster.local.", dns.TypeA, answers{Names: []string{"10.96.0.5"}}},
		{"web.shop.svc.cluster.local.", dns.TypeAAAA, answers{}},
		{"db.shop.svc.cluster.local.", dns.TypeA, answers{Names: []string{"10.244.1.3", "10.244.1.4"}}},
		{"db-0.db.shop.svc.cluster.local.", dns.TypeA, answers{Names: []string{"10.244.1.3"}}},
		{"db-2.db.shop.svc.cluster.local.", dns.TypeA, answers{Code: dns.RcodeNameError}},
		{"none.shop.svc.cluster.local.", dns.TypeA, answers{}},
		{"elsewhere.shop.svc.cluster.local.", dns.TypeA, answers{Names: []string{"web.shop.svc.cluster.local.", "10.96.0.5"}}},
		{"10-244-1-5.shop.pod.cluster.local.", dns.TypeA, answers{Names: []string{"10.244.1.5"}}},
		{"shop.svc.cluster.local.", dns.TypeA, answers{}},
		{"nothing.shop.svc.cluster.local.", dns.TypeA, answers{Code: dns.RcodeNameError}},
		{"web.lab.svc.cluster.local.", dns.TypeA, answers{Code: dns.RcodeNameError}},
		{"web.shop.svc.cluster.local.shop.svc.cluster.local.", dns.TypeA, answers{Code: dns.RcodeNameError}},
		{"example.com.", dns.TypeA, answers{Code: dns.RcodeNameError}},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(network+" "+test.name+dns.TypeToString[test.kind], func(t *testing.T) {
				got := ask(t, network, packets.LocalAddr().String(), test.name, test.kind)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	config := net.ListenConfig{}
	// A port that is free for UDP may be in use for TCP.
	for range 20 {
		packets, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := config.Listen(t.Context(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, listener
		}
		_ = packets.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

func ask(t *testing.T, network, server, name string, kind uint16) answers {
	t.Helper()
	client := &dns.Client{Net: network, Timeout: 10 * time.Second}
	response, _, err := client.ExchangeContext(t.Context(), new(dns.Msg).SetQuestion(name, kind), server)
	if err != nil {
		t.Fatal(err)
	}
	got := answers{Code: response.Rcode}
	for _, record := range response.Answer {
		switch r := record.(type) {
		case *dns.A:
			got.Names = append(got.Names, r.A.String())
		case *dns.CNAME:
			got.Names = append(got.Names, r.Target)
		}
	}
	return got
}

// TestLookupFollows checks that a Service created later is found.
func TestLookupFollows(t *testing.T) {
	t.Parallel()
	client := cluster()
	lookup, err := Watch(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Services("shop").Create(t.Context(), service("new", "10.96.0.6"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		answer, found := lookup("new.shop.svc.cluster.local")
		if found && slices.Equal(answer.Addresses, []netip.Addr{netip.MustParseAddr("10.96.0.6")}) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("still %v, %v", answer, found)
		case <-ticker.C:
		}
	}
}

func TestResolvConf(t *testing.T) {
	t.Parallel()
	want := "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.244.0.1\noptions ndots:5\n"
	if diff := cmp.Diff(want, ResolvConf("shop", netip.MustParseAddr("10.244.0.1"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
