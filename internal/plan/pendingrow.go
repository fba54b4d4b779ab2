package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/route"
)

// AwaitedRow is an override row in place that proxies may not have yet.
type PendingRow struct {
	Version route.Version
	// Since is when a row for the version was first seen.
	Since time.Time
	// Object is the VirtualService that the row stands in, Name its own name there, and
	// To what it leads to.
	Object diag.Object
	Name   string
	To     Cluster
	// Host is the Service whose requests the row takes, on Ports; HostSince is when that
	// was first seen.
	Host      string
	Ports     []uint32
	HostSince time.Time
	// Namespaces are those whose proxies see the row; empty means all.
	Namespaces []string
}

// routed is what is remembered of a version that a row in place leads to.
type routeInPlace struct {
	since time.Time
	// again is set where a row may have been there shortly before: proxies may have that
	// one, which can't be told from this one.
	maybeOlder bool
	// other is set while the row in place is not the one that is wanted, which takes its
	// place in one write, but leads to the version too.
	renamed bool
}

// noteRouted notes which of t's versions a row in place leads to.
func (p *planner) trackRoutes(t *route.Table, seen *observed) {
	if seen == nil {
		return
	}
	// The object is one: proxies that have one of its rows for a version have all.
	rows := map[route.Version]*PendingRow{}
	for i := range t.Routes {
		r := &t.Routes[i]
		if r.Kind != route.Override {
			continue
		}
		to, there := seen.Override(r.Name)
		if !there {
			p.trackRenamed(r, seen)
			continue
		}
		at := p.routeOf(r.Version)
		settled := p.routePropagated(r.Version, at.since)
		p.next.routed[r.Version] = at
		p.out.Routed[r.Version] = Routed{Since: at.since, Propagated: settled}
		if settled {
			continue
		}
		p.requeueAt(at.since.Add(max(p.Options.PropagationDelay, p.Options.RoutePropagationDelay)))
		if rows[r.Version] == nil {
			rows[r.Version] = nil
			if row := p.pendingRow(t, r, seen); row != nil && !at.maybeOlder {
				row.Since, row.To = at.since, to
				rows[r.Version] = row
			}
		}
	}
	for v, row := range rows {
		if row == nil {
			p.unobservable[v] = true
			continue
		}
		p.out.PendingRows = append(p.out.PendingRows, *row)
	}
}

// routedSince returns since when a row for a version has been in place that is there now.
func (p *planner) routeOf(v route.Version) routeInPlace {
	at, known := p.Memory.routed[v]
	_, left := p.Memory.unroutedSince[v]
	switch {
	case !known:
		return routeInPlace{since: p.Now, maybeOlder: left || p.Memory.placed == nil}
	case at.renamed:
		return routeInPlace{since: p.Now, maybeOlder: true}
	}
	return at
}

// noteOther notes that a version still has a route where r is not in place, but a row of
// another name that leads there: a table whose rows get other names, as those of a user's
// VirtualService that comes or goes, is written at once, and the version is served before
// and after that. A route that proxies may not have yet is not waited for: it goes.
func (p *planner) trackRenamed(r *route.Route, seen *observed) {
	at, known := p.Memory.routed[r.Version]
	_, noted := p.next.routed[r.Version]
	leads := slices.ContainsFunc(seen.Overrides, func(o route.PlacedOverride) bool { return slices.Contains(r.AppendClusters(nil), o.To) })
	if !known || noted || !leads {
		return
	}
	at.renamed = true
	p.next.routed[r.Version] = at
	p.out.Routed[r.Version] = Routed{Since: at.since}
}

// routeSettled reports whether every proxy has the route to a version.
func (p *planner) routePropagated(v route.Version, since time.Time) bool {
	known, ok := p.RoutesAcked[v]
	return ok && known.Equal(since) || p.Now.Sub(since) >= max(p.Options.PropagationDelay, p.Options.RoutePropagationDelay)
}

// row describes a row for a caller that may ask whether proxies have it; nil where
// that can't be told: the row is for the requests of some pods only, or stands in a
// delegate, where proxies know it by another name.
func (p *planner) pendingRow(t *route.Table, r *route.Route, seen *observed) *PendingRow {
	if r.Delegated != nil || len(t.Hosts) != 1 || p.services[t.Hosts[0]] == nil {
		return nil
	}
	if slices.ContainsFunc(r.Matches, func(m route.Match) bool {
		return len(m.SourceLabels) > 0 || m.SourceNamespace != "" || m.Name != ""
	}) {
		return nil
	}
	out := &PendingRow{Version: r.Version, Object: seen.Object, Name: r.Name, Host: t.Hosts[0], HostSince: p.next.placed[Cluster{Host: t.Hosts[0]}].since}
	exportTo := seen.ExportTo
	if len(exportTo) == 0 {
		exportTo = p.Snapshot.Mesh.VirtualServiceExportTo
	}
	if !exportsTo(exportTo, allNamespaces) {
		for _, who := range exportTo {
			if who == "." {
				who = seen.Namespace
			}
			out.Namespaces = append(out.Namespaces, who)
		}
	}
	for _, port := range p.services[out.Host].Ports {
		if port.HTTP {
			out.Ports = append(out.Ports, port.Number)
		}
	}
	if len(out.Ports) == 0 {
		return nil
	}
	return out
}

// forgetRouted notes since when versions have had no row, for as long as a proxy may
// know one still, and lists the rows to ask about.
func (p *planner) finishRoutes() {
	trackGone(p, p.Memory.routed, p.next.routed, p.Memory.unroutedSince, p.next.unroutedSince)
	p.out.PendingRows = slices.DeleteFunc(p.out.PendingRows, func(r PendingRow) bool { return p.unobservable[r.Version] })
	slices.SortFunc(p.out.PendingRows, func(a, b PendingRow) int {
		return cmp.Or(compareVersions(a.Version, b.Version), a.Object.Compare(b.Object), cmp.Compare(a.Name, b.Name))
	})
}
