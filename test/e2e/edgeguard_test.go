package e2e_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/machine"
)

const (
	guardNamespace = "edge-guard"
	// authorizerName is the external authorizer in the mesh configuration, which lets requests
	// with the header x-session: tester through.
	authorizerName = "edge-guard"
)

// session is a user's session at the gateway, and what the guards make of it.
type session struct {
	name   string
	header [2]string
	// tester is set if the user may ask for overrides. broken is set if no request passes.
	tester, broken bool
}

// TestEdgeGuard sends the requests of TestEdge, in the sessions of several users, through a
// gateway with each guard. Those with an override, wherever it comes from, get what the guard
// says; all others are not affected.
func TestEdgeGuard(t *testing.T) {
	t.Parallel()
	e := openEdgeIn(t, guardNamespace)
	asked := e.authorizer(t)
	e.follow(t)
	idp := newIssuer(t)
	text, err := os.ReadFile("testdata/edge-guard.yaml")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(asked.address)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer("NAMESPACE", guardNamespace, "JWKS", idp.keys(t), "ADDRESS", host, "PORT", port).Replace(string(text)))
	if err := e.mesh.Apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	users := idp.sessions(t)
	authorized := []session{{name: "nobody"}, {name: "guest", header: [2]string{"X-Session", "guest"}}, {name: "tester", header: [2]string{"X-Session", "tester"}, tester: true}}
	for _, c := range []struct {
		name, header, spec string
		users              []session
	}{
		{"Hard/Strip", "Strip", "require: {issuer: idp.test, claim: groups, values: [staff, testers]}", users},
		{"Hard/Trust", "Trust", "require: {issuer: idp.test, claim: groups, values: [testers]}", users},
		{"Soft/Strip", "Strip", "require: {issuer: idp.test, claim: groups, values: [staff, testers], mode: Soft}", users},
		{"Soft/Trust", "Trust", "require: {issuer: idp.test, claim: groups, values: [testers], mode: Soft}", users},
		{"ExtAuthz", "Strip", "extAuthz: {provider: " + authorizerName + "}", authorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			soft := strings.HasPrefix(c.name, "Soft")
			e.usePolicy(t, fmt.Sprintf("header: %s\n  %s", c.header, c.spec), c.users, soft)
			before := asked.count.Load()
			e.playsGuarded(t, c.header, c.users, soft)
			if c.name == "ExtAuthz" && asked.count.Load() == before {
				t.Error("the authorizer was not asked")
			}
		})
	}
}

