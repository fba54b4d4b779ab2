package edge

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/token"
)

// Filter is what the objects of an entry do to requests.
type Filter struct {
	// Request is what is made: less than what was asked for if the guard can't be made.
	Request *Request
	// carrier is the name of the override header.
	carrier string
	// selector and namespaces are where the pods are; root is set if these are all namespaces.
	selector   map[string]string
	namespaces []string
	root       bool
}

// does returns what the objects do to requests.
func (m *maker) does() *Filter {
	return &Filter{
		Request: m.Request, carrier: m.snapshot.Options.Header, selector: m.selector, namespaces: m.namespaces,
		root: !m.GatewayAPI && slices.Contains(m.namespaces, m.snapshot.Options.RootNamespace),
	}
}

// NewFilter returns what a request's filter does in proxies other than gateways.
func NewFilter(r *Request, carrier string) *Filter { return &Filter{Request: r, carrier: carrier} }

// ActsOn reports whether the pods of a gateway have the filter.
func (f *Filter) ActsOn(namespace string, labels map[string]string) bool {
	return model.HasLabels(labels, f.selector) && (f.root || slices.Contains(f.namespaces, namespace))
}

// Incoming is a request as a gateway receives it.
type Incoming struct {
	Method string
	// Host may have a port. Path has the query.
	Host, Path string
	// Header has the lines of headers by lower-case name.
	Header map[string][]string
	// Time is when it comes, which decides whether a token has expired.
	Time time.Time
}

// Change is what the filter does to a carrier.
type Change struct {
	// Header is the name of the carrier. Removed are the lines that it loses, Made is the one
	// that it gets; empty for none.
	Header  string   `json:"header"`
	Removed []string `json:"removed,omitempty"`
	Made    string   `json:"made,omitempty"`
	// Of is what Made is made of: "host" or the header's name, as in "cookie".
	Of string `json:"of,omitempty"`
	// Refused says why a token makes nothing; empty for other changes. Grant is the ID of the
	// grant that the token is of; empty for others.
	Refused string `json:"refused,omitempty"`
	Grant   string `json:"grant,omitempty"`
}

// Carried returns the headers with which the gateway routes a request, and how its carriers
// were changed, in order.
func (f *Filter) Carried(in *Incoming) (map[string][]string, []Change) {
	now := *in
	now.Header = map[string][]string{}
	for name, lines := range in.Header {
		now.Header[name] = slices.Clone(lines)
	}
	var changes []Change
	list := f.Request.mutations(f.carrier)
	for i := range list {
		c := list[i].apply(&now)
		if c != nil && slices.Contains([]string{f.carrier, grammar.BaggageHeader, requestIDHeader, traceStateHeader}, c.Header) {
			changes = append(changes, *c)
		}
	}
	if f.Request.Tokens != nil {
		changes = append(changes, f.readTokens(&now)...)
	}
	return now.Header, changes
}

// readTokens makes the override header of the tokens of a request: of those of users only if no
// other one is valid.
func (f *Filter) readTokens(in *Incoming) []Change {
	tokens, header := f.Request.Tokens, grammar.TokenHeader(f.carrier)
	changes := f.readFrom(in, header, in.Header[header], tokens.accept)
	if tokens.Users == nil || in.Header[f.carrier] != nil {
		return changes
	}
	var bearers []string
	for _, line := range in.Header["authorization"] {
		if text, is := strings.CutPrefix(line, "Bearer "); is {
			bearers = append(bearers, text)
		}
	}
	return append(changes, f.readFrom(in, "authorization", bearers, tokens.Users.acceptOfUser)...)
}

// readFrom makes the override header of tokens of one kind.
func (f *Filter) readFrom(in *Incoming, of string, texts []string, accept func(string, time.Time) (*token.Claims, error)) []Change {
	var changes []Change
	for _, text := range texts {
		c := Change{Header: f.carrier, Of: of}
		claims, err := accept(text, in.Time)
		if err != nil {
			c.Refused = err.Error()
		} else {
			c.Made = claims.Override
			in.Header[f.carrier] = append(in.Header[f.carrier], c.Made)
			id := grammar.TokenIDHeader(f.carrier)
			if in.Header[id] = append(in.Header[id], claims.ID); strings.HasPrefix(claims.ID, grammar.GrantPrefix) {
				c.Grant = claims.ID
			}
		}
		changes = append(changes, c)
	}
	return changes
}

