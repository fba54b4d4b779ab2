package discover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// httpRoute is an HTTPRoute. Its rules are kept as they are, since routes of Overrides have
// the same filters and timeouts; but the defaults that an API server would fill in are filled
// in, so that an object that was read back is the one that was written.
type httpRoute struct {
	gatewayRoute

	rules   []model.HTTPRule
	unknown []string
	// document is the object as it was read.
	document []byte
}

// httpRouteSpec is the specification of an HTTPRoute with its parts as they are.
type httpRouteSpec struct {
	Spec map[string]json.RawMessage `json:"spec"`
}

// httpMatch is a match of an HTTPRoute.
type httpMatch struct {
	Path *struct {
		Type  string  `json:"type"`
		Value *string `json:"value"`
	} `json:"path"`
	Method      string       `json:"method"`
	Headers     []valueMatch `json:"headers"`
	QueryParams []valueMatch `json:"queryParams"`
}

// valueMatch is a match of a header or a query parameter.
type valueMatch struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// httpBackend is a backend of an HTTPRoute.
type httpBackend struct {
	reference

	Port    uint32          `json:"port"`
	Weight  *int32          `json:"weight"`
	Filters json.RawMessage `json:"filters"`
}

const regularExpression = "RegularExpression"

func decodeHTTPRoute(doc []byte) (metav1.Object, error) {
	out := &httpRoute{document: doc}
	if err := strictly(doc, &out.gatewayRoute, kjson.DisallowDuplicateFields); err != nil {
		return out, err
	}
	var whole httpRouteSpec
	if err := read(doc, &whole); err != nil {
		return out, err
	}
	return out, out.readSpec(whole.Spec)
}

func read(data []byte, into any) error { return kjson.UnmarshalCaseSensitivePreserveInts(data, into) }

