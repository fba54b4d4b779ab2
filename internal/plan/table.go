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

// tables plans the objects of tables.
func (p *planner) planTables() error {
	wanted := make(map[diag.Object]bool, len(p.Result.Tables))
	for i := range p.Result.Tables {
		t := &p.Result.Tables[i]
		name := p.Backend.TableObject(t)
		wanted[name] = true
		if p.duplicates[name] {
			continue
		}
		if err := p.planTable(t, p.observed[name]); err != nil {
			return err
		}
	}
	for _, seen := range p.sortedObserved() {
		if seen.Routes == nil || wanted[seen.Object] {
			continue
		}
		if until, held := p.unpinBlockedUntil(seen, nil); held {
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

// table plans the object of one table: as it is wanted, without the
// rows that may not be named yet; or as it is in place where ordinary traffic
// may not move yet.
func (p *planner) planTable(t *route.Table, seen *observed) error {
	p.trackRoutes(t, seen)
	seers := p.limitExport(t, seen)
	if seers != nil {
		// Where ordinary traffic may stay depends on who is to see it, and the other way round.
		seers = p.limitExport(p.retainOrdinary(seers, seen), seen)
	}
	if seers == nil {
		return p.keepObserved(seen, t)
	}
	t = seers
	may := p.evaluate(t, seen)
	if may.blocked == nil {
		for _, h := range may.dropped {
			p.block(h)
		}
		return p.renderTable(t, may.rows)
	}
	p.block(*may.blocked)
	if may.blocked.Reason == SubsetNotPropagated {
		if other, ok := p.fallbackPin(t, seen); ok {
			if may := p.evaluate(other, seen); may.blocked == nil {
				return p.renderTable(other, may.rows)
			}
		}
	}
	return p.keepObserved(seen, t)
}

// makeTable plans the object of t with some of its rows.
func (p *planner) renderTable(t *route.Table, rows []route.Route) error {
	some := *t
	some.Routes = rows
	return p.render(p.Backend.TableObject(t), &some, nil)
}

// verdict says what may be made of a table now.
type verdict struct {
	// stay is set where the object in place is to stay, with why.
	blocked *Blocked
	// rows may be written, dropped tells of those that may not.
	rows    []route.Route
	dropped []Blocked
}

// judge asks for each row of t whether proxies could follow it.
func (p *planner) evaluate(t *route.Table, seen *observed) verdict {
	var out verdict
	inOverrides, inAll := referencedAlready(t, seen)
	for i := range t.Routes {
		r := &t.Routes[i]
		named := inAll
		if r.Kind == route.Override {
			named = inOverrides
		}
		m := p.obstacle(p.ownClusters(r), named)
		held := Blocked{Object: p.Backend.TableObject(t), Version: r.Version, Reason: SubsetNotPropagated, Until: m.until}
		blocked := m.notPlaced || m.pending
		if r.Kind != route.Override {
			if m.notPlaced || m.pending && (m.leaks || !p.pinUnreachable(t, seen)) {
				return verdict{blocked: &held}
			}
			if until, leaving := p.newPinDrainingUntil(r, named); leaving {
				held.Until = until
				return verdict{blocked: &held}
			}
		} else if until, flapping := p.backoffUntil(r.Version); flapping {
			held.Reason, held.Until, blocked = Flapping, until, true
		} else if blocked && p.rowInPlace(r, seen) {
			return verdict{blocked: &held}
		}
		switch {
		case blocked && r.Kind == route.Override:
			if len(out.dropped) == 0 {
				out.rows = slices.Clone(t.Routes[:i])
			}
			out.dropped = append(out.dropped, held)
		case len(out.dropped) > 0:
			out.rows = append(out.rows, *r)
		}
	}
	if len(out.dropped) == 0 {
		out.rows = t.Routes
	}
	if until, held := p.unpinBlockedUntil(seen, t); held {
		return verdict{blocked: &Blocked{Object: p.Backend.TableObject(t), Reason: UnreleasedPodsDraining, Until: until}}
	}
	return out
}

// namedAlready lists the clusters that rows in place name, which proxies therefore
// have: for override rows, and for others. What an override row names is good for
// both, but not the other way round, since ordinary traffic may have had to be
// moved in haste. Where more namespaces are to see the object, neither says anything.
func referencedAlready(t *route.Table, seen *observed) (inOverrides, inAll route.Clusters) {
	if seen == nil || widens(seen.ExportTo, t.ExportTo) {
		return nil, nil
	}
	return seen.Overridden, seen.Names
}

// lost reports whether there is nothing left to be careful with: the object in
// place sends ordinary traffic where t does not, to a subset that is not there
// any more; or to pods none of which is ready, while those that t wants are.
func (p *planner) pinUnreachable(t *route.Table, seen *observed) bool {
	if seen == nil {
		return false
	}
	named, serving := map[Cluster]bool{}, map[string]bool{}
	for i := range t.Routes {
		if r := &t.Routes[i]; r.Kind != route.Override {
			for _, c := range r.AppendClusters(nil) {
				named[c] = true
				serving[c.Host] = serving[c.Host] || p.hasReadyPod(c)
			}
		}
	}
	for _, c := range seen.Ordinary {
		if c.Subset == "" || named[c] || p.services[c.Host] == nil {
			continue
		}
		if _, placed := p.next.placed[c]; !placed || (serving[c.Host] && p.noReadyPinnedPod(seen, c.Host)) {
			return true
		}
	}
	return false
}

// movingIn returns until when a pin of r, other than those that are named already, may
// have pods that are leaving.
func (p *planner) newPinDrainingUntil(r *route.Route, named route.Clusters) (time.Time, bool) {
	for _, c := range p.ownClusters(r) {
		if labels, known := p.desiredLabels(c); known && !named.Has(c) {
			if until, leaving := p.selectorDrainingUntil(c.Host, labels); leaving {
				return until, true
			}
		}
	}
	return time.Time{}, false
}

// leaving returns until when proxies may have pods with labels that have just gone and
// were not released: of a workload whose version label has changed, where the pin is by a
// selector that does not tell versions apart.
func (p *planner) selectorDrainingUntil(host string, labels map[string]string) (time.Time, bool) {
	report := p.reports[host]
	if report == nil || labels[report.Settings.VersionLabel] != "" {
		return time.Time{}, false
	}
	return p.drainingUntil(p.services[host], labels)
}

// followed reports whether there is a row in place of r's name that leads to
// something which is there: to take it away would lose requests.
func (p *planner) rowInPlace(r *route.Route, seen *observed) bool {
	if seen == nil {
		return false
	}
	c, ok := seen.Override(r.Name)
	_, placed := p.next.placed[c]
	return ok && placed && !p.conflicting[c]
}

// ours lists the clusters that r names and that are not in the user's own route:
// those of the user's are as old as the user made them. The list is good until the
// next one is asked for.
func (p *planner) ownClusters(r *route.Route) []Cluster {
	p.clusterBuf = r.AppendClusters(p.clusterBuf[:0])
	if users := r.AppendUsersClusters(nil); len(users) > 0 {
		p.clusterBuf = slices.DeleteFunc(p.clusterBuf, func(c Cluster) bool { return slices.Contains(users, c) })
	}
	return p.clusterBuf
}

// unpinning reports whether t, or nothing if it is nil, would let ordinary
// traffic out of a pin while proxies may still have pods behind the Service that
// are not released, and until when that may be so.
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
	held := false
	for host, yes := range pinned {
		if report := p.reports[host]; report != nil && report.State == compile.Skipped {
			// What was changed so that it is left alone is in force, and may hide the pin.
			continue
		}
		free, ok := p.next.unpinnableSince[host]
		if !yes || !ok || p.drainElapsed(free) {
			continue
		}
		at, wait := free.Add(p.drainDelay), true
		if p.noReadyPinnedPod(seen, host) {
			// Requests that are served are better than none; but not by what is leaving.
			at, wait = p.drainingUntil(p.services[host], nil)
		}
		if wait {
			until, held = latest(until, at), true
		}
	}
	return until, held
}

// stay leaves the object in place, if there is one, as it is, but for rows of versions
// that are wanted no more, which can't serve, or that lead to who knows what; and for
// callers who are not to see t: what it names may be hidden from them. Without a table
// all rows for overrides go.
func (p *planner) keepObserved(seen *observed, t *route.Table) error {
	if seen == nil {
		return nil
	}
	wanted := map[string]bool{}
	if t != nil {
		for i := range t.Routes {
			wanted[t.Routes[i].Name] = true
		}
	}
	alive := 0
	for _, o := range seen.Overrides {
		if p.conflicting[o.To] {
			delete(wanted, o.Name)
		}
		if wanted[o.Name] {
			alive++
		}
	}
	exportTo := narrowedExport(seen, t)
	if t != nil && alive == len(seen.Overrides) && exportTo == nil {
		return nil
	}
	if exportTo != nil && len(exportTo) == 0 {
		p.remove(seen.Object)
		return nil
	}
	rest, err := p.Backend.WithoutRows(encoded.Object{Object: seen.Object, JSON: seen.Managed}, func(row string) bool { return wanted[row] }, exportTo)
	if err != nil {
		return err
	}
	p.write(encoded.Object{Object: seen.Object, JSON: rest})
	return nil
}
