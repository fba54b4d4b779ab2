package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// shop is the application of testdata/shop.yaml: web, which calls cart, behind a gateway with
// TLS for shopHost.
type shop struct {
	front
	namespace   string
	certificate *stage.Certificate
	// previews is the certificate of preview hosts, if they have one of their own.
	previews *stage.Certificate
}

const shopHost = "shop.example.com"

// openShop deploys a shop; places are texts to replace in its manifest, and by what.
func openShop(t *testing.T, m *stage.Mesh, namespace string, places ...string) *shop {
	t.Helper()
	certificate, err := stage.NewCertificate(t.TempDir(), shopHost, "*."+previewDomain)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{front: front{mesh: m, namespaces: []string{namespace}}, namespace: namespace, certificate: certificate}
	s.apply(t, "testdata/shop.yaml", "", append(places, "CHAIN", certificate.Chain, "KEY", certificate.Key)...)
	s.findGateways(t)
	s.client = s.visitor(t)
	s.settle(t)
	return s
}

// previewDomain is the domain of preview hosts.
const previewDomain = "preview." + shopHost

// visitor returns a client that keeps cookies and follows redirects, as a browser does; its
// requests for all hosts go to the gateway, with TLS.
func (s *shop) visitor(t *testing.T) *http.Client {
	t.Helper()
	client := s.newClient(t)
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the client has a %T", client.Transport)
	}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial(ctx, network, net.JoinHostPort(s.gateways[0], "443"))
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: s.certificate.Roots, MinVersion: tls.VersionTLS12}
	transport.ForceAttemptHTTP2 = true
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client.Jar, client.CheckRedirect = jar, nil
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// visit opens a page of the shop, and returns its address in the end and who served each hop:
// "/cart by web:v1 cart:v1".
func (s *shop) visit(ctx context.Context, client *http.Client, page string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+shopHost+page, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	answer, err := chain.Decode(bytes.NewReader(body))
	if err != nil {
		return fmt.Sprintf("%d %s", response.StatusCode, body), nil
	}
	return response.Request.URL.RequestURI() + " by " + strings.Join(answer.Path(), " "), nil
}

// entry applies what overrides edge prints for the gateway.
func (s *shop) entry(t *testing.T, flags ...string) {
	t.Helper()
	s.applies(t, append([]string{"edge", "public", "-n", s.namespace, "--cookie", "x-override", "--link"}, flags...)...)
}

// applies applies what a command of the program prints.
func (s *shop) applies(t *testing.T, args ...string) {
	t.Helper()
	if err := s.mesh.Apply(t.Context(), s.printed(t, args...)); err != nil {
		t.Fatal(err)
	}
}

// printed returns what a command of the program prints, given the cluster.
func (s *shop) printed(t *testing.T, args ...string) []byte {
	t.Helper()
	var diagnostics bytes.Buffer
	cmd := exec.CommandContext(t.Context(), programs(t).Overrides, append(args, "--kubeconfig", s.mesh.Kubeconfig)...)
	cmd.Stderr = &diagnostics
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("overrides %s: %v\n%s", strings.Join(args, " "), err, &diagnostics)
	}
	return out
}
