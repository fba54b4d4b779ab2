package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// share is a part of the ordinary traffic of a host: it goes to a subset, or to the whole
// Service if the subset is empty.
type share struct {
	subset string
	weight int64
}

// retainOrdinary returns t with ordinary traffic left where it goes now, for the hosts
// where t would have it served worse: by pods none of which is ready, or, since no released
// pod exists, by all pods of the Service. The other rows of t don't wait for that.
func (p *planner) retainOrdinary(t *route.Table, seen *observed) *route.Table {
	var retained map[string][]share
	for _, host := range p.degradedHosts(t) {
		shares := p.currentShares(t, seen, host)
		if shares == nil {
			continue
		}
		if retained == nil {
			retained = map[string][]share{}
		}
		retained[host] = shares
		p.blockPin(p.Backend.TableObject(t), host, p.eligible(host))
	}
	if retained == nil {
		return t
	}
	out := *t
	out.Routes = slices.Clone(t.Routes)
	for i := range out.Routes {
		if r := &out.Routes[i]; r.Kind != route.Override {
			before := r.Destinations
			if r.Destinations = applyShares(r, retained); !slices.Equal(before, r.Destinations) {
				r.Delegated = nil // the delegate has other destinations
			}
		}
	}
	return &out
}

// degradedHosts lists the hosts whose ordinary traffic t may have served worse than now:
// t pins it to pods none of which is ready, or no released pod exists.
func (p *planner) degradedHosts(t *route.Table) []string {
	var degraded, served []string
	for i := range t.Routes {
		r := &t.Routes[i]
		if r.Kind == route.Override {
			continue
		}
		for _, d := range r.Destinations {
			report := p.reports[d.Host]
			if report == nil || namesUsersSubset(r, d) || slices.Contains(degraded, d.Host) && !report.ReleasedMissing && slices.Contains(served, d.Host) {
				continue
			}
			list := &served
			if report.ReleasedMissing || d.Subset != "" && !p.desiredServes(Cluster{Host: d.Host, Subset: d.Subset}) {
				list = &degraded
			}
			if !slices.Contains(*list, d.Host) {
				*list = append(*list, d.Host)
			}
		}
	}
	return slices.DeleteFunc(degraded, func(host string) bool { return slices.Contains(served, host) })
}

// namesUsersSubset reports whether a destination is a subset that the user's own route
// names, and so no pin.
func namesUsersSubset(r *route.Route, d route.Destination) bool {
	if d.Subset == "" {
		return false
	}
	for _, u := range r.Base.GetRoute() {
		if u.GetDestination().GetHost() == d.Host && u.GetDestination().GetSubset() == d.Subset {
			return true
		}
	}
	return false
}

// desiredServes reports whether a subset with its desired labels has a ready pod; true if
// nothing is known about the subset.
func (p *planner) desiredServes(c Cluster) bool {
	labels, known := p.desiredLabels(c)
	return !known || p.anyReady(c.Host, func(b *model.Backend) bool { return model.HasLabels(b.Labels, labels) })
}

// currentShares returns where eligible pods serve ordinary traffic of host now. It returns
// nil if none do, or if t leaves the traffic there.
func (p *planner) currentShares(t *route.Table, seen *observed, host string) []share {
	s := p.services[host]
	if s == nil {
		return nil
	}
	eligible, missing := p.eligible(host), p.reports[host].ReleasedMissing
	pins, whole := currentPins(t, seen, host)
	if serving := p.servingPins(s, pins, eligible); len(serving) > 0 {
		return serving
	}
	ineligible := slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Pods > 0 && !eligible(&b) })
	if !p.anyReady(host, eligible) {
		return nil
	}
	if ineligible || !whole {
		_, referenced := referencedAlready(t, seen)
		if best, ready := p.bestSubset(s, host, eligible, referenced); ready > 0 {
			return []share{{best.Subset, 1}}
		}
		p.awaitFallback(s, host, eligible)
	}
	if !whole {
		// Requests fail where they go now. So a subset that proxies may not have yet is as good,
		// unless they may still know it with a definition that leaks.
		if best, ready := p.bestSubsetWhere(s, host, eligible, func(c Cluster) bool { return !p.mayLeak(c) }); ready > 0 {
			return []share{{best.Subset, 1}}
		}
	}
	if whole && !missing {
		return []share{{"", 1}}
	}
	return nil
}

