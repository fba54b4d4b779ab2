package prove

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// At Kubernetes Gateways these are the kinds of ordinary requests: those without an override,
// and those with overrides that no row follows, in either carrier.
type attachedRequest string

const (
	withoutOverride attachedRequest = "no override"
	otherInHeader   attachedRequest = "header"
	otherInBaggage  attachedRequest = "baggage"
)

// httpRoutes proves the tables for Kubernetes Gateways: each is attached as an HTTPRoute of a
// user's is, and each host keeps its rules for ordinary requests. These rules are in one list
// with those of Overrides, sorted by what they match, so that rules for one path are compared.
func (c *checker) httpRoutes() {
	attached := c.ours.Attached()
	if len(attached) == 0 {
		return
	}
	for _, t := range attached {
		c.attachment(t)
	}
	before := c.mesh.KubernetesHosts(nil, mesh.Order{})
	for _, order := range mesh.Orders(true) {
		for i, now := range c.mesh.KubernetesHosts(c.ours, order) {
			if i >= len(before) || before[i].ListenerHost != now.ListenerHost {
				c.failHost(&now, "no HTTPRoute of a user's is for this host")
				return
			}
			c.order(&now)
			for _, kind := range []attachedRequest{withoutOverride, otherInHeader, otherInBaggage} {
				c.attachedHost(&before[i], &now, kind)
			}
		}
	}
}

// order proves that the rules of a host with rows are in the order of what they match.
func (c *checker) order(h *mesh.KubernetesHost) {
	if h.Mixed {
		c.failHost(h, "HTTPRoutes with other hostnames have rules for the same requests, and their ages decide")
	}
	for _, u := range h.Users {
		if u.GRPC {
			c.failHost(h, "%s has rules for the same host", u.Object())
		}
	}
}

// attachment proves that a table is attached only where an HTTPRoute of its namespace is, and
// that gateways have what its rows lead to.
func (c *checker) attachment(t *route.Table) {
	like := slices.ContainsFunc(c.snapshot.HTTPRoutes, func(r model.HTTPRoute) bool {
		return !r.GRPC && r.Namespace == t.Namespace && slices.Equal(r.Attached.Hostnames, t.Attached.Hostnames) &&
			!slices.ContainsFunc(t.Attached.Parents, func(p route.Parent) bool { return !slices.Contains(r.Attached.Parents, p) })
	})
	if !like {
		c.failAttached(t, "no HTTPRoute of a user's has these parents and hostnames")
	}
	for i := range t.Routes {
		r := &t.Routes[i]
		for _, d := range r.Destinations {
			for _, p := range c.podsOf(t) {
				if !c.mesh.ReachedFrom(p, d.Host, d.Port) {
					c.failAttached(t, "row %s would lead to %s:%d, which gateways in namespace %s don't have", r.Name, d.Host, d.Port, p)
				}
			}
			if !c.leadsTo(t, r, &d) {
				c.failAttached(t, "row %s does not lead to %s:%d only", r.Name, d.Host, d.Port)
			}
		}
	}
}

// podsOf lists the namespaces of the pods of the gateways that have a table.
func (c *checker) podsOf(t *route.Table) []string {
	var out []string
	for i := range c.snapshot.KubernetesGateways {
		g := &c.snapshot.KubernetesGateways[i]
		if slices.ContainsFunc(t.Attached.Parents, func(p route.Parent) bool { return g.Serves(&p) }) {
			out = append(out, g.Pods)
		}
	}
	return out
}

// backendRefs are the backends of a rule.
type backendRefs struct {
	BackendRefs []struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		Port      uint32 `json:"port"`
	} `json:"backendRefs"`
}

// leadsTo reports whether the rule of a row has one backend, which is its destination.
func (c *checker) leadsTo(t *route.Table, r *route.Route, d *route.Destination) bool {
	var in backendRefs
	if err := json.Unmarshal(r.Rule, &in); err != nil || len(in.BackendRefs) != 1 {
		return false
	}
	b := in.BackendRefs[0]
	namespace := t.Namespace
	if b.Namespace != "" {
		namespace = b.Namespace
	}
	return c.mesh.FQDN(b.Name, namespace) == d.Host && b.Port == d.Port && d.Subset == ""
}

// attachedStep is a rule that a kind of request may take, and what it matches of these.
type attachedStep struct {
	match *route.Match
	text  string
	rule  *mesh.AttachedRule
}

// attachedHost compares the rules that a kind of request may take, path by path.
func (c *checker) attachedHost(before, after *mesh.KubernetesHost, kind attachedRequest) {
	was, now := c.attachedSteps(before, kind), c.attachedSteps(after, kind)
	for path := range was {
		if now[path] == nil {
			now[path] = []attachedStep{}
		}
	}
	c.report.Compared.Domains++
	for path, steps := range now {
		c.report.Compared.Routes += len(steps)
		if why := sameSteps(was[path], steps); why != "" {
			c.failHost(after, "requests with %s: %s", string(kind), why)
		}
	}
}

