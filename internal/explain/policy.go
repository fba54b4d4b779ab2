package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// claimPrefix begins the names of the headers that stand for claims in routes.
const claimPrefix = "@request.auth.claims["

// claimed returns the name of the header that stands for a claim.
func claimed(claim string) string { return strings.ToLower(claimPrefix + claim + "]") }

// Arrival says what a policy does to the request before a gateway routes it, or the sidecar of a
// caller.
type Arrival struct {
	// Policy is the policy in force, as namespace/name; empty for none.
	Policy string `json:"policy,omitempty"`
	// Changes are what its filter does to the carriers, in order.
	Changes []edge.Change `json:"changes,omitempty"`
	// Says says the same, and the rest, in sentences.
	Says []string `json:"says,omitempty"`

	// kind is the kind of the policy; empty for a GatewayOverridePolicy.
	kind string
	// header has the headers with which the gateway routes the request, and claims those that
	// stand for the claims of a token for which routes ask.
	header, claims map[string][]string
	// byClaims is set if rules for claims decide about the override, and refused if none permit it,
	// whoever asks for it.
	byClaims, refused bool
	// answer is that of the gateway itself, to a link; empty for none.
	answer string
}

// Refuses reports whether rules for claims decide about the override, and none permits it.
func (a *Arrival) Refuses() bool { return a != nil && a.refused }

// arrive decides what happens to a request that arrives at a gateway. A policy that is not in
// force changes nothing. It returns nil for a target that is no gateway.
func (x *index) arrive(at *target, q *Query) (*Arrival, error) {
	if at.gateway == nil {
		return nil, nil
	}
	entries, err := edge.Decide(x.snapshot)
	if err != nil {
		return nil, fmt.Errorf("decide about policies of gateways: %w", err)
	}
	namespace, labels := at.gateway.namespace, at.gateway.labels
	if g := at.gateway.kubernetes; g != (diag.Object{}) {
		namespace, labels = g.Namespace, map[string]string{model.GatewayNameLabel: g.Name}
	}
	inForce, others := edge.At(x.snapshot, entries, namespace, labels)
	out := &Arrival{header: q.Header}
	for _, e := range others {
		out.sayNotInForce(e)
	}
	in := &edge.Incoming{Method: cmp.Or(q.Method, "GET"), Host: cmp.Or(q.Authority, at.name), Path: cmp.Or(q.Path, "/"), Header: q.Header, Time: q.Time}
	switch {
	case inForce != nil:
		out.enter(inForce, in, x.snapshot.Options.Header, x.snapshot.OverrideGrants)
	case grammar.AnyBaggage(q.Header[grammar.BaggageHeader]) || len(q.Header[x.snapshot.Options.Header]) > 0:
		out.say("no policy is in force for this gateway, so it keeps overrides that come from outside, whoever sends them")
	case strings.Contains(strings.Join(q.Header["cookie"], ";"), x.snapshot.Options.Header+"="):
		out.say("no policy is in force for this gateway, so it makes no override of a cookie")
	}
	return out, nil
}

func (a *Arrival) say(format string, args ...any) {
	a.Says = append(a.Says, fmt.Sprintf(format, args...))
}

// sayNotInForce says why nothing is made for a policy.
func (a *Arrival) sayNotInForce(e *edge.Entry) {
	for _, d := range e.Diagnostics {
		if !e.IsAccepted() || d.Severity == diag.Error {
			stays := ""
			if e.Reason != v1alpha1.PolicyReasonConflicted {
				stays = " (what the operator made for it before stays)"
			}
			a.say("%s is not in force, and nothing is made for it%s: %s", e.Policy.Object(), stays, d.Message)
			return
		}
	}
}

