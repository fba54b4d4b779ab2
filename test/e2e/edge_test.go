package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const edgeNamespace = "edge-entry"

// TestEdge sends requests through a gateway with the entry that overrides edge prints. Carriers
// that come from outside are removed or kept, preview hosts and cookies are followed from
// the first hop on, and no other request changes.
func TestEdge(t *testing.T) {
	t.Parallel()
	e := openEdgeIn(t, edgeNamespace)
	ordinary := ordinaryAtEdge()
	e.follow(t)
	before := e.play(t, ordinary)
	e.install(t, "Strip", "--with-hosts")
	e.follow(t)
	e.awaitRoutes(t, atEdge{host: "v2" + edgePreview}, "v2")
	cases := atEdgeCases()
	for _, policy := range []string{"Strip", "Trust"} {
		if policy == "Trust" {
			e.install(t, policy)
		}
		t.Run(policy, func(t *testing.T) { e.plays(t, cases, policy) })
		t.Run(policy+"/Ordinary", func(t *testing.T) {
			for i, got := range e.play(t, ordinary) {
				if got != before[i] {
					t.Errorf("%v\nbefore %s\nafter  %s", ordinary[i], before[i], got)
				}
			}
		})
		t.Run(policy+"/Preview", func(t *testing.T) { e.preview(t) })
		t.Run(policy+"/Location", func(t *testing.T) { e.locations(t) })
	}
	t.Logf("%d requests with HTTP/1.1 and HTTP/2, %d ordinary ones", len(cases), len(ordinary))
	e.install(t, "Strip", "--link")
	t.Run("Link", func(t *testing.T) { e.links(t) })
}

// edgeFront is a gateway with one pod, and clients for both versions of HTTP.
type edgeFront struct {
	front
	clients map[string]*http.Client
	// onlyUTF8 says that Envoy follows no carrier with bytes that are not UTF-8, as it was up to
	// 1.38 (docs/grammar.md).
	onlyUTF8 bool
}

// openEdgeIn deploys the application and its gateway into a namespace. places are texts to replace in its
// manifests, and by what.
func openEdgeIn(t *testing.T, namespace string, places ...string) *edgeFront {
	t.Helper()
	e := &edgeFront{front: front{mesh: mesh(t), namespaces: []string{namespace}}, clients: map[string]*http.Client{}}
	e.onlyUTF8 = envoyMinor(t) < 39
	e.apply(t, "testdata/edge.yaml", "", places...)
	e.findGateways(t)
	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		client := e.newClient(t)
		if version == "HTTP/2" {
			protocols := &http.Protocols{}
			protocols.SetUnencryptedHTTP2(true)
			client.Transport.(*http.Transport).Protocols = protocols
		}
		e.clients[version] = client
	}
	e.client = e.clients["HTTP/1.1"]
	e.settle(t)
	return e
}

// envoyMinor returns the minor version of Envoy 1: 40 for "envoy  version: COMMIT/1.40.0/…".
func envoyMinor(t *testing.T) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), programtest.E2E.Envoy(t), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var minor int
	_, version, _ := strings.Cut(string(out), "/1.")
	if _, err := fmt.Sscanf(version, "%d", &minor); err != nil {
		t.Fatalf("%q has no version", out)
	}
	return minor
}