// attachedSteps lists the rules of a host that a kind of request may take, by path and method:
// rules for different ones never compete.
func (c *checker) attachedSteps(h *mesh.KubernetesHost, kind attachedRequest) map[string][]attachedStep {
	out := map[string][]attachedStep{}
	seen := map[string]bool{}
	for i := range h.Rules {
		r := &h.Rules[i]
		headers, fits := r.Match.Headers, true
		if r.Row != nil {
			headers, fits = c.withoutCarrier(r.Match, kind)
		}
		if !fits {
			continue
		}
		m := *r.Match
		m.Headers = headers
		path := pathOf(&m)
		if s := (attachedStep{&m, text(&m, nil), r}); !seen[path+s.text] {
			seen[path+s.text] = true
			out[path] = append(out[path], s)
		}
	}
	return out
}

// pathOf is the same for matches between which the headers decide.
func pathOf(m *route.Match) string {
	method, path := "", m.URI.Value
	if m.Method != nil {
		method = m.Method.Value
	}
	if m.URI.Op == route.Regex {
		path = fmt.Sprint(len(path)) // any two may match one path
	}
	return strings.Join([]string{string(m.URI.Op), path, method}, " ")
}

// withoutCarrier returns the headers that a row requires beside the carrier of a kind of
// request; false if no such request fits the row. A row that requires no carrier is for
// every request.
func (c *checker) withoutCarrier(m *route.Match, kind attachedRequest) (route.Matchers, bool) {
	var rest route.Matchers
	requires := withoutOverride
	for _, h := range m.Headers {
		carrier := withoutOverride
		switch {
		case strings.EqualFold(h.Name, c.header):
			carrier = otherInHeader
		case strings.EqualFold(h.Name, grammar.BaggageHeader) && h.Op == route.Regex && grammar.NeedsBaggageOverride(h.Value):
			carrier = otherInBaggage
		case strings.EqualFold(h.Name, grammar.BaggageHeader) && h.Op == route.Regex && h.Value == route.AnyValue:
			continue
		}
		if carrier == withoutOverride {
			rest = append(rest, h)
			continue
		}
		requires = carrier
		if h.Op != route.Regex || grammar.IsMember(h.Value) && h.Value != grammar.AnyBaggagePattern {
			return nil, false // for one version, or for strict members
		}
	}
	return rest, requires == withoutOverride || requires == kind
}

// sameSteps describes how two lists of rules differ; empty if they don't. Rules that no request
// fits both of may change places.
func sameSteps(before, after []attachedStep) string {
	at := map[string]int{}
	for i := range before {
		at[before[i].text] = i
	}
	for i := range after {
		name := attachedName(after[i].rule)
		was, known := at[after[i].text]
		switch {
		case !known:
			return name + " would take them"
		case !sameUsersRule(before[was].rule, after[i].rule):
			return fmt.Sprintf("%s is not the rule of %s", name, before[was].rule.Object)
		}
		for _, earlier := range after[:i] {
			if at[earlier.text] > was && mesh.Compete(earlier.match, after[i].match) {
				return fmt.Sprintf("%s would come before a rule of %s", attachedName(earlier.rule), before[was].rule.Object)
			}
		}
	}
	for i := range before {
		if !slices.ContainsFunc(after, func(s attachedStep) bool { return s.text == before[i].text }) {
			return fmt.Sprintf("a rule of %s is missing", before[i].rule.Object)
		}
	}
	return ""
}

func attachedName(r *mesh.AttachedRule) string {
	if r.Row != nil {
		return "row " + r.Row.Name + " of " + r.Object.String()
	}
	return "a rule of " + r.Object.String()
}

// sameUsersRule reports whether a rule does what the user's does, apart from its matches.
func sameUsersRule(user, now *mesh.AttachedRule) bool {
	if now.Row == nil {
		return user.Rule == now.Rule
	}
	whole := map[string]any{}
	for key, value := range user.Rule.Body {
		whole[key] = value
	}
	var backends []json.RawMessage
	for i := range user.Rule.Backends {
		backends = append(backends, user.Rule.Backends[i].JSON)
	}
	if len(backends) > 0 {
		whole["backendRefs"] = backends
	}
	text, err := json.Marshal(whole)
	var a, b any
	return err == nil && json.Unmarshal(text, &a) == nil && json.Unmarshal(now.Row.Rule, &b) == nil && reflect.DeepEqual(a, b)
}

// failAttached records a change by a table.
func (c *checker) failAttached(t *route.Table, format string, args ...any) {
	c.report.Failures = append(c.report.Failures, Failure{
		Object: istio.TableObject(t), Callers: "requests at Kubernetes Gateways", Namespaces: c.podsOf(t), Change: fmt.Sprintf(format, args...),
	})
}

// failHost records a change by every table that has a host.
func (c *checker) failHost(h *mesh.KubernetesHost, format string, args ...any) {
	failed := map[diag.Object]bool{}
	for i := range h.Rules {
		if r := &h.Rules[i]; r.Row != nil && !failed[r.Object] {
			failed[r.Object] = true
			c.report.Failures = append(c.report.Failures, Failure{
				Object: r.Object, Callers: fmt.Sprintf("requests for %s at %s %s/%s", h.Domain, h.Parent.Kind, h.Parent.Namespace, h.Parent.Name),
				Change: fmt.Sprintf(format, args...),
			})
		}
	}
}
