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

// portion is where some of the ordinary traffic to a host stays: a subset, or all of the
// Service where that is empty.
type share struct {
	subset string
	weight int64
}

// asItIs returns t with ordinary traffic where it is now, for the hosts where it would
// be served worse if it went where t says: to pods none of which is ready, or, since
// nothing is there of what is named as released, to all pods of the Service. The other
// rows of t don't wait for that.
func (p *planner) retainOrdinary(t *route.Table, seen *observed) *route.Table {
	var stays map[string][]share
	for _, host := range p.degradedHosts(t) {
		portions := p.currentShares(t, seen, host)
		if portions == nil {
			continue
		}
		if stays == nil {
			stays = map[string][]share{}
		}
		stays[host] = portions
		p.blockPin(p.Backend.TableObject(t), host, p.eligible(host))
	}
	if stays == nil {
		return t
	}
	out := *t
	out.Routes = slices.Clone(t.Routes)
	for i := range out.Routes {
		if r := &out.Routes[i]; r.Kind != route.Override {
			before := r.Destinations
			if r.Destinations = applyShares(r, stays); !slices.Equal(before, r.Destinations) {
				r.Delegated = nil // the delegate says something else
			}
		}
	}
	return &out
}

// worse lists the hosts at which t may have ordinary traffic served worse than now:
// those that it pins to pods none of which is ready, and those where what is
// released is missing.
func (p *planner) degradedHosts(t *route.Table) []string {
	var out, well []string
	for i := range t.Routes {
		r := &t.Routes[i]
		if r.Kind == route.Override {
			continue
		}
		for _, d := range r.Destinations {
			report := p.reports[d.Host]
			if report == nil || namesUsersSubset(r, d) || slices.Contains(out, d.Host) && !report.ReleasedMissing && slices.Contains(well, d.Host) {
				continue
			}
			list := &well
			if report.ReleasedMissing || d.Subset != "" && !p.desiredServes(Cluster{Host: d.Host, Subset: d.Subset}) {
				list = &out
			}
			if !slices.Contains(*list, d.Host) {
				*list = append(*list, d.Host)
			}
		}
	}
	return slices.DeleteFunc(out, func(host string) bool { return slices.Contains(well, host) })
}

// usersOwn reports whether a destination is a subset that a route of the user's names
// itself, and so no pin.
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

// servesAsWanted reports whether a ready pod is in a subset as it is to be; true where
// that is not known.
func (p *planner) desiredServes(c Cluster) bool {
	labels, known := p.desiredLabels(c)
	return !known || p.anyReady(c.Host, func(b *model.Backend) bool { return model.HasLabels(b.Labels, labels) })
}

// portions says where ordinary traffic to host is served now, by pods that it may have;
// nil where it is not, or where t leaves it there.
func (p *planner) currentShares(t *route.Table, seen *observed, host string) []share {
	s := p.services[host]
	if s == nil {
		return nil
	}
	mayHave, missing := p.eligible(host), p.reports[host].ReleasedMissing
	pins, whole := currentPins(t, seen, host)
	if well := p.servingPins(s, pins, mayHave); len(well) > 0 {
		return well
	}
	strays := slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Pods > 0 && !mayHave(&b) })
	if !p.anyReady(host, mayHave) {
		return nil
	}
	if strays || !whole {
		_, named := referencedAlready(t, seen)
		if best, ready := p.bestSubset(s, host, mayHave, named); ready > 0 {
			return []share{{best.Subset, 1}}
		}
		p.awaitFallback(s, host, mayHave)
	}
	if !whole {
		// Nothing can be lost where it is: what proxies may not have yet is as good, if they
		// do not know it as something else.
		if best, ready := p.bestSubsetWhere(s, host, mayHave, func(c Cluster) bool { return !p.mayLeak(c) }); ready > 0 {
			return []share{{best.Subset, 1}}
		}
	}
	if whole && !missing {
		return []share{{"", 1}}
	}
	return nil
}

// wellPinned returns those of some subsets that have ready pods, and none but what
// ordinary traffic may have.
func (p *planner) servingPins(s *model.Service, pins []Cluster, mayHave func(*model.Backend) bool) []share {
	var out []share
	for _, c := range pins {
		labels, placed := p.placedLabels(c)
		if !placed || !p.unchangedByPlan(c) || p.conflicting[c] {
			continue
		}
		if ready, only := countReady(s, labels, mayHave); only && ready > 0 {
			out = append(out, share{c.Subset, int64(ready)})
		}
	}
	return out
}

// pinsOf lists the subsets of host that the object in place pins ordinary traffic to,
// without those that routes of the user's name; and reports whether it goes to the whole
// Service instead, as it does where there is none.
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