// install applies what overrides edge prints, twice: the second time changes nothing.
func (e *edgeFront) install(t *testing.T, policy string, flags ...string) {
	t.Helper()
	args := append([]string{
		"edge", "public", "-q", "--kubeconfig", e.mesh.Kubeconfig, "-n", edgeNamespace, "--header", policy, "--cookie", "x-override",
		"--preview-host", "*" + edgePreview + "=" + edgeShop,
	}, flags...)
	var printed [2][]byte
	for i := range printed {
		var err error
		if printed[i], err = exec.CommandContext(t.Context(), programs(t).Overrides, args...).Output(); err != nil {
			t.Fatalf("overrides edge: %v\n%s", err, stderrOf(err))
		}
		if err := e.mesh.Apply(t.Context(), printed[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(printed[0], printed[1]) {
		t.Errorf("with its own objects in the cluster, it prints others:\n%s", printed[1])
	}
	e.await(t, policy)
}

// stderrOf returns what a program wrote that failed.
func stderrOf(err error) []byte {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Stderr
	}
	return nil
}

// await waits until new connections have the filter with a policy.
func (e *edgeFront) await(t *testing.T, policy string) {
	t.Helper()
	c := atEdge{host: "nothing" + edgePreview, any: true, lines: http.Header{"x-override": {"nothing:v1"}}, made: "*:nothing"}
	header, _ := c.want(policy)
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(50 * time.Millisecond) {
		for _, client := range e.clients {
			client.CloseIdleConnections()
		}
		got, err := e.sendAtEdge(t.Context(), e.client, c)
		if strings.HasPrefix(got, fmt.Sprintf("x-override %q,", header)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway has no filter with %s: %s %v", policy, got, err)
		}
	}
}

// follow applies the objects with which gateways and sidecars follow overrides.
func (e *edgeFront) follow(t *testing.T) {
	t.Helper()
	if out := e.overrides(t, e.namespaces[0], "apply"); strings.Contains(out, "GatewayRoutes") || strings.Contains(out, "EntranceNotPinned") {
		t.Errorf("a gateway does not follow overrides:\n%s", out)
	}
	e.settle(t)
	e.awaitRoutes(t, atEdge{host: edgeShop}, "v1")
	e.awaitRoutes(t, atEdge{host: "other.example.com", any: true}, "v1")
}

// awaitRoutes waits until a gateway, for which settle does not wait, has routes with which a
// version of web answers. Without them its versions take turns.
func (e *edgeFront) awaitRoutes(t *testing.T, c atEdge, version string) {
	t.Helper()
	const enough = 20
	deadline := time.Now().Add(30 * time.Second)
	for alike := 0; alike < enough; {
		got, err := e.sendAtEdge(t.Context(), e.client, c)
		if alike++; !strings.Contains(got, " web:"+version+" ") {
			alike = 0
			<-time.After(20 * time.Millisecond)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway has no routes for %s: %s %v", c.host, got, err)
		}
	}
}

// ordinaryAtEdge are requests without a carrier, a preview host or a cookie that counts.
func ordinaryAtEdge() []asked {
	var out []asked
	for _, header := range [][2]string{{}, {"Cookie", "a=b; session=x-override"}, {"Baggage", "userId=alice"}, {"Origin", "https://app.example.com"}} {
		for _, host := range []string{"shop.example.com", "other.example.com", "preview.shop.example.com", "www.shop.example.com"} {
			for _, path := range []string{"/", "/old/x", "/api/x", "/away/x", "/a?x-override=v2"} {
				for _, port := range []int{80, 8080} {
					out = append(out, asked{"GET", host, path, port, header}, asked{"POST", host, path, port, header})
				}
			}
		}
	}
	return out
}

// plays sends all cases, and compares the headers that arrive and the versions that serve.
func (e *edgeFront) plays(t *testing.T, cases []atEdge, policy string) {
	t.Helper()
	for version, client := range e.clients {
		for _, c := range cases {
			header, baggage := c.want(policy)
			want := e.answer(header, baggage)
			if got, err := e.sendAtEdge(t.Context(), client, c); err != nil || got != want {
				t.Errorf("%s %s %q\ngot  %s %v\nwant %s", version, c.host, c.lines, got, err, want)
			}
		}
	}
}

// answer is what a request gets that reaches the first application with these carriers.
func (e *edgeFront) answer(header, baggage string) string {
	followed := [2]string{header, baggage}
	for i, carrier := range followed {
		if e.onlyUTF8 && strings.Contains(carrier, "\uFFFD") {
			followed[i] = ""
		}
	}
	served := func(service string) string { return servedIn(e.namespaces[0], followed[0], followed[1], service) }
	return fmt.Sprintf("x-override %q, baggage %q, web:%s cart:%s", header, baggage, served("web"), served("cart"))
}

// want returns the lines of the carriers that the application must see.
func (c *atEdge) want(policy string) (header, baggage string) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(c.lines)) { // as they are sent
		values := c.lines[name]
		switch strings.ToLower(name) {
		case "x-override":
			lines = append(lines, values...)
		case "baggage":
			baggage = joined(values)
		}
	}
	if policy == "Strip" {
		if c.stripped {
			baggage = "overrides=removed"
		}
		return c.made, baggage
	}
	if c.made != "" && (!c.fromCookie || len(lines) == 0) {
		lines = append(lines, c.made)
	}
	return joined(lines), baggage
}

