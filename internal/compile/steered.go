package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rolloutHash is the label that Argo Rollouts adds to the selectors of Services.
const rolloutHash = "rollouts-pod-template-hash"

// saySteered tells what a controller's hand in the Service means for s.
func (c *compiler) saySteered(s *service) {
	if s.reason == diag.OptedOut {
		return
	}
	if len(s.DropOuts) > 0 {
		var names []string
		for _, w := range s.DropOuts {
			names = append(names, w.String())
		}
		c.add(diag.New(diag.DroppedByController, s.Object(), "%s %s not behind it, for %s changes its selector: no override reaches %s there", list(names), agree(names, "is", "are"), s.Steered, agree(names, "it", "them")).
			WithFix("put it behind a Service of its own, annotated overrides.mesh/version-of: %s, with labels that no selector of the Services of %s matches", s.Name, s.Steered).At(s.Origin))
	}
	if !s.active() {
		return
	}
	if _, has := s.Selector[rolloutHash]; !has && s.Steered.Kind == "Rollout" && s.pin.needed {
		c.say(s, diag.SteeredSelectorNotKnown, "%s adds a hash to its selector, which is not there yet: ordinary traffic is pinned as if %s were behind it for good", s.Steered, list(others(s)))
	}
	if !c.options.Static {
		return
	}
	var versions []string
	for _, p := range s.pin.parts {
		if p.version != "" && c.ordinaryAt(s.host, p.subset) {
			versions = append(versions, p.version)
		}
	}
	if len(versions) > 0 {
		c.say(s, diag.PinFrozen, "ordinary traffic is held to version %s by its label: requests fail from when the label changes until this is applied again", list(versions))
	}
}

// rolloutOthers names the workloads beside a Rollout that s selects as long as the Rollout
// has not added the hash of a revision to its selector; none for other Services.
func (s *service) rolloutOthers() []string {
	own := model.Workload{Kind: "Rollout", Name: s.Steered.Name}
	if _, has := s.Selector[rolloutHash]; has || s.Steered.Kind != own.Kind || own.Name == "" {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(s.backends), func(b backend) bool { return b.Workload == own })
	if len(others) == len(s.backends) {
		return nil
	}
	return workloads(others)
}

// saysDropped reports whether [compiler.saySteered] says of a Service of the same Rollout
// which workloads the hash takes out of it.
func (c *compiler) saysDropped(s *service) bool {
	return slices.ContainsFunc(c.services, func(o *service) bool {
		return o.Namespace == s.Namespace && o.Steered == s.Steered && len(o.DropOuts) > 0 && o.reason != diag.OptedOut
	})
}

// ordinaryAt reports whether a table sends ordinary traffic to a subset.
func (c *compiler) ordinaryAt(host, subset string) bool {
	return slices.ContainsFunc(c.tables, func(t route.Table) bool {
		return slices.ContainsFunc(t.Routes, func(r route.Route) bool {
			return r.Kind == route.Ordinary && slices.ContainsFunc(r.Destinations, func(d route.Destination) bool { return d.Host == host && d.Subset == subset })
		})
	})
}

// others names the workloads behind s that are not released.
func others(s *service) []string {
	var out []backend
	for _, b := range s.backends {
		if !b.released {
			b.preview = false
			out = append(out, b)
		}
	}
	return workloads(out)
}

// sayAdopted says what becomes of the user's routes that the draft has.
func (b *builder) sayAdopted(groups []group) {
	d := b.draft
	hosts, copied := strings.Join(d.table.Hosts, ", "), false
	steered := map[*model.VirtualService]bool{}
	for _, g := range groups {
		first := &d.routes[g.from]
		switch {
		case first.index < 0: // a Service's own
			continue
		case g.by != nil:
			b.compiler.add(diag.New(diag.VirtualServiceDelegatedTo, g.by.To.Object(), "VirtualService %s delegates to it for %s, as %s does, for callers in %s",
				d.table.Name, hosts, d.adopted.Object(), list(d.scope)).At(g.by.To.Origin))
			continue
		}
		from := d.adopted
		if first.delegated != nil {
			from = first.delegated.To
		}
		if from.Steered.Is() && !steered[from] {
			steered[from] = true
			b.saySteeredRoutes(from, &g, hosts)
		}
		copied = true
	}
	if copied {
		b.compiler.add(diag.New(diag.VirtualServiceAdopted, d.adopted.Object(), "its routes for %s are taken over by VirtualService %s, for callers in %s",
			hosts, d.table.Name, list(d.scope)).At(d.adopted.Origin))
	}
}

// saySteeredRoutes says what it means that routes of from, which a controller changes, are
// copied.
func (b *builder) saySteeredRoutes(from *model.VirtualService, g *group, hosts string) {
	var d diag.Diagnostic
	otherwise := "run two replicas of the operator, or "
	if b.options.Static {
		otherwise = "let the operator follow, or "
		d = diag.New(diag.SteeredRoutesFrozen, from.Object(), "%s changes its routes for %s, and nothing follows once a copy of them is applied", from.Steered, hosts)
	} else {
		d = diag.New(diag.SteeredRoutesCopied, from.Object(), "%s changes its routes for %s, which are copied: nothing follows while the operator is away", from.Steered, hosts)
	}
	if g.pinned {
		otherwise += "move the previews behind a Service of their own (overrides.mesh/version-of), so that no destination has to be pinned"
	} else {
		otherwise += delegationSteps(from)
	}
	b.compiler.add(d.WithFix("%s", otherwise).At(from.Origin))
}

// delegationSteps says how v becomes one that is delegated to, without a lost request: the
// root comes first, and is younger, so that it is in force only when v has no hosts.
func delegationSteps(v *model.VirtualService) string {
	if len(v.Spec.GetHosts()) == 0 {
		return "let one route of its root, without conditions on baggage, delegate to routes that lead to one Service"
	}
	then := "remove hosts and gateways from " + v.Object().String()
	if v.Steered.Kind == "Canary" {
		then = fmt.Sprintf("set service.delegation: true in %s, without hosts and gateways, together with another change such as an annotation of service.apex", v.Steered)
	}
	return fmt.Sprintf("let it be delegated to: first apply a VirtualService %s-root with its hosts and gateways and http: [{delegate: {name: %s, namespace: %s}}], then %s",
		v.Name, v.Name, v.Namespace, then)
}
