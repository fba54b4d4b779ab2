package mesh

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// meshGateway is Istio's name for all sidecars.
const meshGateway = "mesh"

// readMatches translates the alternatives that apply to sidecars. It returns false if all
// of them are for gateways only.
func readMatches(in []*istioapi.HTTPMatchRequest) ([]route.Match, bool, error) {
	var out []route.Match
	for i, m := range in {
		if gateways := m.GetGateways(); len(gateways) > 0 && !slices.Contains(gateways, meshGateway) {
			continue
		}
		match, err := readMatch(m)
		if err == nil {
			err = noClaims(&match)
		}
		if err != nil {
			return nil, false, fmt.Errorf("match[%d].%w", i, err)
		}
		out = append(out, match)
	}
	return out, len(in) == 0 || len(out) > 0, nil
}

// noClaims returns an error for a match that Istio refuses for sidecars.
func noClaims(m *route.Match) error {
	for _, list := range []route.Matchers{m.Headers, m.WithoutHeaders} {
		for i := range list {
			if strings.HasPrefix(list[i].Name, "@request.auth.claims") {
				return fmt.Errorf("headers: %s: claims can only be matched at gateways", list[i].Name)
			}
		}
	}
	return nil
}

// readMatch translates one alternative. If it names gateways, Istio ignores the labels
// and the namespace of the caller.
func readMatch(in *istioapi.HTTPMatchRequest) (route.Match, error) {
	out := route.Match{
		Name: in.GetName(), StatPrefix: in.GetStatPrefix(),
		IgnoreURICase: in.GetIgnoreUriCase(), Port: in.GetPort(),
	}
	if len(in.GetGateways()) == 0 {
		out.SourceLabels, out.SourceNamespace = in.GetSourceLabels(), in.GetSourceNamespace()
	}
	for _, f := range []struct {
		name string
		in   *istioapi.StringMatch
		out  **route.StringMatch
	}{
		{"uri", in.GetUri(), &out.URI},
		{"scheme", in.GetScheme(), &out.Scheme},
		{"method", in.GetMethod(), &out.Method},
		{"authority", in.GetAuthority(), &out.Authority},
	} {
		if f.in == nil {
			continue
		}
		match, err := readString(f.in)
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.out = &match
	}
	for _, f := range []struct {
		name string
		in   map[string]*istioapi.StringMatch
		out  *route.Matchers
	}{
		{"headers", in.GetHeaders(), &out.Headers},
		{"withoutHeaders", in.GetWithoutHeaders(), &out.WithoutHeaders},
		{"queryParams", in.GetQueryParams(), &out.QueryParams},
	} {
		matches, err := readStrings(f.in, f.name != "queryParams")
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.out = matches
	}
	return out, nil
}

func readStrings(in map[string]*istioapi.StringMatch, fold bool) (route.Matchers, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(route.Matchers, 0, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		match, err := readString(in[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, route.Matcher{Name: name, StringMatch: match})
	}
	if fold {
		out = route.Fold(out)
	}
	return out, nil
}

// readString translates a StringMatch; none, {} and the pattern "*" require presence
// (Istio's canBeConvertedToPresentMatch).
func readString(in *istioapi.StringMatch) (route.StringMatch, error) {
	switch m := in.GetMatchType().(type) {
	case *istioapi.StringMatch_Exact:
		return route.StringMatch{Op: route.Exact, Value: m.Exact}, nil
	case *istioapi.StringMatch_Prefix:
		return route.StringMatch{Op: route.Prefix, Value: m.Prefix}, nil
	case *istioapi.StringMatch_Regex:
		if m.Regex == "*" {
			return route.StringMatch{Op: route.Present}, nil
		}
		if len(m.Regex) > grammar.MaxPatternBytes {
			return route.StringMatch{}, fmt.Errorf("the pattern is longer than %d bytes", grammar.MaxPatternBytes)
		}
		if _, err := regexp.Compile(m.Regex); err != nil {
			return route.StringMatch{}, fmt.Errorf("the pattern does not compile: %w", err)
		}
		return route.StringMatch{Op: route.Regex, Value: m.Regex}, nil
	}
	return route.StringMatch{Op: route.Present}, nil
}