// joined returns lines of a header as one, without white space around them.
func joined(lines []string) string {
	var out []string
	for _, line := range lines {
		out = append(out, strings.Trim(strings.ToValidUTF8(line, "\uFFFD"), " \t"))
	}
	return strings.Join(out, ",")
}

// servedIn is the version of a service in a namespace that a request with these carriers
// reaches.
func servedIn(namespace, header, baggage, service string) string {
	s := grammar.Service{Name: service, Namespace: namespace}
	if grammar.Follows([]string{header}, s, "v1", grammar.Condition{}) || grammar.FollowsBaggage([]string{baggage}, s, "v1") {
		return "v1"
	}
	if grammar.Follows([]string{header}, s, "v2", grammar.Condition{}) || grammar.FollowsBaggage([]string{baggage}, s, "v2") ||
		grammar.FollowsSet([]string{header}, s, "v2") || grammar.FollowsBaggageSet([]string{baggage}, s, "v2") {
		return "v2"
	}
	return "v1"
}

func (e *edgeFront) sendAtEdge(ctx context.Context, client *http.Client, c atEdge) (string, error) {
	port := "80"
	if c.any {
		port = "8080"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(e.gateways[0], port)+"/", http.NoBody)
	if err != nil {
		return "", err
	}
	request.Host, request.Header = c.host, c.lines.Clone()
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	if err != nil || len(answer.Calls) != 1 {
		return fmt.Sprintf("status %d", response.StatusCode), err
	}
	seen := answer.Request.Headers
	return fmt.Sprintf("x-override %q, baggage %q, web:%s cart:%s", joined(seen["X-Override"]), joined(seen["Baggage"]), answer.Version, answer.Calls[0].Version), nil
}

// locations compares where applications lead requests for a preview host: back to it, if they
// lead to the ordinary host.
func (e *edgeFront) locations(t *testing.T) {
	t.Helper()
	const preview = "v2" + edgePreview
	for path, want := range map[string]string{
		"/away/":          "http://" + preview + "/b?c=d#e",
		"/away-tls/":      "https://" + preview,
		"/away-suffix/":   "https://shop.example.com.evil.example.org/b",
		"/away-user/":     "https://a@shop.example.com/b",
		"/away-relative/": "/b",
	} {
		for _, spoofed := range []string{"", "evil" + edgePreview, "evil.example.org"} {
			a := asked{"GET", preview, path, 80, [2]string{"X-Preview-Host", spoofed}}
			if got, err := e.send(t.Context(), e.gateways[0], a); err != nil || !strings.Contains(got, "Location: "+want+";") {
				t.Errorf("%v\ngot  %s %v\nwant %s", a, got, err, want)
			}
		}
		// The ordinary host leads where the application says.
		a := asked{"GET", edgeShop, path, 80, [2]string{"X-Preview-Host", preview}}
		if got, err := e.send(t.Context(), e.gateways[0], a); err != nil || strings.Contains(got, edgePreview) {
			t.Errorf("%v leads to a preview host: %s %v", a, got, err)
		}
	}
}

// preview sends requests for preview hosts: they get what those for the ordinary host get,
// from the previews, and are not led away.
func (e *edgeFront) preview(t *testing.T) {
	t.Helper()
	var requests, like []asked
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		for _, path := range []string{"/", "/old/x", "/api/x", "/away/x", "/x?q=1"} {
			a := asked{method, edgeShop, path, 80, [2]string{"Origin", "https://app.example.com"}}
			like = append(like, a)
			a.host = "v2" + edgePreview
			requests = append(requests, a)
		}
	}
	want := e.play(t, like)
	for i, got := range e.play(t, requests) {
		// OPTIONS without a policy for CORS reaches the application.
		w := strings.NewReplacer("web:v1", "web:v2", "cart:v1", "cart:v2", "Location: http://"+edgeShop, "Location: http://v2"+edgePreview).Replace(want[i])
		if got != w {
			t.Errorf("%v\ngot  %s\nwant %s", requests[i], got, w)
		}
	}
}
