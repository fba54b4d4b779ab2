package grant

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
)

// defaultTTL is the default of the definition of OverrideGrant, for objects without it.
const defaultTTL = time.Hour

// asked is what a grant asks for.
type asked struct {
	// request is for a token that lasts as long as the grant.
	request token.Request
	// overrides are the members of the request, as text.
	overrides string
	ttl       time.Duration
	ends      time.Time
}

// read returns what a grant asks for, and all reasons why that can't be meant. Members without
// a namespace are for that of the grant.
func (o *Options) read(g *v1alpha1.OverrideGrant, now time.Time) (asked, []string) {
	out := asked{ttl: g.Spec.TTL.Truncate(time.Second)}
	if g.Spec.TTL.Duration == 0 {
		out.ttl = defaultTTL
	}
	out.ends = g.CreationTimestamp.Add(out.ttl)
	members, err := grammar.Parse(g.Spec.Overrides)
	reasons := each("spec.overrides: ", err)
	members = slices.Clone(members)
	for i := range members {
		if members[i].Namespace == "" {
			members[i].Namespace = g.Namespace
		}
	}
	out.request = token.Request{
		Issuer: o.Issuer, Audience: o.Audience, ID: ID(g.UID), Grant: true, Subject: g.Spec.Requester.Username, Members: members, Lifetime: min(out.ttl, o.Lifetime),
	}
	if g.Spec.Subject != nil {
		out.request.Subject = *g.Spec.Subject
	}
	if out.ttl < time.Second {
		reasons = append(reasons, fmt.Sprintf("spec.ttl is %v: a grant lasts a second or more", g.Spec.TTL.Duration))
		out.request.Lifetime = time.Second // one reason for it is enough
	}
	if err == nil {
		reasons = append(reasons, each("", out.request.Check(&token.Limits{}, now))...)
		out.overrides, _ = grammar.Format(members...) // checked with the request
	}
	return out, reasons
}

// each returns the messages of joined errors.
func each(prefix string, err error) []string {
	var many interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &many):
		return []string{prefix + err.Error()}
	}
	var out []string
	for _, e := range many.Unwrap() {
		out = append(out, each(prefix, e)...)
	}
	return out
}

// sentence joins reasons.
func sentence(reasons []string) string { return strings.Join(reasons, "; ") }
