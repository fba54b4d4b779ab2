package istio

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

const (
	// HTTPRouteKind is the kind of the objects for Kubernetes Gateways.
	HTTPRouteKind = "HTTPRoute"
	// RowsAnnotation names the rows of an HTTPRoute in the order of its rules, with the hosts
	// that they lead to: rules have no names.
	RowsAnnotation = "overrides.mesh/rows"

	// GatewayAPIVersion is the apiVersion of HTTPRoutes.
	GatewayAPIVersion = model.GatewayAPIGroup + "/v1"

	// maxHeaderPattern is the maximum length of a pattern in an HTTPRoute, in bytes.
	maxHeaderPattern = 4096

	regularExpression = "RegularExpression"
	rowSeparator      = ", "
	leadsTo           = " -> "
)

// httpRouteSpec is the specification of an HTTPRoute. It has all defaults, so that an object
// that is read back equals the one that was written.
type httpRouteSpec struct {
	ParentRefs []map[string]any `json:"parentRefs"`
	Hostnames  []string         `json:"hostnames,omitempty"`
	Rules      []map[string]any `json:"rules"`
}

// encodeHTTPRoute translates a table for Kubernetes Gateways.
func encodeHTTPRoute(t *route.Table) (Object, error) {
	meta := objectMeta(t.Namespace, t.Name, t.Owner)
	annotate(&meta, AdoptedAnnotation, strings.Join(t.Adopted, ", "))
	spec := httpRouteSpec{Hostnames: t.Attached.Hostnames}
	for _, p := range t.Attached.Parents {
		spec.ParentRefs = append(spec.ParentRefs, parentRef(p))
	}
	rows := make([]string, len(t.Routes))
	for i := range t.Routes {
		rule, err := httpRule(&t.Routes[i])
		if err != nil {
			return Object{}, err
		}
		spec.Rules, rows[i] = append(spec.Rules, rule), rowText(&t.Routes[i])
	}
	annotate(&meta, RowsAnnotation, strings.Join(rows, rowSeparator))
	return CanonicalHTTPRoute(&meta, spec)
}

// CanonicalHTTPRoute is [Canonical] for an HTTPRoute, whose specification is any value.
func CanonicalHTTPRoute(meta *metav1.ObjectMeta, spec any) (Object, error) {
	object := diag.Object{Kind: HTTPRouteKind, Namespace: meta.Namespace, Name: meta.Name}
	text, err := json.Marshal(spec)
	if err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", object, err)
	}
	sorted, err := encoded.Decode(text)
	if err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", object, err)
	}
	if text, err = json.Marshal(sorted); err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", object, err)
	}
	data, err := encodeObject(meta, HTTPRouteKind, text)
	return Object{Object: object, JSON: data}, err
}

func parentRef(p route.Parent) map[string]any {
	out := map[string]any{"group": model.GatewayAPIGroup, "kind": p.Kind, "namespace": p.Namespace, "name": p.Name}
	if p.Section != "" {
		out["sectionName"] = p.Section
	}
	if p.Port != 0 {
		out["port"] = p.Port
	}
	return out
}

// httpRule translates one row.
func httpRule(r *route.Route) (map[string]any, error) {
	out := map[string]any{}
	if r.Rule != nil {
		if err := json.Unmarshal(r.Rule, &out); err != nil {
			return nil, fmt.Errorf("decode the rule of row %s: %w", r.Name, err)
		}
	}
	if r.Response != nil {
		// Without a backend it is answered with 500.
		set := []map[string]any{{"name": r.Response.Header, "value": r.Response.Value}}
		out["filters"] = []map[string]any{{"type": responseFilter, responseModifier: map[string]any{"set": set}}}
	}
	if r.Served {
		out["filters"] = filtersWithServed(out["filters"], r)
	}
	var matches []map[string]any
	for i := range r.Matches {
		matches = append(matches, httpMatch(&r.Matches[i]))
	}
	out["matches"] = matches
	return out, nil
}

func httpMatch(m *route.Match) map[string]any {
	path := map[string]any{"type": "PathPrefix", "value": "/"}
	if m.URI != nil {
		path["value"] = m.URI.Value
		switch m.URI.Op {
		case route.Exact:
			path["type"] = "Exact"
		case route.Regex:
			path["type"] = regularExpression
		case route.PathPrefix, route.Prefix, route.Present:
		}
	}
	out := map[string]any{"path": path}
	if m.Method != nil {
		out["method"] = m.Method.Value
	}
	if headers := valueMatches(m.Headers); len(headers) > 0 {
		out["headers"] = headers
	}
	if params := valueMatches(m.QueryParams); len(params) > 0 {
		out["queryParams"] = params
	}
	return out
}