// servingPins returns those of some pins that have ready pods, and only eligible pods.
func (p *planner) servingPins(s *model.Service, pins []Cluster, eligible func(*model.Backend) bool) []share {
	var out []share
	for _, c := range pins {
		labels, placed := p.placedLabels(c)
		if !placed || !p.unchangedByPlan(c) || p.conflicting[c] {
			continue
		}
		if ready, only := countReady(s, labels, eligible); only && ready > 0 {
			out = append(out, share{c.Subset, int64(ready)})
		}
	}
	return out
}

// currentPins lists the subsets of host that the stored object pins ordinary traffic to,
// without those that users' routes name. It reports whether the traffic goes to the whole
// Service instead, as it does without a stored object.
func currentPins(t *route.Table, seen *observed, host string) (pins []Cluster, whole bool) {
	if seen == nil || widens(seen.ExportTo, t.ExportTo) || seen.Ordinary.Has(Cluster{Host: host}) {
		return nil, true
	}
	for _, c := range seen.Ordinary {
		if c.Host == host && !slices.ContainsFunc(t.Routes, func(r route.Route) bool {
			return namesUsersSubset(&r, route.Destination{Host: host, Subset: c.Subset})
		}) {
			pins = append(pins, c)
		}
	}
	return pins, len(pins) == 0
}

// awaitFallback requeues for when proxies have a subset that ordinary traffic could go to
// meanwhile.
func (p *planner) awaitFallback(s *model.Service, host string, eligible func(*model.Backend) bool) {
	for _, c := range p.placedSubsets(host) {
		if ready, only := countReady(s, p.labels[c], eligible); only && ready > 0 && p.unchangedByPlan(c) && !p.propagated(c) {
			p.blocking[c] = true
			p.requeueAt(p.next.placed[c].since.Add(p.Options.PropagationDelay))
		}
	}
}

// applyShares returns the destinations of r. It replaces those of hosts with retained
// traffic by the retained shares, which divide the weights of the destinations among them.
func applyShares(r *route.Route, retained map[string][]share) []route.Destination {
	divisible := func(d route.Destination) bool { return retained[d.Host] != nil && !namesUsersSubset(r, d) }
	totals, scale := map[string]int64{}, int64(1)
	for _, d := range r.Destinations {
		if _, done := totals[d.Host]; !divisible(d) || done {
			continue
		}
		for _, part := range retained[d.Host] {
			totals[d.Host] += part.weight
		}
		scale *= totals[d.Host]
	}
	var out []route.Destination
	var weights []int64
	for _, d := range r.Destinations {
		weight := int64(d.Weight)
		if len(r.Destinations) == 1 {
			weight = 1
		}
		if !divisible(d) {
			out, weights = append(out, d), append(weights, weight*scale)
			continue
		}
		for _, part := range retained[d.Host] {
			d.Subset = part.subset
			out, weights = append(out, d), append(weights, weight*scale/totals[d.Host]*part.weight)
		}
	}
	return mergeWeighted(out, weights)
}

