package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	grantNamespace = "edge-grant"
	// grantRounds is how often a grant is made and deleted under load.
	grantRounds = 10
)

// TestEdgeGrants follows tokens of grants at a gateway while their grants are live, and never when
// they are deleted, on open connections and new ones. No other request changes meanwhile.
func TestEdgeGrants(t *testing.T) {
	t.Parallel()
	e := &grantFront{edgeFront: openEdgeIn(t, grantNamespace), namespace: grantNamespace, idp: newIssuer(t)}
	policy := fmt.Sprintf(`
apiVersion: overrides.mesh/v1alpha1
kind: GatewayOverridePolicy
metadata: {name: public, namespace: %s}
spec:
  targetRef: {group: networking.istio.io, kind: Gateway, name: public}
  header: Token
  token: {jwks: '%s', cookie: preview}
`, grantNamespace, e.idp.keys(t))
	if err := e.mesh.Apply(t.Context(), []byte(policy)); err != nil {
		t.Fatal(err)
	}
	e.operate(t)
	offline, other := e.token(t, "b7e4d6c2-0000-4000-8000-000000000000"), e.token(t, "grant.other")
	e.awaitAnswer(t, offline, granted)
	e.awaitAnswer(t, other, refused)
	e.grant(t, "other")
	e.awaitAnswer(t, other, granted)
	beside := e.beside(t, offline, other)
	var made, revoked []time.Duration
	for i := range grantRounds {
		name := "round" + string(rune('a'+i))
		token := e.token(t, "grant."+name)
		if got := e.answers(t, token); !slices.Equal(got, []string{refused}) {
			t.Fatalf("before there is a grant, its token is answered %q", got)
		}
		at := time.Now()
		e.grant(t, name)
		made = append(made, e.awaitAnswer(t, token, granted).Sub(at))
		at = time.Now()
		e.request(t, http.MethodDelete, name, "", "")
		revoked = append(revoked, e.awaitAnswer(t, token, refused).Sub(at))
		for range 20 {
			if got := e.answers(t, token); !slices.Equal(got, []string{refused}) {
				t.Fatalf("after its grant was deleted, a token is answered %q", got)
			}
		}
	}
	for _, c := range beside.Stop() {
		if t.Log(c.String()); !c.OK() {
			t.Errorf("%s", c.String())
		}
	}
	slices.Sort(made)
	slices.Sort(revoked)
	t.Logf("%d grants were followed after %v at most (half of them after %v), and no longer after %v (%v)", grantRounds, made[grantRounds-1], made[grantRounds/2], revoked[grantRounds-1], revoked[grantRounds/2])
}

// What the gateway makes of a token: the version that serves, and which headers of it arrive.
const (
	granted = "web:v2 with X-Override, X-Override-Id, X-Override-Token"
	refused = "web:v1 with "
)

// grantFront is a gateway that follows tokens, and an operator.
type grantFront struct {
	*edgeFront
	namespace string
	// idp signs tokens, if the test does.
	idp *issuer
}

// operate runs an operator.
func (e *grantFront) operate(t *testing.T) {
	t.Helper()
	p, err := process.Start(exec.CommandContext(t.Context(), programs(t).Overrides, "operator", "--kubeconfig", e.mesh.Kubeconfig, "--namespaces", grantNamespace,
		"--gateway-policies", "--metrics-bind-address", "0", "--health-probe-bind-address", "0"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		if t.Failed() {
			t.Logf("operator:\n%s", p.Log())
		}
	})
}

// token returns a token with an ID.
func (e *grantFront) token(t *testing.T, id string) string {
	t.Helper()
	return e.idp.token(t, overrideClaims("web:v2", map[string]any{"jti": id}))
}

