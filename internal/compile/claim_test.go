package compile_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// user has claims, each of which is a list.
type user map[string][]string

func users() *rapid.Generator[user] {
	return rapid.Custom(func(t *rapid.T) user {
		out := user{}
		if iss := rapid.SampledFrom([]string{"idp.test", "idp.test", "idp.test", "other.test", ""}).Draw(t, "iss"); iss != "" {
			out["iss"] = []string{iss}
		}
		if groups := rapid.SampledFrom([][]string{nil, {"testers"}, {"qa"}, {"ops", "testers"}, {"testers", "qa", "x.y"}, {"x.y"}, {"xay"}}).Draw(t, "groups"); groups != nil {
			out["groups"] = groups
		}
		if team := rapid.SampledFrom([]string{"", "shop", "qa"}).Draw(t, "team"); team != "" {
			out["team"] = []string{team}
		}
		return out
	})
}

func claimRules() *rapid.Generator[*v1alpha1.ClaimRules] {
	rule := rapid.Custom(func(t *rapid.T) v1alpha1.ClaimRule {
		return v1alpha1.ClaimRule{
			Claim:     rapid.SampledFrom([]string{"groups", "groups", "team"}).Draw(t, "claim"),
			Values:    rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"testers", "qa", "x.y", "shop"}), 1, 2, rapid.ID[string]).Draw(t, "values"),
			Overrides: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"web:*", "web.shop:v2", "*:v2", "*.shop:v*", "other:v2", "*:*"}), 1, 2, rapid.ID[string]).Draw(t, "overrides"),
		}
	})
	return rapid.Custom(func(t *rapid.T) *v1alpha1.ClaimRules {
		return &v1alpha1.ClaimRules{Issuer: "idp.test", Rules: rapid.SliceOfN(rule, 1, 4).Draw(t, "rules")}
	})
}

// may says whether a user may ask for members, from the meaning of the rules alone.
func (u user) may(t *rapid.T, claims *v1alpha1.ClaimRules, members []grammar.Member) bool {
	return slices.Contains(u["iss"], claims.Issuer) && !slices.ContainsFunc(members, func(m grammar.Member) bool {
		return !slices.ContainsFunc(claims.Rules, func(rule v1alpha1.ClaimRule) bool {
			has := slices.ContainsFunc(u[rule.Claim], func(text string) bool { return slices.Contains(rule.Values, text) })
			return has && slices.ContainsFunc(rule.Overrides, func(text string) bool {
				name, version, _ := strings.Cut(text, ":")
				service, namespace, inOne := strings.Cut(name, ".")
				matches, err := path.Match(version, m.Version)
				if err != nil {
					t.Fatal(err)
				}
				return matches && (service == "*" || service == m.Service) && (!inOne || namespace == m.Namespace)
			})
		})
	})
}

// TestClaims: at a gateway in mode Claim, a request with an override takes the row that it takes
// without any guard if the user's claims permit each member, and is otherwise an ordinary one that
// loses the header. A request without an override meets no row of the guard.
func TestClaims(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/gateway/soft.txtar")
	if err != nil {
		t.Fatal(err)
	}
	in := &input{options: model.DefaultOptions()}
	in.add(t, "input.yaml", string(archive.Files[0].Data))
	objects := discover.Objects{}
	for _, d := range in.documents {
		objects.Decode(d.json, "default", d.origin)
	}
	snapshot, _ := objects.Snapshot(in.options)
	tableWith := func(claims *v1alpha1.ClaimRules) *route.Table {
		s := *snapshot
		s.Gateways = slices.Clone(snapshot.Gateways)
		s.Gateways[0].Claims = claims
		result := compile.Compile(&s)
		return &result.Tables[slices.IndexFunc(result.Tables, func(table route.Table) bool { return len(table.Gateways) > 0 })]
	}
	open := tableWith(nil)
	permitted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		claims := claimRules().Draw(t, "claims")
		guarded := tableWith(claims)
		for range 10 {
			u := users().Draw(t, "user")
			members := rapid.SliceOfN(rapid.SampledFrom([]string{"web:v2", "web.shop:v2", "*:v2", "*.shop:v2", "other:v2", "web:v1;strict", "web:v3;strict", "other.demo:v1"}), 0, 2).Draw(t, "members")
			request := &route.Request{
				Method: "GET", Scheme: "http", Authority: "shop.example.com", Path: rapid.SampledFrom([]string{"/", "/health"}).Draw(t, "path"),
				Header: map[string][]string{}, Caller: route.Caller{Namespace: "istio-system"},
			}
			for claim, list := range u {
				request.Header["@request.auth.claims["+claim+"]"] = list
			}
			if len(members) > 0 {
				request.Header["x-override"] = []string{strings.Join(members, ",")}
			}
			var asked []grammar.Member
			for _, text := range members {
				m, err := grammar.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				asked = append(asked, m...)
			}
			got, want := rowOf(guarded, request), rowOf(open, request)
			switch {
			case len(members) == 0:
			case u.may(t, claims, asked):
				permitted++
			default:
				refused++
				delete(request.Header, "x-override")
				want = strings.Replace(rowOf(open, request), "ordinary", "released", 1) + " without the header"
				if request.Path == "/health" {
					want = strings.TrimSuffix(want, " without the header") // answered by the gateway
				}
			}
			if got != want {
				t.Fatalf("%v with %q, rules %+v\ngot  %s\nwant %s", u, members, claims.Rules, got, want)
			}
		}
	})
	if permitted < 20 || refused < 20 {
		t.Errorf("%d requests are permitted, %d are not: the generator misses cases", permitted, refused)
	}
	if testing.Verbose() {
		t.Logf("%d requests are permitted, %d are not", permitted, refused)
	}
}

// rowOf describes the row that a request takes.
func rowOf(table *route.Table, request *route.Request) string {
	d := route.Evaluate(table, request)
	if d.Route < 0 {
		return "none"
	}
	r := &table.Routes[d.Route]
	out := fmt.Sprintf("%s %v", r.Name, r.Destinations)
	if slices.Contains(r.Base.GetHeaders().GetRequest().GetRemove(), "x-override") {
		out += " without the header"
	}
	return out
}
