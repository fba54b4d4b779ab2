package archivetest

import (
	"strings"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Snapshot returns the snapshot of manifests. It logs diagnostics.
func Snapshot(t *testing.T, text string) *model.Snapshot {
	t.Helper()
	objects := discover.Objects{}
	for i, document := range strings.Split("\n"+text, "\n---") {
		_, document, _ = strings.Cut(document, "\n")
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
		if string(object) == "null" {
			continue
		}
		for _, d := range objects.Decode(object, "default", diag.Origin{File: "input.yaml"}) {
			t.Logf("document %d: %v", i+1, d)
		}
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	return snapshot
}

// YAML returns objects as documents.
func YAML(t *testing.T, objects []encoded.Object) string {
	t.Helper()
	var b strings.Builder
	for i := range objects {
		text, err := objects[i].YAML()
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n" + string(text))
	}
	return b.String()
}

// Made returns the VirtualServices and DestinationRules of a snapshot as objects of
// Overrides.
func Made(s *model.Snapshot) ([]route.Table, []route.SubsetRule) {
	var tables []route.Table
	for i := range s.VirtualServices {
		v := &s.VirtualServices[i]
		table := route.Table{
			Namespace: v.Namespace, Name: v.Name, Hosts: v.Spec.GetHosts(), ExportTo: v.Spec.GetExportTo(), Revision: v.Revision,
			Gateways: v.Spec.GetGateways(),
		}
		for _, h := range v.Spec.GetHttp() {
			table.Routes = append(table.Routes, readRow(h))
		}
		tables = append(tables, table)
	}
	var rules []route.SubsetRule
	for i := range s.DestinationRules {
		d := &s.DestinationRules[i]
		rule := route.SubsetRule{
			Namespace: d.Namespace, Name: d.Name, Host: d.Spec.GetHost(), ExportTo: d.Spec.GetExportTo(), Revision: d.Revision, Policy: d.Spec.GetTrafficPolicy(),
		}
		for _, sub := range d.Spec.GetSubsets() {
			rule.Subsets = append(rule.Subsets, route.Subset{Name: sub.GetName(), Labels: sub.GetLabels(), Policy: sub.GetTrafficPolicy()})
		}
		rules = append(rules, rule)
	}
	return tables, rules
}

// readRow returns a route as a row; one named unavailable is a direct response of
// Overrides.
func readRow(h *istioapi.HTTPRoute) route.Route {
	row := route.Route{Name: h.GetName(), Base: h}
	if h.GetName() == "unavailable" {
		row.Base, row.Response = nil, &route.Response{Status: h.GetDirectResponse().GetStatus()}
	}
	for _, m := range h.GetMatch() {
		match := route.Match{
			Headers: readStrings(m.GetHeaders()), WithoutHeaders: readStrings(m.GetWithoutHeaders()), QueryParams: readStrings(m.GetQueryParams()),
			SourceLabels: m.GetSourceLabels(), SourceNamespace: m.GetSourceNamespace(), Port: m.GetPort(), IgnoreURICase: m.GetIgnoreUriCase(),
		}
		for in, out := range map[*istioapi.StringMatch]**route.StringMatch{m.GetUri(): &match.URI, m.GetMethod(): &match.Method, m.GetAuthority(): &match.Authority, m.GetScheme(): &match.Scheme} {
			if in != nil {
				s := readString(in)
				*out = &s
			}
		}
		row.Matches = append(row.Matches, match)
	}
	for _, d := range h.GetRoute() {
		to := d.GetDestination()
		row.Destinations = append(row.Destinations, route.Destination{
			Host: to.GetHost(), Subset: to.GetSubset(), Port: to.GetPort().GetNumber(), Weight: d.GetWeight(), Headers: d.GetHeaders(),
		})
	}
	return row
}

func readStrings(in map[string]*istioapi.StringMatch) route.Matchers {
	out := map[string]route.StringMatch{}
	for name, s := range in {
		out[name] = readString(s)
	}
	return route.NewMatchers(out)
}

func readString(in *istioapi.StringMatch) route.StringMatch {
	switch m := in.GetMatchType().(type) {
	case *istioapi.StringMatch_Exact:
		return route.StringMatch{Op: route.Exact, Value: m.Exact}
	case *istioapi.StringMatch_Prefix:
		return route.StringMatch{Op: route.Prefix, Value: m.Prefix}
	case *istioapi.StringMatch_Regex:
		return route.StringMatch{Op: route.Regex, Value: m.Regex}
	}
	return route.StringMatch{Op: route.Present}
}
