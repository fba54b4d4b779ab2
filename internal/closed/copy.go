package closed

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	securityapi "istio.io/api/security/v1beta1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// collection is what a preview gets of the policies in force at the released pods.
type collection struct {
	// limited is set if a policy with ALLOW is in force at the released pods, and copied if one
	// of these is not in force at the preview's. all are the rules of these policies.
	limited, copied bool
	all             []*securityapi.Rule
	// allow and deny are the copied rules.
	allow, deny []*securityapi.Rule
	// uncopied says what can't be copied; empty for nothing.
	uncopied string
	// wider are policies that admit callers to the preview only.
	wider []model.PodPolicy
}

// collect copies the rules of policies that are in force at a released pod, and not at all pods
// of the preview.
func collect(n *Need, policies []model.AccessPolicy, root string) *collection {
	out := &collection{}
	for i := range policies {
		p := &policies[i]
		action := p.Spec.GetAction()
		isFor := func(namespace string) func(map[string]string) bool {
			return func(labels map[string]string) bool { return p.IsFor(namespace, labels, root) }
		}
		lacks := func(labels map[string]string) bool { return !p.IsFor(n.Namespace, labels, root) }
		switch {
		case !slices.ContainsFunc(n.Released, isFor(n.ReleasedIn)):
			if action == securityapi.AuthorizationPolicy_ALLOW && len(p.Spec.GetRules()) > 0 && slices.ContainsFunc(n.Pods, isFor(n.Namespace)) {
				out.wider = append(out.wider, p.PodPolicy)
			}
			continue
		case action == securityapi.AuthorizationPolicy_ALLOW:
			out.limited = true
			out.all = append(out.all, qualified(p)...)
		}
		if len(n.Pods) > 0 && !slices.ContainsFunc(n.Pods, lacks) {
			continue
		}
		out.copy(n, p)
	}
	return out
}

// copy adds the rules of a policy.
func (c *collection) copy(n *Need, p *model.AccessPolicy) {
	problem := ""
	switch p.Spec.GetAction() {
	case securityapi.AuthorizationPolicy_ALLOW:
		c.copied, c.allow = true, append(c.allow, qualified(p)...)
		problem = placed(n, p.Spec.GetRules())
	case securityapi.AuthorizationPolicy_DENY:
		c.deny = append(c.deny, qualified(p)...)
		problem = placed(n, p.Spec.GetRules())
	default:
		problem = "asks the external authorizer " + p.Spec.GetProvider().GetName() + ", and Istio asks only one about a request"
	}
	if problem != "" && c.uncopied == "" {
		c.uncopied = fmt.Sprintf("AuthorizationPolicy %s/%s, which is in force at the released pods, %s", p.Namespace, p.Name, problem)
	}
}

// placed says what of rules means something else at the pods of the preview; empty for nothing.
func placed(n *Need, rules []*securityapi.Rule) string {
	ports := n.Ports != nil && slices.Equal(n.Ports, n.ReleasedPorts)
	for _, r := range rules {
		for _, to := range r.GetTo() {
			if o := to.GetOperation(); !ports && len(o.GetPorts())+len(o.GetNotPorts()) > 0 {
				return "is about ports, and those of the preview's pods are others or not known"
			}
		}
		for _, when := range r.GetWhen() {
			switch key := when.GetKey(); {
			case key == "destination.port" && !ports:
				return "is about ports, and those of the preview's pods are others or not known"
			case key == "destination.ip":
				return "is about the addresses of the released pods"
			}
		}
	}
	return ""
}

// qualified returns the rules of a policy as they read in any namespace: service accounts
// without a namespace are of the policy's (istio pilot/pkg/security/authz/model:
// serviceAccountGenerator). All other names of callers are absolute.
func qualified(p *model.AccessPolicy) []*securityapi.Rule {
	var out []*securityapi.Rule
	full := func(accounts []string) []string {
		list := slices.Clone(accounts)
		for i, a := range list {
			if !strings.Contains(a, "/") {
				list[i] = p.Namespace + "/" + a
			}
		}
		return list
	}
	for _, r := range p.Spec.GetRules() {
		r, _ := proto.Clone(r).(*securityapi.Rule)
		for _, from := range r.GetFrom() {
			if s := from.GetSource(); s != nil {
				s.ServiceAccounts, s.NotServiceAccounts = full(s.GetServiceAccounts()), full(s.GetNotServiceAccounts())
			}
		}
		out = append(out, r)
	}
	return out
}
