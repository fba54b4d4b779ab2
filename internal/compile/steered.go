package compile

import (
	"fmt"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// reportSteered reports the consequences of a controller that changes a Service.
func reportSteered(ix *index, s *service, ordinary ordinarySubsets, r *reporter) {
	if s.skipped != nil && s.skipped.code == diag.OptedOut {
		return
	}
	if len(s.DropOuts) > 0 {
		var names []string
		for _, w := range s.DropOuts {
			names = append(names, w.String())
		}
		r.add(diag.New(diag.DroppedByController, s.Object(), "it does not select %s, because %s changes its selector: no override of this Service reaches %s", enumerate(names), s.Steered, agree(names, "it", "them")).
			WithFix("put it behind a Service of its own, annotated overrides.mesh/version-of: %s, with labels that no selector of the Services of %s matches", s.Name, s.Steered).At(s.Origin))
	}
	if !s.active() {
		return
	}
	if _, has := s.Selector[model.RolloutHash]; !has && s.Steered.Kind == "Rollout" && s.pin.needed {
		r.report(s.Service, diag.SteeredSelectorNotKnown, "%s adds a hash to its selector, which the input does not have yet: ordinary traffic is pinned as if the Service still selected %s then", s.Steered, enumerate(unreleasedNames(s.pods)))
	}
	if !ix.options.Static {
		return
	}
	var versions []string
	for _, p := range s.pin.parts {
		if p.version != "" && ordinary[[2]string{s.host, p.subset}] {
			versions = append(versions, p.version)
		}
	}
	if len(versions) > 0 {
		r.report(s.Service, diag.PinFrozen, "ordinary traffic is pinned to pods with the label %s: %s. When a release changes that label, requests fail until the output is generated and applied again", s.settings.VersionLabel, alternatives(versions))
	}
}

// besideRollout names the workloads beside a Rollout that a Service selects as long as the
// Rollout has not added the hash of a revision to its selector; none for other Services.
func besideRollout(g *given) []string {
	own := model.Workload{Kind: "Rollout", Name: g.Steered.Name}
	if _, has := g.Selector[model.RolloutHash]; has || g.Steered.Kind != own.Kind || own.Name == "" {
		return nil
	}
	others := filter(g.backends, func(b backend) bool { return b.Workload != own })
	if len(others) == len(g.backends) {
		return nil
	}
	return workloadNames(others)
}

// ordinarySubsets are the subsets that tables send ordinary traffic to, by host and name.
type ordinarySubsets map[[2]string]bool

// ordinaryOf finds the subsets that tables send ordinary traffic to, which matters only for
// tables that nothing follows.
func ordinaryOf(ix *index, tables []route.Table) ordinarySubsets {
	if !ix.options.Static {
		return nil
	}
	out := ordinarySubsets{}
	for i := range tables {
		for j := range tables[i].Routes {
			r := &tables[i].Routes[j]
			if r.Kind != route.Ordinary {
				continue
			}
			for _, d := range r.Destinations {
				out[[2]string{d.Host, d.Subset}] = true
			}
		}
	}
	return out
}

// unreleasedNames names the workloads whose pods are not released.
func unreleasedNames(pods []backend) []string {
	var out []backend
	for _, b := range pods {
		if !b.released {
			b.preview = false
			out = append(out, b)
		}
	}
	return workloadNames(out)
}

// reportAdopted reports what becomes of the user's routes that the table has.
func (b *builder) reportAdopted(groups []group) {
	d := b.draft
	hosts, copied := strings.Join(b.table.Hosts, ", "), false
	steered := map[*model.VirtualService]bool{}
	for _, g := range groups {
		first := &b.routes[g.from]
		switch {
		case first.index < 0: // a Service's own
			continue
		case g.by != nil:
			b.r.add(diag.New(diag.VirtualServiceDelegatedTo, g.by.To.Object(), "VirtualService %s delegates to it for %s, as %s does, for callers in %s",
				b.table.Name, hosts, d.adopted.Object(), enumerate(d.scope)).At(g.by.To.Origin))
			continue
		}
		if from := first.of; from.Steered.Is() && !steered[from] {
			steered[from] = true
			b.reportSteeredRoutes(from, &g, hosts)
		}
		copied = true
	}
	if copied {
		callers := "callers"
		if d.gateway {
			callers = "gateway pods"
		}
		for _, v := range append([]*model.VirtualService{d.adopted}, d.beside...) {
			b.r.add(diag.New(diag.VirtualServiceAdopted, v.Object(), "VirtualService %s takes over its routes for %s, for %s in %s",
				b.table.Name, hosts, callers, enumerate(d.scope)).At(v.Origin))
		}
	}
}

// reportSteeredRoutes reports that routes of from, which a controller changes, are copied.
func (b *builder) reportSteeredRoutes(from *model.VirtualService, g *group, hosts string) {
	var d diag.Diagnostic
	otherwise := "run two replicas of the operator, or "
	if b.ix.options.Static {
		otherwise = "let the operator follow, or "
		d = diag.New(diag.SteeredRoutesFrozen, from.Object(), "%s changes its routes for %s, and a copy of them does not follow once it is applied", from.Steered, hosts)
	} else {
		d = diag.New(diag.SteeredRoutesCopied, from.Object(), "%s changes its routes for %s, which are copied: the copy does not follow while the operator is down", from.Steered, hosts)
	}
	if g.pinned {
		otherwise += "move the previews behind a Service of their own (overrides.mesh/version-of), so that no destination needs a pin"
	} else {
		otherwise += delegationSteps(from)
	}
	b.r.add(d.WithFix("%s", otherwise).At(from.Origin))
}

// delegationSteps says how to turn v into a delegate without a lost request: its root is
// applied first. It is younger, so that it is in force only when v has no hosts any more.
func delegationSteps(v *model.VirtualService) string {
	if len(v.Spec.GetHosts()) == 0 {
		return "let one route of its root, without conditions on baggage, delegate to routes that lead to one Service"
	}
	then := "remove hosts and gateways from " + v.Object().String()
	if v.Steered.Kind == "Canary" {
		then = fmt.Sprintf("set service.delegation: true in %s, without hosts and gateways, together with another change such as an annotation of service.apex", v.Steered)
	}
	return fmt.Sprintf("make it a delegate: first apply a VirtualService %s-root with its hosts and gateways and http: [{delegate: {name: %s, namespace: %s}}], then %s",
		v.Name, v.Name, v.Namespace, then)
}