// apply makes a change to a request, and returns it; nil if nothing changes.
func (m *mutation) apply(to *Incoming) *Change {
	before, exists := to.Header[m.header]
	out := &Change{Header: m.header}
	if m.action == remove {
		delete(to.Header, m.header)
		if out.Removed = before; !exists {
			return nil
		}
		return out
	}
	for i := range m.value {
		out.Made += m.value[i].of(to)
	}
	if out.Of = m.value[0].header; out.Of == "" {
		out.Of = "host"
	}
	switch {
	case out.Made == "", m.action == replace && !exists, m.action == addMissing && exists:
		return nil
	case m.action == replace && out.Made == strings.Join(before, ","):
		to.Header[m.header] = []string{out.Made}
		return nil // it only joins lines
	case m.action == replace:
		out.Removed, to.Header[m.header] = before, []string{out.Made}
	default:
		to.Header[m.header] = append(before, out.Made)
	}
	return out
}

// of evaluates e as Envoy does. Envoy joins the lines of a header with commas.
func (e *extraction) of(in *Incoming) string {
	text := in.Host
	if e.page {
		if text = in.Path; in.Method != "GET" {
			return ""
		}
	}
	if e.header != "" {
		text = strings.Join(in.Header[e.header], ",")
	}
	switch {
	case e.unless != "" && in.Header[e.unless] != nil,
		slices.ContainsFunc(e.contains, func(part string) bool { return !strings.Contains(text, part) }),
		e.domain != "" && !strings.HasSuffix(text, e.domain) && !strings.Contains(text, e.domain+":"):
		return ""
	}
	switch {
	case e.whole:
		return text
	case e.cut != "":
		return cutParameter(text, e.cut)
	}
	return extract(text, e.pattern, e.made)
}

// FollowLink returns the cookie that a link sets, as NAME=VALUE, and the path that it leads to;
// empty if the request is no link.
func (f *Filter) FollowLink(in *Incoming) (cookie, path string) {
	if f.Request.Tokens != nil {
		return f.followTokenLink(in)
	}
	if !f.Request.Link || in.Method != "GET" {
		return "", ""
	}
	page, _, _ := strings.Cut(in.Path, "#")
	_, query, _ := strings.Cut(page, "?")
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		switch {
		case name != f.carrier:
			continue
		case value != "" && !regexp.MustCompile(`^(?:`+linkValue+`)$`).MatchString(value):
			return "", ""
		}
		value = strings.NewReplacer("%2A", "*", "%2a", "*", "%3A", ":", "%3a", ":").Replace(value)
		return f.Request.Cookie + "=" + value, cutParameter(page, f.carrier)
	}
	return "", ""
}

// followTokenLink is FollowLink for a link with a token.
func (f *Filter) followTokenLink(in *Incoming) (cookie, path string) {
	header, _ := f.Carried(in)
	made := strings.Join(header[linkHeader(f.carrier)], ",")
	switch {
	case !f.Request.Tokens.Link || made == "":
		return "", ""
	case made == clearing:
		made = ""
	}
	return f.Request.Tokens.Cookie + "=" + made, strings.Join(header[linkPathHeader(f.carrier)], ",")
}

// Guards reports whether the guard decides about a request that has these headers after the
// filter. Preflights pass it.
func (f *Filter) Guards(method string, header map[string][]string) bool {
	return f.Request.isGuarded() && header[f.carrier] != nil && method != "OPTIONS"
}

// At returns the entry whose filter the pods of a gateway have, nil for none, and the other
// entries for Gateways that have these pods.
func At(snapshot *model.Snapshot, entries []Entry, namespace string, labels map[string]string) (*Entry, []*Entry) {
	var inForce *Entry
	var others []*Entry
	for i := range entries {
		e := &entries[i]
		switch {
		case inForce == nil && e.Filter != nil && e.Filter.ActsOn(namespace, labels):
			inForce = e
		case e.isFor(snapshot, namespace, labels):
			others = append(others, e)
		}
	}
	return inForce, others
}

// isFor reports whether the target of a policy has some pods.
func (e *Entry) isFor(snapshot *model.Snapshot, namespace string, labels map[string]string) bool {
	p := e.Policy
	if p.ForGatewayAPI() {
		return p.Namespace == namespace && p.Spec.TargetRef.Name == labels[model.GatewayNameLabel]
	}
	return slices.ContainsFunc(snapshot.Gateways, func(g model.Gateway) bool {
		return g.Namespace == p.Namespace && g.Name == p.Spec.TargetRef.Name && g.Selects(labels)
	})
}
