package e2e_test

import (
	"context"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const claimNamespace = "edge-claim"

// claimPolicy lets testers ask for versions of web, the team of cart for one version of it, and
// admins for all versions v….
const claimPolicy = `header: Claim
  claims:
    issuer: idp.test
    rules:
      - {claim: groups, values: [testers], overrides: ["web:*"]}
      - {claim: team, values: [cart, basket], overrides: ["cart.edge-claim:v2"]}
      - {claim: groups, values: [admins, owners], overrides: ["*:v*"]}`

// claimed is a request, and the users whose claims permit its override.
type claimed struct {
	atEdge

	users []string
}

// TestEdgeClaim sends requests in the sessions of users with several claims through a gateway whose
// policy says which claim may use which overrides. Only a request whose user may ask for all
// members reaches a preview; all others are ordinary ones.
func TestEdgeClaim(t *testing.T) {
	t.Parallel()
	e := openEdgeIn(t, claimNamespace)
	e.follow(t)
	idp := newIssuer(t)
	text, err := os.ReadFile("testdata/edge-claim.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer("NAMESPACE", claimNamespace, "JWKS", idp.keys(t)).Replace(string(text)))
	if err := e.mesh.Apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	ordinary := ordinaryAtEdge()
	before := e.play(t, ordinary)
	users := idp.claimSessions(t)
	e.installPolicy(t, claimPolicy)
	e.awaitClaims(t, users)
	cases, n := claimCases(), 0
	for version, client := range e.clients {
		for _, c := range cases {
			for _, user := range users {
				n++
				want := e.claimed(&c, user)
				if got, err := e.sendAs(t.Context(), client, c.atEdge, user); got != want {
					t.Errorf("%s %s %s %q\ngot  %s %v\nwant %s", version, user.name, c.host, c.lines, got, err, want)
				}
			}
		}
	}
	for i, got := range e.play(t, ordinary) {
		if got != before[i] {
			t.Errorf("%v\nbefore %s\nafter  %s", ordinary[i], before[i], got)
		}
	}
	t.Logf("%d requests of %d users, %d ordinary ones", n, len(users), len(ordinary))

	// Without the rules, the same header leads everybody to the preview.
	e.installPolicy(t, "header: Trust")
	e.awaitRoutes(t, atEdge{host: edgeShop, lines: http.Header{"X-Override": {"web:v2"}}}, "v2")
}

// claimed is the answer to a request in a session.
func (e *edgeFront) claimed(c *claimed, user session) string {
	made, baggage := c.want("Trust")
	if c.stripped {
		baggage = "overrides=removed"
	}
	switch {
	case user.broken:
		return "status 401"
	case !slices.Contains(c.users, user.name):
		made = ""
	}
	return e.answer(made, baggage)
}

// awaitClaims waits until new connections of all users have the rules.
func (e *edgeFront) awaitClaims(t *testing.T, users []session) {
	t.Helper()
	c := claimed{atEdge{host: edgeShop, lines: http.Header{"X-Override": {"web:v2"}}}, []string{"tester", "single", "both"}}
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, "the rules for claims", func(context.Context) string {
		for range 20 {
			for _, client := range e.clients {
				client.CloseIdleConnections()
			}
			for _, user := range users {
				if user.name == "admin" || user.name == "owner" {
					continue
				}
				if got, _ := e.sendAs(t.Context(), e.client, c.atEdge, user); got != e.claimed(&c, user) {
					return user.name + " gets " + got
				}
			}
		}
		return ""
	})
}

// claimCases are requests, and who may make them.
func claimCases() []claimed {
	web, cart, admins := []string{"tester", "single", "both", "admin", "owner"}, []string{"cart", "both", "admin", "owner"}, []string{"admin", "owner"}
	both := []string{"both", "admin", "owner"}
	var out []claimed
	header := func(users []string, lines ...string) {
		out = append(out, claimed{atEdge{host: edgeShop, lines: http.Header{"X-Override": lines}}, users})
	}
	header(web, "web:v2")
	header(web, "web.edge-claim:v2;strict")
	header(web, "web:v1")
	header(web, " web:v2 ;strict ,, web:v2")
	header(cart, "cart.edge-claim:v2")
	header(admins, "cart:v2")
	header(admins, "cart.edge-claim:v1")
	header(admins, "*:v2")
	header(admins, "*.edge-claim:v2")
	header(both, "web:v2, cart.edge-claim:v2")
	header(both, "cart.edge-claim:v2;strict", "web:v2")
	header(admins, "web:v2, cart:v2")
	header(admins, "web:v2", "*:v2")
	header(nil, "web:v2,other:x")
	header(nil, "cart:x9;strict")
	header(nil, "web:v2, =")
	header(nil, "web:v2 cart:v2")
	header(nil, "web :v2, web:v2")
	header(nil, "\xff, web:v2")
	header(nil, "web:v2", "*:v2,\xff")
	header(nil, "*:v2,\xff", "web:v2")
	header(nil, "web:v2", "", "cart:x9")
	cookie := func(users []string, value, made string) {
		out = append(out, claimed{atEdge{host: edgeShop, lines: http.Header{"Cookie": {"x-override=" + value}}, made: made, fromCookie: true}, users})
	}
	cookie(admins, "v2", "*:v2")
	cookie(web, "web%3Av2", "web:v2")
	cookie(both, "web:v2~cart.edge-claim:v2", "web:v2,cart.edge-claim:v2")
	cookie(cart, "Web:v2~cart.edge-claim:v2", ",cart.edge-claim:v2")
	cookie(web, "web:v2~x", "web:v2")
	for _, line := range []string{"web:v2", "cart.edge-claim:v2"} {
		out = append(out, claimed{atEdge{host: "v2" + edgePreview, lines: http.Header{"X-Override": {line}}, made: "*:v2"}, admins})
	}
	return append(out,
		claimed{atEdge{host: "v2" + edgePreview, made: "*:v2"}, admins},
		claimed{atEdge{host: "x1" + edgePreview, made: "*:x1"}, nil},
		claimed{atEdge{host: edgeShop, lines: http.Header{"Baggage": {"a=b,override.web=v2"}}, stripped: true}, nil},
		claimed{atEdge{host: edgeShop, lines: http.Header{"Baggage": {"override.cart=v2"}, "X-Override": {"web:v2"}}, stripped: true}, web},
		claimed{atEdge{host: edgeShop, lines: http.Header{"Baggage": {"a=b"}}}, nil},
		claimed{atEdge{host: "other.example.com", any: true, lines: http.Header{"X-Override": {"web:v2"}}}, web},
		claimed{atEdge{host: edgeShop}, nil},
		// Its first service has no previews.
		claimed{atEdge{host: "plain.example.com", any: true, lines: http.Header{"X-Override": {"cart.edge-claim:v2"}}}, cart},
		claimed{atEdge{host: "plain.example.com", any: true}, nil},
	)
}

// claimSessions are those of users with several claims, each in a cookie.
func (i *issuer) claimSessions(t *testing.T) []session {
	t.Helper()
	var out []session
	in := func(name string, changed map[string]any) *session {
		claims := map[string]any{"iss": "idp.test", "sub": name, "exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(claims, changed)
		out = append(out, session{name: name, header: [2]string{"Cookie", "login=" + i.token(t, claims)}})
		return &out[len(out)-1]
	}
	out = append(out, session{name: "nobody"})
	in("tester", map[string]any{"groups": []string{"guests", "testers"}})
	in("single", map[string]any{"groups": "testers"})
	in("cart", map[string]any{"groups": []string{"guests"}, "team": []string{"basket", "toys"}})
	in("both", map[string]any{"groups": []string{"testers"}, "team": "cart"})
	in("admin", map[string]any{"groups": []string{"admins"}})
	in("owner", map[string]any{"groups": []string{"testers", "owners"}, "team": "cart"})
	in("guest", map[string]any{"groups": []string{"guests", "testers-no", "xtesters", "testers|admins", ".*"}})
	in("other claim", map[string]any{"roles": []string{"testers", "admins"}, "team": "testers"})
	in("nested", map[string]any{"groups": map[string]any{"a": "testers", "testers": "a"}})
	in("joined", map[string]any{"groups": "testers,admins"})
	in("foreign", map[string]any{"iss": "other.test", "groups": []string{"testers", "admins"}, "team": "cart"})
	in("expired", map[string]any{"groups": []string{"admins"}, "exp": time.Now().Add(-time.Hour).Unix()}).broken = true
	forged := in("forged", map[string]any{"groups": []string{"admins"}})
	forged.header[1], forged.broken = forged.header[1][:len(forged.header[1])-8]+"AAAAAAAA", true
	return out
}