// readSpec reads the parts of the specification. It notes those that are not known.
func (x *httpRoute) readSpec(spec map[string]json.RawMessage) error {
	var rules []map[string]json.RawMessage
	for _, key := range slices.Sorted(maps.Keys(spec)) {
		var err error
		switch key {
		case "parentRefs", "hostnames": // which every route has
		case "rules":
			err = read(spec[key], &rules)
		default:
			x.unknown = append(x.unknown, keyPath("spec", key))
		}
		if err != nil {
			return fmt.Errorf("spec.%s: %w", key, err)
		}
	}
	if spec["rules"] == nil {
		rules = []map[string]json.RawMessage{{}}
	}
	for i, in := range rules {
		if err := x.readRule(in, fmt.Sprintf("spec.rules[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// readRule reads a rule. One without a match is for every request.
func (x *httpRoute) readRule(in map[string]json.RawMessage, path string) error {
	out := model.HTTPRule{Body: map[string]json.RawMessage{}}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		var err error
		switch key {
		case "name":
		case "matches":
			var matches []json.RawMessage
			if err = read(in[key], &matches); err != nil {
				break
			}
			for i, raw := range matches {
				if err := x.readMatch(&out, raw, fmt.Sprintf("%s.matches[%d]", path, i)); err != nil {
					return err
				}
			}
		case "backendRefs":
			var refs []json.RawMessage
			if err = read(in[key], &refs); err != nil {
				break
			}
			for _, raw := range refs {
				b, err := readBackend(raw)
				if err != nil {
					return fmt.Errorf("%s.%s: %w", path, key, err)
				}
				out.Backends = append(out.Backends, b)
			}
		case "filters":
			out.Body[key], err = withDefaults(in[key], key)
			out.Rewrites = strings.Contains(string(in[key]), `"replacePrefixMatch"`)
		case "timeouts", "retry", "sessionPersistence":
			out.Body[key], err = withDefaults(in[key], key)
		default:
			x.unknown = append(x.unknown, keyPath(path, key))
		}
		if err != nil {
			return fmt.Errorf("%s.%s: %w", path, key, err)
		}
	}
	if len(out.Matches) == 0 {
		out.Matches = []route.Match{{URI: &route.StringMatch{Op: route.PathPrefix, Value: "/"}}}
	}
	x.rules = append(x.rules, out)
	return nil
}

// readMatch reads a match as Istio does (pilot/pkg/config/kube/gateway: createURIMatch,
// createHeadersMatch).
func (x *httpRoute) readMatch(to *model.HTTPRule, raw json.RawMessage, path string) error {
	var in httpMatch
	findings, err := kjson.UnmarshalStrict(raw, &in, kjson.DisallowUnknownFields)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, f := range findings {
		x.unknown = append(x.unknown, path+": "+f.Error())
	}
	uri := route.StringMatch{Op: route.PathPrefix, Value: "/"}
	if in.Path != nil {
		if in.Path.Value != nil {
			uri.Value = *in.Path.Value
		}
		switch in.Path.Type {
		case "", "PathPrefix":
			if trimmed := strings.TrimSuffix(uri.Value, "/"); trimmed != "" {
				uri.Value = trimmed
			}
		case "Exact":
			uri.Op = route.Exact
		case regularExpression:
			uri.Op = route.Regex
		default:
			x.unknown = append(x.unknown, path+".path.type: "+in.Path.Type)
		}
	}
	out := route.Match{URI: &uri, Headers: x.values(in.Headers, path+".headers"), QueryParams: x.values(in.QueryParams, path+".queryParams")}
	if in.Method != "" {
		out.Method = &route.StringMatch{Op: route.Exact, Value: in.Method}
	}
	to.Matches = append(to.Matches, out)
	return nil
}

// values reads matches of headers or query parameters.
func (x *httpRoute) values(in []valueMatch, path string) route.Matchers {
	byName := map[string]route.StringMatch{}
	for _, v := range in {
		m := route.StringMatch{Op: route.Exact, Value: v.Value}
		switch v.Type {
		case "", "Exact":
		case regularExpression:
			m.Op = route.Regex
		default:
			x.unknown = append(x.unknown, path+": type "+v.Type)
		}
		byName[v.Name] = m
	}
	if len(byName) == 0 {
		return nil
	}
	return route.NewMatchers(byName)
}

// readBackend reads a backend of a rule.
func readBackend(raw json.RawMessage) (model.HTTPBackend, error) {
	var in httpBackend
	if err := read(raw, &in); err != nil {
		return model.HTTPBackend{}, err
	}
	whole, err := withDefaults(raw, backendRef)
	if err != nil {
		return model.HTTPBackend{}, err
	}
	out := model.HTTPBackend{Port: in.Port, Weight: 1, Filters: in.Filters, JSON: whole}
	if in.Weight != nil {
		out.Weight = *in.Weight
	}
	if group, kind := in.as("", "Service"); group == "" && kind == "Service" {
		out.Namespace, out.Service = in.Namespace, in.Name
	}
	if out.Filters != nil {
		out.Filters, err = withDefaults(out.Filters, "filters")
	}
	return out, err
}

// OwnRoute is an HTTPRoute of Overrides: it decides nothing, and is compared with what is
// wanted.
type OwnRoute struct {
	Meta

	Labels map[string]string
	// JSON is the whole object.
	JSON []byte
}

// GetLabels returns the labels.
func (r *OwnRoute) GetLabels() map[string]string { return r.Labels }

// trimHTTPRoute returns the trimmed form of x, which may be attached to Services and to
// gateways. HTTPRoutes of Overrides are not read again.
func (x *httpRoute) trimHTTPRoute() Object {
	if isOurs(&x.ObjectMeta) {
		return &OwnRoute{Meta: metaOf(x), Labels: x.Labels, JSON: bytes.Clone(x.document)}
	}
	out := x.trimRoute()
	if out.HTTP = x.onGateways(); out.HTTP == nil {
		return out
	}
	out.HTTP.Unknown = x.unknown
	for _, r := range x.rules {
		r.Backends = slices.Clone(r.Backends)
		for i := range r.Backends {
			if b := &r.Backends[i]; b.Service != "" {
				b.Namespace = cmp.Or(b.Namespace, x.Namespace)
			}
		}
		out.HTTP.Rules = append(out.HTTP.Rules, r)
	}
	return out
}