// enter says what a policy in force does. live are the live grants.
func (a *Arrival) enter(e *edge.Entry, in *edge.Incoming, carrier string, live []model.OverrideGrant) {
	if a.Policy = e.Policy.Namespace + "/" + e.Policy.Name; e.Policy.Implied() {
		a.Policy = ""
		a.say("no policy is for this gateway; by default it removes overrides that come from outside")
	}
	a.header, a.Changes = e.Filter.Carried(in)
	if e.Closed {
		for _, d := range e.Diagnostics {
			a.say("%s", d.Message)
		}
		if r := e.Policy.Spec.Require; r != nil && r.Mode != v1alpha1.GuardSoft {
			a.say("a guard that the operator made before stays, and refuses every request with an override")
		}
	}
	a.sayChanges()
	if kept := in.Header[carrier]; len(kept) > 0 && e.Filter.Request.Policy.Keeps() {
		a.say("keeps what the request brings: %s", lines(carrier, kept))
	}
	a.sayKeys(e.Filter.Request.Tokens)
	a.sayGrants(live, e.Policy)
	a.sayCookie(e.Filter, in, carrier)
	a.guard(e.Filter, in.Method, carrier)
	a.followLink(e.Filter, in, carrier)
}

// sayChanges says what was done to the carriers.
func (a *Arrival) sayChanges() {
	for _, c := range a.Changes {
		switch {
		case c.Refused != "":
			a.say("does not accept the token: %s", c.Refused)
		case c.Made == "":
			a.say("removes what the request brings: %s", lines(c.Header, c.Removed))
		case c.Removed != nil:
			a.say("removes the overrides that the request brings: %s", lines(c.Header, c.Removed))
		default:
			a.say("makes %s of the %s", lines(c.Header, []string{c.Made}), c.Of)
		}
	}
}

// sayGrants says which tokens are of a grant that is not live. An HTTPRoute can't remove what these
// tokens ask for.
func (a *Arrival) sayGrants(live []model.OverrideGrant, of *model.GatewayPolicy) {
	rest := ", and remove the override and the token"
	if of.ForGatewayAPI() {
		rest = ", and the next service gets the override"
	}
	for _, c := range a.Changes {
		switch at := slices.IndexFunc(live, func(g model.OverrideGrant) bool { return g.ID == c.Grant }); {
		case c.Grant == "":
		case at < 0:
			a.say("its grant %s is not live: routes that follow overrides take the request as an ordinary one%s", c.Grant, rest)
		default:
			a.say("the token is of OverrideGrant %s/%s, which is live", live[at].Namespace, live[at].Name)
		}
	}
}

// sayCookie says why a cookie makes no header.
func (a *Arrival) sayCookie(f *edge.Filter, in *edge.Incoming, carrier string) {
	name := f.Request.Cookie
	made := slices.ContainsFunc(a.Changes, func(c edge.Change) bool { return c.Of == "cookie" })
	switch {
	case made || name == "" || !strings.Contains(strings.Join(in.Header["cookie"], ";"), name+"="):
	case a.header[carrier] != nil:
		a.say("the cookie %s does not count, since there is a header", name)
	default:
		a.say("the cookie %s asks for nothing: its value is empty or malformed", name)
	}
}

// guard says whether the guard decides about the request. The answer of explain is that for a
// user whom it lets pass.
func (a *Arrival) guard(f *edge.Filter, method, carrier string) {
	if !f.Guards(method, a.header) {
		return
	}
	r := f.Request
	switch {
	case r.Provider != "":
		a.say("asks the external authorizer %s; this is the answer if it permits the request", r.Provider)
		return
	case r.Claims != nil:
		a.sayRules(r.Claims, a.header[carrier])
		return
	}
	claim := fmt.Sprintf("a token of %s whose claim %s has %s", r.Require.Issuer, r.Require.Claim, join(r.Require.Values, "or"))
	if r.Require.Mode != v1alpha1.GuardSoft {
		a.say("answers 403 without %s; this is the answer with it", claim)
		return
	}
	a.say("gives what is released without %s; this is the answer with it", claim)
	a.claims = map[string][]string{claimed(r.Require.Claim): r.Require.Values[:1], claimed("iss"): {r.Require.Issuer}}
}