// valueMatches translates conditions on headers or parameters. Those that every value fulfils
// are last: of a header in several spellings, an implementation must look at the first.
func valueMatches(in route.Matchers) []map[string]any {
	var out []map[string]any
	for _, last := range []bool{false, true} {
		for _, m := range in {
			if (m.Op == route.Regex && m.Value == route.AnyValue) != last {
				continue
			}
			kind := "Exact"
			if m.Op == route.Regex {
				kind = regularExpression
			}
			out = append(out, map[string]any{"type": kind, "name": m.Name, "value": m.Value})
		}
	}
	return out
}

func rowText(r *route.Route) string {
	if r.Kind == route.Override {
		return r.Name + leadsTo + r.Destinations[0].Host
	}
	return r.Name
}

// ReadHTTPRoute returns the routes of an HTTPRoute in the cluster, which has an annotation
// with the names of its rows.
func ReadHTTPRoute(rows string) *route.Placed {
	var out []route.PlacedRow
	for row := range strings.SplitSeq(rows, rowSeparator) {
		name, host, leads := strings.Cut(row, leadsTo)
		one := route.PlacedRow{Name: name, Override: true}
		if leads {
			one.Names, one.Single = []route.Cluster{{Host: host}}, true
		}
		out = append(out, one)
	}
	return route.NewPlaced(nil, out)
}

// AdoptedBy lists the users' objects, by namespace and name, whose routes an encoded object of
// Overrides has.
func AdoptedBy(object []byte) [][2]string {
	var meta metav1.PartialObjectMetadata
	if err := json.Unmarshal(object, &meta); err != nil {
		return nil
	}
	var out [][2]string
	for name := range strings.SplitSeq(meta.Annotations[AdoptedAnnotation], ", ") {
		if namespace, name, found := strings.Cut(name, "/"); found {
			out = append(out, [2]string{namespace, name})
		}
	}
	return out
}

// httpRouteWithoutRows returns an HTTPRoute without the rows that are not kept; nothing if no
// row is left.
func httpRouteWithoutRows(of Object, keep func(row string) bool) ([]byte, error) {
	var object struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     map[string]any    `json:"spec"`
	}
	if err := json.Unmarshal(of.JSON, &object); err != nil {
		return nil, fmt.Errorf("decode %s: %w", of.Object, err)
	}
	rules, _ := object.Spec["rules"].([]any)
	rows := strings.Split(object.Metadata.Annotations[RowsAnnotation], rowSeparator)
	if len(rows) != len(rules) {
		return nil, nil // somebody has changed it
	}
	var keptRules []any
	var keptRows []string
	for i, row := range rows {
		if name, _, _ := strings.Cut(row, leadsTo); keep(name) {
			keptRules, keptRows = append(keptRules, rules[i]), append(keptRows, row)
		}
	}
	if len(keptRows) == 0 {
		return nil, nil
	}
	object.Spec["rules"] = keptRules
	object.Metadata.Annotations[RowsAnnotation] = strings.Join(keptRows, rowSeparator)
	changed, err := CanonicalHTTPRoute(&object.Metadata, object.Spec)
	return changed.JSON, err
}

// httpRouteProblem says why an API server or Istio would refuse the HTTPRoute of a table, or
// proxies its patterns. It is empty if nobody would.
func httpRouteProblem(t *route.Table) string {
	for i := range t.Routes {
		for j := range t.Routes[i].Matches {
			if why := PatternProblem(&t.Routes[i].Matches[j]); why != "" {
				return fmt.Sprintf("row %s, %s", t.Routes[i].Name, why)
			}
		}
	}
	return ""
}

// PatternProblem says which pattern of a match of an HTTPRoute proxies would refuse: nothing
// else checks them. It is empty if they refuse none.
func PatternProblem(m *route.Match) string {
	for _, list := range []route.Matchers{m.Headers, m.QueryParams} {
		for _, v := range list {
			if why := patternProblem(v.StringMatch); why != "" {
				return v.Name + ": " + why
			}
		}
	}
	if m.URI != nil {
		if why := patternProblem(*m.URI); why != "" {
			return "path: " + why
		}
	}
	return ""
}

func patternProblem(m route.StringMatch) string {
	if m.Op != route.Regex {
		return ""
	}
	if len(m.Value) > maxHeaderPattern {
		return fmt.Sprintf("the pattern has %d bytes, but only %d are allowed", len(m.Value), maxHeaderPattern)
	}
	if _, err := regexp.Compile(m.Value); err != nil {
		return fmt.Sprintf("the pattern does not compile: %v", err)
	}
	return ""
}
