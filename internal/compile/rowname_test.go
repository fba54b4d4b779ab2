package compile

import (
	"slices"
	"strings"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rowNameSnapshot generates Services whose versions, callers and routes are called
// like parts of the names of rows.
func rowNameSnapshot(t *rapid.T) *model.Snapshot {
	versions := rapid.SampledFrom([]string{
		"v1", "v2", "v1.2", "v1.api", "v1.method-GET", "v1.from-web", "v1.from-web.method-GET",
	})
	callers := rapid.SampledFrom([]string{"web", "web.method-GET", "web.from-web", "a.api"})
	out := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"lab", "shop", "web"}}
	for _, namespace := range []string{"lab", "shop", "web"} {
		s := model.Service{
			Namespace: namespace, Name: "reviews", Selector: map[string]string{"app": "reviews"},
			Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}, {Name: "http-2", Number: 81, HTTP: true}},
			Settings: model.Settings{
				Conditions: rapid.SampledFrom([][]string{nil, {"from"}, {"method"}, {"from", "method"}}).Draw(t, "conditions"),
				Methods:    []string{"GET", "PUT"},
			},
		}
		for _, v := range rapid.SliceOfNDistinct(versions, 2, 6, rapid.ID).Draw(t, "versions") {
			s.Backends = append(s.Backends, model.Backend{
				Workload: model.Workload{Kind: "Deployment", Name: "w-" + strings.ToLower(v)}, Pods: 1, Ready: 1,
				Labels: map[string]string{"app": "reviews", "version": v},
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "named") {
			s.Settings.Callers = append(s.Settings.Callers, model.Caller{
				Namespace: rapid.SampledFrom([]string{"lab", "shop"}).Draw(t, "callerNamespace"), Name: callers.Draw(t, "caller"),
				Label: rapid.SampledFrom([]string{"app", "other"}).Draw(t, "label"),
			})
		}
		s.Settings.ReleasedVersions = []string{s.Backends[0].Labels["version"]}
		out.Services = append(out.Services, s)
		out.Callers = append(out.Callers, model.Caller{Namespace: namespace, Name: callers.Draw(t, "local"), Label: "app"})
	}
	if rapid.IntRange(0, 3).Draw(t, "adopted") > 0 {
		out.VirtualServices = []model.VirtualService{rowNameRoutes(t)}
	}
	return out
}

func rowNameRoutes(t *rapid.T) model.VirtualService {
	v := model.VirtualService{Namespace: "shop", Name: "public", Spec: &istioapi.VirtualService{
		Hosts: []string{rapid.SampledFrom([]string{"reviews", "public.example.com"}).Draw(t, "host")},
	}}
	names := rapid.SampledFrom([]string{"", "api", "2.api", "method-GET", "api#2", "override.reviews.v2#1", "override.reviews.v1.2.api"})
	for range rapid.IntRange(1, 5).Draw(t, "routes") {
		h := &istioapi.HTTPRoute{Name: names.Draw(t, "name")}
		if rapid.Bool().Draw(t, "matches") {
			h.Match = []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: "/api"}}}}
		}
		for _, namespace := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"lab", "shop", "web"}), 1, 3, rapid.ID).Draw(t, "to") {
			h.Route = append(h.Route, &istioapi.HTTPRouteDestination{
				Weight: 1, Destination: &istioapi.Destination{Host: "reviews." + namespace + ".svc.cluster.local"},
			})
		}
		v.Spec.Http = append(v.Spec.Http, h)
	}
	return v
}

// TestRowNamesAreInjective: no two rows for overrides have one name, nor has one
// the name of a route of the user's; and a name means the same version when
// other versions come or go.
func TestRowNamesAreInjective(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := rowNameSnapshot(t)
		before := versionsByRow(t, snapshot)
		s := &snapshot.Services[rapid.IntRange(0, len(snapshot.Services)-1).Draw(t, "service")]
		if n := len(s.Backends); n > 1 {
			at := rapid.IntRange(1, n-1).Draw(t, "gone")
			s.Backends = slices.Delete(slices.Clone(s.Backends), at, at+1)
		}
		for name, version := range versionsByRow(t, snapshot) {
			if was, there := before[name]; there && was != version {
				t.Fatalf("%v leads to %v, and led to %v", name, version, was)
			}
		}
	})
}

// versionsByRow finds the version of each row for overrides by the names of its
// table and its own.
func versionsByRow(t *rapid.T, snapshot *model.Snapshot) map[[2]string]route.Version {
	out := map[[2]string]route.Version{}
	result := Compile(snapshot)
	for i := range result.Tables {
		table := &result.Tables[i]
		users := map[string]bool{}
		for j := range table.Routes {
			if r := &table.Routes[j]; r.Kind == route.Ordinary || r.Kind == route.Released {
				users[r.Name] = true
			}
		}
		for j := range table.Routes {
			r := &table.Routes[j]
			if r.Kind != route.Override && r.Kind != route.Unavailable {
				continue
			}
			key := [2]string{table.Namespace + "/" + table.Name, r.Name}
			if _, twice := out[key]; twice || users[r.Name] {
				t.Fatalf("%s: row %s is not the only one of its name", table.Name, r.Name)
			}
			out[key] = r.Version
		}
	}
	return out
}

// TestRowNamesKeepTheirShape: ordinary names have no hash.
func TestRowNamesKeepTheirShape(t *testing.T) {
	t.Parallel()
	s := &service{given: given{Service: &model.Service{Namespace: "shop", Name: "reviews"}}}
	for _, test := range []struct {
		route   string
		version string
		suffix  string
		want    string
	}{
		{"", "v1.2", "", "override.reviews.v1.2"},
		{"api", "v1.2", "", "override.reviews.v1.2.api"},
		{"api", "v2", ".from-web.method-GET", "override.reviews.v2.from-web.method-GET.api"},
		{"", "", ".method-GET", "override.reviews.method-GET"},
		{"", "v1.method-GET", "", "override.reviews.v1.method-GET~b803838fce"},
		{"api#2", "v1", "", "override.reviews.v1.api#2~21125380d5"},
		{"2.api", "v1", "", "override.reviews.v1.2.api~21125380d5"},
	} {
		b := &builder{services: &services{}, draft: &draft{of: []*service{s}}, routes: []userRoute{{name: test.route}}}
		names := b.rowNamesOf(0, s)
		if got := names.name(route.Override, test.version, &condition{suffix: test.suffix}); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
