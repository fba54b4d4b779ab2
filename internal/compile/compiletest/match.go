package compiletest

import (
	"fmt"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

func exact(value string) *istioapi.StringMatch {
	return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Exact{Exact: value}}
}

func prefix(value string) *istioapi.StringMatch {
	return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: value}}
}

func regex(value string) *istioapi.StringMatch {
	return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Regex{Regex: value}}
}

// match adds to the matches of a route what the shapes ask for.
func (d *draw) match(r *istioapi.HTTPRoute) {
	const all = CallerRoutes | PortRoutes | Matches | HeaderSpellings | LongPatterns | BaggageMatches
	if !d.has(all) {
		return
	}
	if len(r.Match) == 0 && d.oneIn(2, "a match") {
		r.Match = []*istioapi.HTTPMatchRequest{{}}
	}
	for _, m := range r.Match {
		if d.has(CallerRoutes) && d.oneIn(2, "for callers") {
			d.forCallers(m)
		}
		if d.has(PortRoutes) && d.oneIn(2, "for a port") {
			m.Port = pick[uint32](d, "port", 80, 9090, 8080, 6379)
		}
		if d.has(Matches) && d.oneIn(2, "of any kind") {
			d.ofAnyKind(m)
		}
		if d.has(HeaderSpellings) && d.oneIn(2, "two spellings") {
			d.twoSpellings(m)
		}
		if d.has(LongPatterns) && d.oneIn(2, "long pattern") {
			d.longPattern(m)
		}
		if d.has(BaggageMatches) && d.oneIn(2, "baggage match") {
			d.onBaggage(m)
		}
	}
}

// forCallers has a match fit some callers only.
func (d *draw) forCallers(m *istioapi.HTTPMatchRequest) {
	if d.oneIn(3, "by namespace") {
		m.SourceNamespace = pick(d, "from namespace", "shop", "lab", front, rootNamespace)
		return
	}
	m.SourceLabels = pick(d, "from labels", map[string]string{"app": "web"}, map[string]string{"app": "cart"},
		map[string]string{"role": "admin"}, map[string]string{"app": "web", "version": "v1"}, map[string]string{"track": "stable"})
}

// ofAnyKind adds matches of the kinds that are rare.
func (d *draw) ofAnyKind(m *istioapi.HTTPMatchRequest) {
	for _, kind := range some(d, "match kinds", 1, 3, "authority", "scheme", "uri", "query", "method", "name", "case", "headers") {
		switch kind {
		case "authority":
			m.Authority = pick(d, "authority match", prefix("cart"), exact("cart"), exact("front.example.com"), regex(`cart(\..*)?`))
		case "scheme":
			m.Scheme = exact("http")
		case "uri":
			m.Uri = pick(d, "uri match", regex("/api(/.*)?"), exact("/"), prefix("/"), prefix("/api/"))
		case "query":
			m.QueryParams = pick(d, "query match", map[string]*istioapi.StringMatch{"q": regex("1+")}, map[string]*istioapi.StringMatch{"q": exact(""), "r": exact("2")})
		case "method":
			m.Method = pick(d, "method match", regex("GET|POST"), prefix("DEL"), exact("OPTIONS"))
		case "name":
			m.Name, m.StatPrefix = "named", "stat"
		case "case":
			m.Uri, m.IgnoreUriCase = exact("/API"), true
		case "headers":
			setHeader(&m.Headers, "X-Team", regex("an{2}a?"))
			setHeader(&m.WithoutHeaders, "x-blocked", &istioapi.StringMatch{})
		}
	}
}

func setHeader(headers *map[string]*istioapi.StringMatch, name string, match *istioapi.StringMatch) {
	if *headers == nil {
		*headers = map[string]*istioapi.StringMatch{}
	}
	(*headers)[name] = match
}

// twoSpellings has two conditions on one header, which Istio tells apart by case.
func (d *draw) twoSpellings(m *istioapi.HTTPMatchRequest) {
	headers := &m.Headers
	if d.oneIn(3, "absence in two spellings") {
		headers = &m.WithoutHeaders
	}
	switch pick(d, "header in two spellings", "x-user", "baggage", "x-override") {
	case "x-user":
		setHeader(headers, "X-User", prefix("an"))
		setHeader(headers, "x-user", regex(".*a"))
	case "baggage":
		setHeader(headers, "Baggage", regex(".*k=v.*"))
		setHeader(headers, "baggage", prefix("k"))
	case "x-override":
		setHeader(headers, "X-Override", regex(".*v2.*"))
	}
}

// longPattern has a match with a regular expression that leaves no room for another.
func (d *draw) longPattern(m *istioapi.HTTPMatchRequest) {
	var tenants []string
	for i := range pick(d, "tenants", 92, 70, 30) {
		tenants = append(tenants, fmt.Sprintf("tenant=%d", 100+i))
	}
	pattern := regex(strings.Join(tenants, "|"))
	switch pick(d, "long pattern on", "absence", "presence", "user") {
	case "absence":
		setHeader(&m.WithoutHeaders, "baggage", pattern)
	case "presence":
		setHeader(&m.Headers, "baggage", pattern)
	case "user":
		setHeader(&m.Headers, "x-user", pattern)
	}
}

// onBaggage has a match look at the header of which overrides may be a part.
func (d *draw) onBaggage(m *istioapi.HTTPMatchRequest) {
	match := pick(d, "on baggage", regex(".*x-canary=true.*"), prefix("k="), exact("k=v"), regex(".*k=v.*"), &istioapi.StringMatch{})
	if d.oneIn(3, "on its absence") {
		setHeader(&m.WithoutHeaders, "baggage", match)
		return
	}
	setHeader(&m.Headers, "baggage", match)
}
