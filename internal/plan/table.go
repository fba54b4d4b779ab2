package plan

import (
	"maps"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/route"
)

// planTables plans the objects with routes.
func (p *planner) planTables() error {
	desired := make(map[diag.Object]bool, len(p.Result.Tables))
	for i := range p.Result.Tables {
		t := &p.Result.Tables[i]
		name := p.Backend.TableObject(t)
		desired[name] = true
		if p.duplicates[name] {
			continue
		}
		if err := p.planTable(t, p.observed[name]); err != nil {
			return err
		}
	}
	for _, seen := range p.sortedObserved() {
		if seen.Routes == nil || desired[seen.Object] {
			continue
		}
		if until, blocked := p.unpinBlockedUntil(seen, nil); blocked {
			p.block(Blocked{Object: seen.Object, Reason: UnreleasedPodsDraining, Until: until})
			if err := p.keepObserved(seen, nil); err != nil {
				return err
			}
			continue
		}
		p.remove(seen.Object)
	}
	p.finishRoutes()
	return nil
}

// planTable plans the object of one table: the desired object without the rows that
// proxies could not follow yet, or the stored object if ordinary traffic may not move yet.
func (p *planner) planTable(t *route.Table, seen *observed) error {
	p.trackRoutes(t, seen)
	visible := p.limitExport(t, seen)
	if visible != nil {
		// Where ordinary traffic may stay depends on who sees the table, and the reverse.
		visible = p.limitExport(p.retainOrdinary(visible, seen), seen)
	}
	if visible == nil {
		return p.keepObserved(seen, t)
	}
	t = visible
	v := p.evaluate(t, seen)
	if v.blocked == nil {
		for _, b := range v.dropped {
			p.block(b)
		}
		return p.renderTable(t, v.rows)
	}
	p.block(*v.blocked)
	if v.blocked.Reason == SubsetNotPropagated {
		if fallback, ok := p.fallbackPin(t, seen); ok {
			if v := p.evaluate(fallback, seen); v.blocked == nil {
				return p.renderTable(fallback, v.rows)
			}
		}
	}
	return p.keepObserved(seen, t)
}

// renderTable plans the object of t with some of its rows. Without any, there is no object: an
// HTTPRoute without rules takes every request.
func (p *planner) renderTable(t *route.Table, rows []route.Route) error {
	if len(rows) == 0 {
		if name := p.Backend.TableObject(t); p.observed[name] != nil {
			p.remove(name)
		}
		return nil
	}
	some := *t
	some.Routes = rows
	return p.render(p.Backend.TableObject(t), &some, nil)
}

// verdict says which rows of a table may be written now.
type verdict struct {
	// blocked is set if the stored object has to stay, and says why.
	blocked *Blocked
	// rows may be written; dropped describes those that may not.
	rows    []route.Route
	dropped []Blocked
}

// evaluate decides for each row of t whether proxies could follow it.
func (p *planner) evaluate(t *route.Table, seen *observed) verdict {
	var out verdict
	inOverrides, inAll := referencedAlready(t, seen)
	for i := range t.Routes {
		r := &t.Routes[i]
		referenced := inAll
		if r.Kind == route.Override {
			referenced = inOverrides
		}
		o := p.obstacle(p.ownClusters(r), referenced)
		b := Blocked{Object: p.Backend.TableObject(t), Version: r.Version, Reason: SubsetNotPropagated, Until: o.until}
		blocked := o.notPlaced || o.pending
		if r.Kind != route.Override {
			if o.notPlaced || o.pending && (o.leaks || !p.pinUnreachable(t, seen)) {
				return verdict{blocked: &b}
			}
			if until, draining := p.newPinDrainingUntil(r, referenced); draining {
				b.Until = until
				return verdict{blocked: &b}
			}
		} else if until, flapping := p.backoffUntil(r.Version); flapping {
			b.Reason, b.Until, blocked = Flapping, until, true
		} else if blocked && p.rowInPlace(r, seen) {
			return verdict{blocked: &b}
		}
		switch {
		case blocked && r.Kind == route.Override:
			if len(out.dropped) == 0 {
				out.rows = slices.Clone(t.Routes[:i])
			}
			out.dropped = append(out.dropped, b)
		case len(out.dropped) > 0:
			out.rows = append(out.rows, *r)
		}
	}
	if len(out.dropped) == 0 {
		out.rows = t.Routes
	}
	if until, blocked := p.unpinBlockedUntil(seen, t); blocked {
		return verdict{blocked: &Blocked{Object: p.Backend.TableObject(t), Reason: UnreleasedPodsDraining, Until: until}}
	}
	return out
}

// referencedAlready lists the clusters that stored rows reference, and that proxies
// therefore have: those of override rows, and those of all rows. A cluster that an override
// row references may be used in any row. The reverse does not hold, since ordinary traffic
// may have moved to its cluster in haste. If t is exported to more namespaces than the
// stored object, neither list says anything.
func referencedAlready(t *route.Table, seen *observed) (inOverrides, inAll route.Clusters) {
	if seen == nil || widens(seen.ExportTo, t.ExportTo) {
		return nil, nil
	}
	return seen.Overridden, seen.Names
}

// pinUnreachable reports whether the current pin already fails every request, so that
// waiting would only prolong the outage: the stored object sends ordinary traffic to a
// subset that t does not want and that no longer exists; or to pods none of which is ready,
// while pods that t wants are.
func (p *planner) pinUnreachable(t *route.Table, seen *observed) bool {
	if seen == nil {
		return false
	}
	desired, serving := map[Cluster]bool{}, map[string]bool{}
	for i := range t.Routes {
		if r := &t.Routes[i]; r.Kind != route.Override {
			for _, c := range r.AppendClusters(nil) {
				desired[c] = true
				serving[c.Host] = serving[c.Host] || p.hasReadyPod(c)
			}
		}
	}
	for _, c := range seen.Ordinary {
		if c.Subset == "" || desired[c] || p.services[c.Host] == nil {
			continue
		}
		if _, placed := p.next.placed[c]; !placed || (serving[c.Host] && p.noReadyPinnedPod(seen, c.Host)) {
			return true
		}
	}
	return false
}

