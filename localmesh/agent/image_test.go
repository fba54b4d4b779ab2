package agent

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestIstioPart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		image string
		args  []string
		want  part
	}{
		{"docker.io/istio/proxyv2:1.31.0", []string{"istio-iptables", "-p", "15001"}, iptables},
		{"localhost:5000/proxyv2", []string{"proxy", "sidecar", "--domain", "x"}, sidecarProxy},
		{"proxyv2@sha256:0123", []string{"proxy", "router"}, routerProxy},
		{"istio/proxyv2:1.31.0", []string{"proxy", "waypoint"}, unknownPart},
		{"istio/proxyv2:1.31.0", nil, unknownPart},
		{"example.com/my-proxyv2", []string{"proxy", "sidecar"}, none},
		{"proxyv2/app:1", []string{"proxy", "sidecar"}, none},
	} {
		if got := istioPart(&corev1.Container{Image: test.image, Args: test.args}); got != test.want {
			t.Errorf("%s %v is %d, want %d", test.image, test.args, got, test.want)
		}
	}
}

func TestProxyVersion(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"istio/proxyv2:1.30.2":                  "1.30.2",
		"localhost:5000/proxyv2:1.30.2-alpha.1": "1.30.2",
		"localhost:5000/proxyv2":                istioVersion,
		"proxyv2:latest@sha256:01":              istioVersion,
	} {
		if got := proxyVersion(image); got != want {
			t.Errorf("%s is of %s, want %s", image, got, want)
		}
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	const cds, lds = "cluster_manager.cds.update_success: ", "listener_manager.lds.update_success: "
	for stats, want := range map[string]bool{
		cds + "1\n" + lds + "12\n": true,
		cds + "1\n" + lds + "0\n":  false,
		cds + "0\n" + lds + "1\n":  false,
		cds + "1\n":                false,
		"":                         false,
	} {
		if err := configured(stats); (err == nil) != want {
			t.Errorf("%q: %v", stats, err)
		}
	}
}

func TestPool(t *testing.T) {
	t.Parallel()
	p := newPool(netip.MustParsePrefix("10.244.0.0/22"))
	take := func() string {
		t.Helper()
		a, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		return a.String()
	}
	first := take()
	if first != "10.244.1.1" {
		t.Errorf("the first is %s", first)
	}
	p.release(netip.MustParseAddr(first))
	if second := take(); second != "10.244.1.2" {
		t.Errorf("an address was used again at once: %s", second)
	}
	seen := map[string]bool{"10.244.1.2": true}
	const all = 3 * 254
	for range all - 1 {
		a := take()
		if seen[a] {
			t.Fatalf("%s was given twice", a)
		}
		seen[a] = true
	}
	if a, err := p.take(); err == nil {
		t.Errorf("%s was given though all were", a)
	}
	p.release(netip.MustParseAddr("10.244.2.7"))
	if again := take(); again != "10.244.2.7" {
		t.Errorf("%s, want the only one", again)
	}
}