// grant makes a grant, and accepts it as the operator of an installation would.
func (e *grantFront) grant(t *testing.T, name string) {
	t.Helper()
	e.request(t, http.MethodPost, "", "", fmt.Sprintf(`{"apiVersion":"overrides.mesh/v1alpha1","kind":"OverrideGrant","metadata":{"name":%q},"spec":{"overrides":"web:v2","requester":{"username":"ada"}}}`, name))
	e.request(t, http.MethodPatch, name, "status", fmt.Sprintf(
		`{"status":{"id":"grant.%s","overrides":"web.%s:v2","conditions":[{"type":"Accepted","status":"True","reason":"Accepted","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, name, grantNamespace))
}

// read reads a grant.
func (e *grantFront) read(t *testing.T, name string) *v1alpha1.OverrideGrant {
	t.Helper()
	out := &v1alpha1.OverrideGrant{}
	if err := json.Unmarshal(e.request(t, http.MethodGet, name, "", ""), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// request sends a request about a grant to the API server, and returns the answer.
func (e *grantFront) request(t *testing.T, verb, name, part, body string) []byte {
	t.Helper()
	path := "/apis/overrides.mesh/v1alpha1/namespaces/" + e.namespace + "/overridegrants/" + name
	if part != "" {
		path += "/" + part
	}
	request := e.mesh.Kubernetes().Discovery().RESTClient().Verb(verb).AbsPath(strings.TrimSuffix(path, "/"))
	if verb == http.MethodPatch {
		request = request.SetHeader("Content-Type", string(types.MergePatchType))
	}
	if body != "" {
		request = request.Body([]byte(body))
	}
	answer, err := request.DoRaw(t.Context())
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", verb, path, err, answer)
	}
	return answer
}

// ask sends a request, with a token or none.
func (e *grantFront) ask(ctx context.Context, client *http.Client, lines http.Header) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.gateways[0]+":80/", http.NoBody)
	if err != nil {
		return "", err
	}
	request.Host, request.Header = edgeShop, lines
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	if err != nil {
		return fmt.Sprintf("status %d", response.StatusCode), err
	}
	var seen []string
	for _, name := range []string{"X-Override", "X-Override-Id", "X-Override-Token"} {
		if answer.Request.Headers[name] != nil {
			seen = append(seen, name)
		}
	}
	return "web:" + answer.Version + " with " + strings.Join(seen, ", "), nil
}

// answers sends a token in its header and in a cookie, on connections that are open and on new ones,
// with HTTP/1.1 and HTTP/2, and returns the different answers. The cookie stays with the request.
func (e *grantFront) answers(t *testing.T, token string) []string {
	t.Helper()
	fresh := e.newClient(t)
	defer fresh.CloseIdleConnections()
	var out []string
	for _, client := range []*http.Client{e.clients["HTTP/1.1"], e.clients["HTTP/2"], fresh} {
		for _, lines := range []http.Header{{"X-Override-Token": {token}}, {"Cookie": {"preview=" + token}}, {"X-Override-Token": {token}, "X-Override-Id": {"grant.other"}}} {
			got, err := e.ask(t.Context(), client, lines)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, got)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// awaitAnswer waits until all answers are alike, several times in a row, since a proxy has several
// workers. It returns since when.
func (e *grantFront) awaitAnswer(t *testing.T, token, want string) time.Time {
	t.Helper()
	const enough = 5
	var since time.Time
	alike := 0
	programtest.Eventually(t, time.Minute, time.Millisecond, want, func(context.Context) string {
		if got := e.answers(t, token); !slices.Equal(got, []string{want}) {
			alike = 0
			return fmt.Sprintf("%q", got)
		}
		if alike++; alike == 1 {
			since = time.Now()
		}
		if alike < enough {
			return "some answers only"
		}
		return ""
	})
	return since
}

// beside starts requests that no grant is about, and those of a grant that stays.
func (e *grantFront) beside(t *testing.T, offline, other string) *load.Load {
	t.Helper()
	return load.Start(
		t.Context(),
		e.source("ordinary", refused, http.Header{}),
		e.source("no token", refused, http.Header{"X-Override": {"web:v2"}, "X-Override-Id": {"grant.other"}}),
		e.source("offline token", granted, http.Header{"X-Override-Token": {offline}}),
		e.source("token of another grant", granted, http.Header{"X-Override-Token": {other}}),
	)
}

// source is a load of requests with some headers, which want one answer.
func (e *grantFront) source(name, want string, lines http.Header) load.Source {
	return load.Source{
		Name: name, Rate: 40, Want: func(answer string) bool { return answer == want },
		Send: func(ctx context.Context) (string, error) { return e.ask(ctx, e.client, lines.Clone()) },
	}
}
