package grant

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
)

// What a policy permits that does not say otherwise, as in the definition of
// OverrideGrantPolicy, and what is permitted in namespaces that no policy selects.
const (
	DefaultMaxTTL    = 24 * time.Hour
	DefaultMaxGrants = 100
)

// rules are the policies for grants of one namespace.
type rules struct {
	// policies select the namespace; one without a name holds if none does.
	policies []*v1alpha1.OverrideGrantPolicy
	// unclear are reasons why nothing can be permitted.
	unclear []string
}

// rulesFor returns the policies that select a namespace. A policy that can't be evaluated
// permits nothing, and hides what the others permit: it may be the one that is meant to be
// narrow.
func (in *Input) rulesFor(namespace string) rules {
	out := rules{}
	if in.Unread != "" {
		out.unclear = append(out.unclear, in.Unread)
	}
	known, isKnown := in.Labels[namespace]
	for _, p := range in.Policies {
		if p.Spec.Namespaces == nil {
			out.policies = append(out.policies, p)
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(p.Spec.Namespaces)
		switch {
		case err != nil:
			out.unclear = append(out.unclear, fmt.Sprintf("spec.namespaces of %s is not valid: correct it (%v)", named(p), err))
		case !isKnown && !selector.Empty():
			out.unclear = append(out.unclear, fmt.Sprintf("%s selects namespaces by labels, and the operator may not read those of namespace %s: permit it to list namespaces", named(p), namespace))
		case selector.Matches(labels.Set(known)):
			out.policies = append(out.policies, p)
		}
	}
	if len(out.policies) == 0 {
		out.policies = []*v1alpha1.OverrideGrantPolicy{{}}
	}
	slices.SortFunc(out.policies, func(a, b *v1alpha1.OverrideGrantPolicy) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func named(p *v1alpha1.OverrideGrantPolicy) string {
	if p.Name == "" {
		return "the default (no OverrideGrantPolicy selects the namespace)"
	}
	return "OverrideGrantPolicy " + p.Name
}

// permit returns nil for a grant that a policy permits beside others that are accepted in its
// namespace; else why none does.
func (r *rules) permit(g *v1alpha1.OverrideGrant, a *asked, accepted int) *refusal {
	if len(r.unclear) > 0 {
		return &refusal{v1alpha1.GrantReasonNotPermitted, sentence(r.unclear)}
	}
	var reasons, full []string
	for _, p := range r.policies {
		why := refuses(p, g, a)
		if len(why) > 0 {
			reasons = append(reasons, named(p)+": "+sentence(why))
			continue
		}
		most := maxGrants(p)
		if accepted < most {
			return nil
		}
		full = append(full, fmt.Sprintf("%s permits %d grants in a namespace at a time, and older ones are in force: delete one of these, or wait until one has ended", named(p), most))
	}
	if len(full) > 0 {
		return &refusal{v1alpha1.GrantReasonTooMany, sentence(full)}
	}
	return &refusal{v1alpha1.GrantReasonNotPermitted, sentence(reasons) +
		". Make another grant within these limits, or ask for an OverrideGrantPolicy that permits this one"}
}

// refuses returns all reasons why a policy does not permit what a grant asks for.
func refuses(p *v1alpha1.OverrideGrantPolicy, g *v1alpha1.OverrideGrant, a *asked) []string {
	var out []string
	isSubject := func(s v1alpha1.GrantSubject) bool { return is(&g.Spec.Requester, s) }
	if len(p.Spec.Subjects) > 0 && !slices.ContainsFunc(p.Spec.Subjects, isSubject) {
		out = append(out, fmt.Sprintf("it is not for %s, but for %s", who(&g.Spec.Requester), subjects(p.Spec.Subjects)))
	}
	limits := token.Limits{Services: p.Spec.Services, Lifetime: p.Spec.MaxTTL.Duration}
	if len(limits.Services) == 0 {
		limits.Services = []string{grammar.SetName + "." + g.Namespace}
	}
	if limits.Lifetime == 0 {
		limits.Lifetime = DefaultMaxTTL
	}
	for _, err := range limits.Check(a.request.Members, a.ttl) {
		out = append(out, err.Error())
	}
	return out
}

func maxGrants(p *v1alpha1.OverrideGrantPolicy) int {
	if p.Spec.MaxGrants == nil {
		return DefaultMaxGrants
	}
	return int(*p.Spec.MaxGrants)
}

// is reports whether a requester is a subject of a policy.
func is(r *v1alpha1.Requester, s v1alpha1.GrantSubject) bool {
	switch s.Kind {
	case "User":
		return r.Username == s.Name
	case "Group":
		return slices.Contains(r.Groups, s.Name)
	case "ServiceAccount":
		return s.Namespace != nil && r.Username == "system:serviceaccount:"+*s.Namespace+":"+s.Name
	}
	return false
}

// who names a requester.
func who(r *v1alpha1.Requester) string {
	if len(r.Groups) == 0 {
		return r.Username + " (spec.requester.groups names no group)"
	}
	return r.Username + " of " + strings.Join(r.Groups, ", ")
}

func subjects(list []v1alpha1.GrantSubject) string {
	var out []string
	for _, s := range list {
		name := s.Name
		if s.Namespace != nil {
			name = *s.Namespace + "/" + name
		}
		out = append(out, s.Kind+" "+name)
	}
	return strings.Join(out, ", ")
}