// awaitSubset asks for another plan when proxies have a subset to which ordinary traffic
// could go meanwhile.
func (p *planner) awaitFallback(s *model.Service, host string, these func(*model.Backend) bool) {
	for _, c := range p.placedSubsets(host) {
		if ready, only := countReady(s, p.labels[c], these); only && ready > 0 && p.unchangedByPlan(c) && !p.propagated(c) {
			p.blocking[c] = true
			p.requeueAt(p.next.placed[c].since.Add(p.Options.PropagationDelay))
		}
	}
}

// divide returns the destinations of r with those of hosts whose traffic stays where
// it is replaced by these places, which divide their shares.
func applyShares(r *route.Route, stays map[string][]share) []route.Destination {
	divisible := func(d route.Destination) bool { return stays[d.Host] != nil && !namesUsersSubset(r, d) }
	totals, scale := map[string]int64{}, int64(1)
	for _, d := range r.Destinations {
		if _, done := totals[d.Host]; !divisible(d) || done {
			continue
		}
		for _, part := range stays[d.Host] {
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
		for _, part := range stays[d.Host] {
			d.Subset = part.subset
			out, weights = append(out, d), append(weights, weight*scale/totals[d.Host]*part.weight)
		}
	}
	return mergeWeighted(out, weights)
}

// keepSubsets lets subsets that ordinary traffic is pinned to be what they are while no
// pod is ready of what they are to be, or others are leaving that would be in them: the
// name of a pin by selector stays when it moves.
func (p *planner) retainSubsets() {
	for i := range p.Result.SubsetRules {
		rule := &p.Result.SubsetRules[i]
		for j := range rule.Subsets {
			c := Cluster{Host: rule.Host, Subset: rule.Subsets[j].Name}
			is, s := p.labels[c], p.services[rule.Host]
			if _, placed := p.next.placed[c]; !placed || s == nil || p.reports[rule.Host] == nil || maps.Equal(is, rule.Subsets[j].Labels) {
				continue
			}
			mayHave := p.eligible(rule.Host)
			serves := p.anyReady(rule.Host, func(b *model.Backend) bool { return model.HasLabels(b.Labels, is) && mayHave(b) })
			until, leaving := p.selectorDrainingUntil(rule.Host, rule.Subsets[j].Labels)
			worse := serves && !p.desiredServes(c)
			if !worse && !leaving || !p.receivesOrdinary(c) {
				continue
			}
			p.desired[c], p.finalLabels[c] = is, rule.Subsets[j].Labels
			if worse {
				p.blockPin(p.Backend.RuleObject(rule), rule.Host, mayHave)
			} else {
				p.block(Blocked{Object: p.Backend.RuleObject(rule), Reason: SubsetNotPropagated, Until: until})
			}
		}
	}
}

// pins reports whether an object in place sends ordinary traffic to a cluster, or proxies
// may have one that did.
func (p *planner) receivesOrdinary(c Cluster) bool {
	if unnamed, ok := p.next.unreferencedSince[c]; ok && !p.propagationElapsed(unnamed) {
		p.requeueAt(unnamed.Add(p.Options.PropagationDelay))
		return true
	}
	for _, seen := range p.observed {
		if seen.Ordinary.Has(c) {
			return true
		}
	}
	return false
}

// withLabels returns the subsets of a rule with the labels that they are to have now.
func (p *planner) retainedSubsets(rule *route.SubsetRule) []route.Subset {
	out, shared := rule.Subsets, true
	for i := range out {
		now := p.desired[Cluster{Host: rule.Host, Subset: out[i].Name}]
		if maps.Equal(now, out[i].Labels) {
			continue
		}
		if shared {
			out, shared = slices.Clone(out), false
		}
		out[i].Labels = now
	}
	return out
}

// holdPin notes that ordinary traffic to a Service stays where it is, by an object, and
// says so once.
func (p *planner) blockPin(object diag.Object, host string, at func(*model.Backend) bool) {
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
	where := p.readyWorkloads(host, at)
	if reason == ReleasedNotFound {
		p.diagnose(diag.ReleasedNotFound, service, "no pods are released (%s): ordinary traffic stays pinned to %s", report.Released, where)
		return
	}
	p.diagnose(diag.ReleasedNotReady, service, "no released pod is ready (%s): ordinary traffic stays with %s until one is", report.Released, where)
}

func (p *planner) diagnose(code diag.Code, object diag.Object, format string, args ...any) {
	p.out.Diagnostics = append(p.out.Diagnostics, diag.New(code, object, format, args...))
}

// servedBy names the workloads, with their versions, of ready pods behind a Service.
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