// newPinDrainingUntil returns until when a new pin of r may contain draining pods.
func (p *planner) newPinDrainingUntil(r *route.Route, referenced route.Clusters) (time.Time, bool) {
	for _, c := range p.ownClusters(r) {
		if labels, known := p.desiredLabels(c); known && !referenced.Has(c) {
			if until, draining := p.selectorDrainingUntil(c.Host, labels); draining {
				return until, true
			}
		}
	}
	return time.Time{}, false
}

// selectorDrainingUntil is drainingUntil for a pin by a selector that does not tell
// versions apart. Such a pin selects unreleased pods of a workload whose version label has
// just changed.
func (p *planner) selectorDrainingUntil(host string, labels map[string]string) (time.Time, bool) {
	report := p.reports[host]
	if report == nil || labels[report.Settings.VersionLabel] != "" {
		return time.Time{}, false
	}
	return p.drainingUntil(p.services[host], labels)
}

// rowInPlace reports whether a stored row with r's name leads to an existing cluster, so
// that removing it would lose requests.
func (p *planner) rowInPlace(r *route.Route, seen *observed) bool {
	if seen == nil {
		return false
	}
	c, ok := seen.Override(r.Name)
	_, placed := p.next.placed[c]
	return ok && placed && !p.conflicting[c]
}

// ownClusters lists the clusters that r references, without those in the user's own route:
// the user is responsible for these. The slice is valid until the next call.
func (p *planner) ownClusters(r *route.Route) []Cluster {
	p.clusterBuf = r.AppendClusters(p.clusterBuf[:0])
	if users := r.AppendUsersClusters(nil); len(users) > 0 {
		p.clusterBuf = slices.DeleteFunc(p.clusterBuf, func(c Cluster) bool { return slices.Contains(users, c) })
	}
	return p.clusterBuf
}

// unpinBlockedUntil reports whether t, or the removal of the object if t is nil, would move
// ordinary traffic from a pin to a whole Service while proxies may still know unreleased
// pods behind it. It returns until when that may be so.
func (p *planner) unpinBlockedUntil(seen *observed, t *route.Table) (time.Time, bool) {
	if seen == nil {
		return time.Time{}, false
	}
	pinned := map[string]bool{}
	for _, c := range seen.Ordinary {
		pinned[c.Host] = pinned[c.Host] || c.Subset != ""
	}
	if t != nil {
		whole := map[string]bool{}
		for i := range t.Routes {
			for _, c := range t.Routes[i].AppendClusters(nil) {
				if t.Routes[i].Kind != route.Override && c.Subset == "" && !seen.Ordinary.Has(c) {
					whole[c.Host] = true
				}
			}
		}
		maps.DeleteFunc(pinned, func(host string, _ bool) bool { return !whole[host] })
	}
	var until time.Time
	blocked := false
	for host, yes := range pinned {
		if report := p.reports[host]; report != nil && report.State == compile.Skipped {
			// The change for which the Service is left alone is in force, and may hide the pin.
			continue
		}
		since, ok := p.next.unpinnableSince[host]
		if !yes || !ok || p.drainElapsed(since) {
			continue
		}
		at, wait := since.Add(p.drainDelay), true
		if p.noReadyPinnedPod(seen, host) {
			// Any ready pod is better than none, but not one that is draining.
			at, wait = p.drainingUntil(p.services[host], nil)
		}
		if wait {
			until, blocked = latest(until, at), true
		}
	}
	return until, blocked
}

// keepObserved leaves a stored object as it is, but for override rows that t does not have,
// whose versions can't serve, or whose subsets have conflicting definitions; for grants that are
// not live; and for namespaces that t is not exported to, where proxies may not see what it references.
// Without a table all override rows go.
func (p *planner) keepObserved(seen *observed, t *route.Table) error {
	if seen == nil {
		return nil
	}
	keep := map[string]bool{}
	if t != nil {
		for i := range t.Routes {
			keep[t.Routes[i].Name] = true
		}
	}
	kept := 0
	for _, o := range seen.Overrides {
		if p.conflicting[o.To] {
			delete(keep, o.Name)
		}
		if keep[o.Name] {
			kept++
		}
	}
	exportTo := narrowedExport(seen, t)
	if t != nil && kept == len(seen.Overrides) && exportTo == nil {
		p.revoke(encoded.Object{Object: seen.Object, JSON: seen.Managed}, t)
		return nil
	}
	if exportTo != nil && len(exportTo) == 0 {
		p.remove(seen.Object)
		return nil
	}
	rest, err := p.Backend.WithoutRows(encoded.Object{Object: seen.Object, JSON: seen.Managed}, func(row string) bool { return keep[row] }, exportTo)
	switch {
	case err != nil:
		return err
	case rest == nil:
		p.remove(seen.Object)
	default:
		p.revoke(encoded.Object{Object: seen.Object, JSON: rest}, t)
	}
	return nil
}

// revoke writes what stays of a stored object, without grants that are not live: no wait may
// delay that. t is the table that it is to become; nil for none.
func (p *planner) revoke(stays encoded.Object, t *route.Table) {
	if t != nil && t.Grants != nil {
		stays.JSON = p.Backend.WithoutGrants(stays.JSON, t.Grants.IDs)
	}
	p.write(stays)
}