// sayRules says which rules for claims permit an override, or why none do.
func (a *Arrival) sayRules(claims *v1alpha1.ClaimRules, header []string) {
	rules, permitted := model.Permitting(claims, header)
	a.byClaims, a.refused = true, !permitted
	if a.refused {
		what := "a member that is malformed"
		members, _ := grammar.Parse(header...)
		for _, m := range members {
			if _, permits := model.Permitting(claims, []string{m.String()}); !permits {
				what = m.String()
				break
			}
		}
		a.say("gives what is released to everybody: no rule for claims permits %s", what)
		return
	}
	var needs []string
	a.claims = map[string][]string{claimed("iss"): {claims.Issuer}}
	for _, i := range rules {
		rule := &claims.Rules[i]
		needs = append(needs, fmt.Sprintf("whose claim %s has %s (spec.claims.rules[%d])", rule.Claim, join(rule.Values, "or"), i))
		a.claims[claimed(rule.Claim)] = append(a.claims[claimed(rule.Claim)], rule.Values[0])
	}
	a.say("gives what is released without a token of %s %s; this is the answer with it", claims.Issuer, join(needs, "and"))
}

// losesOverride reports whether the next service gets no override, since rules for claims decide
// about it, and don't permit it, or no route at the gateway asks for claims.
func (e *evaluation) losesOverride() bool {
	return e.arrival != nil && e.arrival.byClaims && (e.arrival.refused || e.table == nil)
}

// passedOn returns what the next service gets of some headers, and their carriers.
func (e *evaluation) passedOn(header map[string][]string, c *carried) (map[string][]string, *carried) {
	if !e.losesOverride() {
		return header, c
	}
	header = withoutCarriers(header, e.snapshot.Options.Header)
	c, _ = e.readCarriers(header)
	return header, c
}

// followLink answers a link.
func (a *Arrival) followLink(f *edge.Filter, in *edge.Incoming, carrier string) {
	cookie, path := f.FollowLink(in)
	if cookie == "" {
		return
	}
	a.answer = "303 to " + in.Host + path
	name, value, _ := strings.Cut(cookie, "=")
	if value == "" {
		a.say("answers the link itself: clears the cookie %s, and leads to %s", name, path)
		return
	}
	if f.Request.Tokens != nil {
		cookie = name // a token is a secret
	}
	after := *in
	after.Path, after.Header = path, map[string][]string{"cookie": {name + "=" + value}}
	header, _ := f.Carried(&after)
	made := "which asks for nothing"
	if header[carrier] != nil {
		made = "which makes " + lines(carrier, header[carrier])
	}
	a.say("answers the link itself: sets the cookie %s, %s, and leads to %s", cookie, made, path)
}

// withClaims returns headers with those that stand for the claims of a token.
func (a *Arrival) withClaims(header map[string][]string) map[string][]string {
	if a == nil || a.claims == nil {
		return header
	}
	out := maps.Clone(header)
	maps.Copy(out, a.claims)
	return out
}

// lines returns the lines of a header as text.
func lines(name string, values []string) string { return name + ": " + strings.Join(values, ", ") }

// unserved says that a host that no gateway has is a preview host of a policy; empty if it is
// not.
func (x *index) unserved(host string) string {
	entries, err := edge.Decide(x.snapshot)
	if err != nil {
		return ""
	}
	for i := range entries {
		f := entries[i].Filter
		if f == nil {
			continue
		}
		for _, p := range f.Request.PreviewHosts {
			if strings.HasSuffix(host, "."+p.Domain) {
				return fmt.Sprintf("; it is a preview host of %s, whose routes for %s are yours to make: overrides edge --with-hosts prints them", entries[i].Policy.Object(), p.Wildcard())
			}
		}
	}
	return ""
}