// retainSubsets leaves the labels of a pinned subset as they are while no pod with its new
// labels is ready, or while unreleased pods with the new labels drain. It matters for pins
// by selector, which keep their subset's name when they move.
func (p *planner) retainSubsets() {
	for i := range p.Result.SubsetRules {
		rule := &p.Result.SubsetRules[i]
		for j := range rule.Subsets {
			c := Cluster{Host: rule.Host, Subset: rule.Subsets[j].Name}
			current, s := p.labels[c], p.services[rule.Host]
			if _, placed := p.next.placed[c]; !placed || s == nil || p.reports[rule.Host] == nil || maps.Equal(current, rule.Subsets[j].Labels) {
				continue
			}
			eligible := p.eligible(rule.Host)
			serves := p.anyReady(rule.Host, func(b *model.Backend) bool { return model.HasLabels(b.Labels, current) && eligible(b) })
			until, draining := p.selectorDrainingUntil(rule.Host, rule.Subsets[j].Labels)
			degraded := serves && !p.desiredServes(c)
			if !degraded && !draining || !p.receivesOrdinary(c) {
				continue
			}
			p.desired[c], p.finalLabels[c] = current, rule.Subsets[j].Labels
			if degraded {
				p.blockPin(p.Backend.RuleObject(rule), rule.Host, eligible)
			} else {
				p.block(Blocked{Object: p.Backend.RuleObject(rule), Reason: SubsetNotPropagated, Until: until})
			}
		}
	}
}

// receivesOrdinary reports whether a stored object sends ordinary traffic to a cluster, or
// proxies may still have one that did.
func (p *planner) receivesOrdinary(c Cluster) bool {
	if since, ok := p.next.unreferencedSince[c]; ok && !p.propagationElapsed(since) {
		p.requeueAt(since.Add(p.Options.PropagationDelay))
		return true
	}
	for _, seen := range p.observed {
		if seen.Ordinary.Has(c) {
			return true
		}
	}
	return false
}

// retainedSubsets returns the subsets of a rule with the labels that they have for now.
func (p *planner) retainedSubsets(rule *route.SubsetRule) []route.Subset {
	out, shared := rule.Subsets, true
	for i := range out {
		labels := p.desired[Cluster{Host: rule.Host, Subset: out[i].Name}]
		if maps.Equal(labels, out[i].Labels) {
			continue
		}
		if shared {
			out, shared = slices.Clone(out), false
		}
		out[i].Labels = labels
	}
	return out
}

// blockPin records that an object leaves ordinary traffic of a Service with certain pods,
// and reports that once for each Service.
func (p *planner) blockPin(object diag.Object, host string, pods func(*model.Backend) bool) {
	report, reason := p.reports[host], ReleasedNotReady
	if report.ReleasedMissing {
		reason = ReleasedNotFound
	}
	p.block(Blocked{Object: object, Reason: reason})
	if p.diagnosed[host] {
		return
	}
	if p.diagnosed == nil {
		p.diagnosed = map[string]bool{}
	}
	p.diagnosed[host] = true
	service := diag.Object{Kind: "Service", Namespace: report.Namespace, Name: report.Name}
	where := p.readyWorkloads(host, pods)
	if reason == ReleasedNotFound {
		p.diagnose(diag.ReleasedNotFound, service, "no pods are released (%s): ordinary traffic stays pinned to %s", report.Released, where)
		return
	}
	p.diagnose(diag.ReleasedNotReady, service, "no released pod is ready (%s): ordinary traffic stays with %s until one is", report.Released, where)
}

func (p *planner) diagnose(code diag.Code, object diag.Object, format string, args ...any) {
	p.out.Diagnostics = append(p.out.Diagnostics, diag.New(code, object, format, args...))
}

// readyWorkloads names the workloads, with their versions, whose pods are ready and satisfy
// these.
func (p *planner) readyWorkloads(host string, these func(*model.Backend) bool) string {
	var names []string
	for i := range p.services[host].Backends {
		b := &p.services[host].Backends[i]
		if b.Ready == 0 || !these(b) {
			continue
		}
		name := b.Workload.String()
		if version := b.Labels[p.reports[host].Settings.VersionLabel]; version != "" {
			name += fmt.Sprintf(" (version %s)", version)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