// installPolicy applies a policy, and what overrides apply writes for it.
func (e *edgeFront) installPolicy(t *testing.T, spec string) {
	t.Helper()
	e.applyPolicy(t, fmt.Sprintf("cookie: x-override\n  previewHosts: [{host: \"*%s\", for: %s}]\n  %s", edgePreview, edgeShop, spec))
	printed, err := exec.CommandContext(t.Context(), programs(t).Overrides, "edge", "public", "-q", "--with-hosts",
		"--kubeconfig", e.mesh.Kubeconfig, "-n", e.namespaces[0]).Output()
	if err != nil {
		t.Fatalf("overrides edge: %v\n%s", err, stderrOf(err))
	}
	// The objects that serve preview hosts are the user's; apply writes the others.
	for document := range bytes.SplitSeq(printed, []byte("---\n")) {
		if bytes.Contains(document, []byte("kind: VirtualService")) || bytes.Contains(document, []byte("kind: Gateway\n")) {
			if err := e.mesh.Apply(t.Context(), document); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.follow(t)
}

// usePolicy installs a policy, and waits until the guard is in force on new connections.
func (e *edgeFront) usePolicy(t *testing.T, spec string, users []session, soft bool) {
	t.Helper()
	e.installPolicy(t, spec)
	c := atEdge{host: "v2" + edgePreview, made: "*:v2"}
	const enough = 20
	deadline := time.Now().Add(time.Minute)
	for alike := 0; alike < enough; {
		for _, client := range e.clients {
			client.CloseIdleConnections()
		}
		alike++
		for _, user := range users {
			got, err := e.sendAs(t.Context(), e.client, c, user)
			if want := e.guarded(&c, "Strip", user, soft); got != want {
				alike = 0
				if time.Now().After(deadline) {
					t.Fatalf("the guard is not in force for %s: %s %v, want %s", user.name, got, err, want)
				}
				<-time.After(50 * time.Millisecond)
				break
			}
		}
	}
}

// applyPolicy applies a policy for the gateway, with fields as the second and later lines of YAML have
// them.
func (e *edgeFront) applyPolicy(t *testing.T, spec string) {
	t.Helper()
	policy := fmt.Sprintf(`
apiVersion: overrides.mesh/v1alpha1
kind: GatewayOverridePolicy
metadata: {name: public, namespace: %s}
spec:
  targetRef: {group: networking.istio.io, kind: Gateway, name: public}
  %s
`, e.namespaces[0], spec)
	if err := e.mesh.Apply(t.Context(), []byte(policy)); err != nil {
		t.Fatal(err)
	}
}

// playsGuarded sends all cases in all sessions.
func (e *edgeFront) playsGuarded(t *testing.T, header string, users []session, soft bool) {
	t.Helper()
	cases, n := atEdgeCases(), 0
	for version, client := range e.clients {
		for _, c := range cases {
			for _, user := range users {
				if strings.Contains(strings.Join(c.lines["Cookie"], ""), "\xff") && user.header[0] == "Cookie" {
					continue // no session in the same lines can be read
				}
				n++
				want := e.guarded(&c, header, user, soft)
				if got, err := e.sendAs(t.Context(), client, c, user); got != want {
					t.Errorf("%s %s %s %q\ngot  %s %v\nwant %s", version, user.name, c.host, c.lines, got, err, want)
				}
			}
		}
	}
	// Preflights have no session.
	for _, a := range []asked{
		{http.MethodOptions, edgeShop, "/api/x", 80, [2]string{"Cookie", "x-override=v2"}},
		{http.MethodOptions, "v2" + edgePreview, "/api/x", 80, [2]string{"Origin", "https://app.example.com"}},
	} {
		if got, err := e.send(t.Context(), e.gateways[0], a); err != nil || !strings.HasPrefix(got, "200 ") {
			t.Errorf("%v gets %s %v", a, got, err)
		}
	}
	t.Logf("%d requests of %d users", n, len(users))
}

// guarded is the answer to a request in a session, by a gateway with a guard.
func (e *edgeFront) guarded(c *atEdge, header string, user session, soft bool) string {
	made, baggage := c.want(header)
	if c.stripped {
		baggage = "overrides=removed" // a guard does not see overrides in baggage
	}
	switch {
	case user.broken:
		return "status 401"
	case made != "" && !user.tester && soft:
		made = "" // an ordinary request
	case made != "" && !user.tester:
		return "status 403"
	}
	return e.answer(made, baggage)
}

func (e *edgeFront) sendAs(ctx context.Context, client *http.Client, c atEdge, user session) (string, error) {
	if name := user.header[0]; name != "" {
		c.lines = c.lines.Clone()
		if c.lines == nil {
			c.lines = http.Header{}
		}
		c.lines[name] = append([]string{user.header[1]}, c.lines[name]...)
	}
	return e.sendAtEdge(ctx, client, c)
}

// asking is an external authorizer: an HTTP server in the mesh's network.
type asking struct {
	address string
	count   atomic.Int64
}

func (e *edgeFront) authorizer(t *testing.T) *asking {
	t.Helper()
	listener, err := e.mesh.Listen(t.Context(), net.JoinHostPort(machine.NodeAddress, "0"))
	if err != nil {
		t.Fatal(err)
	}
	out := &asking{address: listener.Addr().String()}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out.count.Add(1)
		if r.Header.Get("X-Override") == "" {
			t.Errorf("it is asked about a request without an override: %v", r.Header)
		}
		if r.Header.Get("X-Session") != "tester" {
			w.WriteHeader(http.StatusForbidden)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return out
}

// issuer signs tokens with one key.
type issuer struct{ key *ecdsa.PrivateKey }

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{key}
}

var encoding = base64.RawURLEncoding

// keys returns the JWKS.
func (i *issuer) keys(t *testing.T) string {
	t.Helper()
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"1","x":%q,"y":%q}]}`,
		encoding.EncodeToString(point[1:33]), encoding.EncodeToString(point[33:]))
}

// token returns a signed token.
func (i *issuer) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return i.sign(t, `{"alg":"ES256","kid":"1","typ":"JWT"}`, string(payload))
}

// sign returns a token with a header and a payload, whatever they are.
func (i *issuer) sign(t *testing.T, header, payload string) string {
	t.Helper()
	text := encoding.EncodeToString([]byte(header)) + "." + encoding.EncodeToString([]byte(payload))
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// sessions are those of users with and without the claim, each in a cookie.
func (i *issuer) sessions(t *testing.T) []session {
	t.Helper()
	in := func(name, from string, groups any, tester bool) session {
		claims := map[string]any{"iss": from, "sub": name, "exp": time.Now().Add(time.Hour).Unix()}
		if groups != nil {
			claims["groups"] = groups
		}
		return session{name: name, header: [2]string{"Cookie", "session=" + i.token(t, claims)}, tester: tester}
	}
	forged := in("forged", "idp.test", "testers", false)
	forged.header[1] = forged.header[1][:len(forged.header[1])-8] + "AAAAAAAA"
	forged.broken = true
	return []session{
		{name: "nobody"},
		in("tester", "idp.test", []string{"guests", "testers"}, true),
		in("single", "idp.test", "testers", true),
		in("guest", "idp.test", []string{"guests", "testers-no", "xtesters"}, false),
		in("groupless", "idp.test", nil, false),
		in("foreign", "other.test", []string{"testers"}, false),
		forged,
	}
}
