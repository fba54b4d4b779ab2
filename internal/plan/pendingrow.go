package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/route"
)

// PendingRow is a stored override row that some proxies may not have received yet.
type PendingRow struct {
	Version route.Version
	// Since is when a plan first saw a row for the version.
	Since time.Time
	// Object is the object with the row, Name the row's name in it, and To the cluster that
	// the row leads to.
	Object diag.Object
	Name   string
	To     Cluster
	// Host is the Service whose requests the row matches, on Ports; HostSince is when a plan
	// first saw that Service.
	Host      string
	Ports     []uint32
	HostSince time.Time
	// Namespaces are those whose proxies see the row; empty means all.
	Namespaces []string
}

// routeInPlace is what a plan remembers about a version that a stored row leads to.
type routeInPlace struct {
	since time.Time
	// maybeOlder is set if a row may have existed shortly before. Proxies may still have
	// that one, and istiod can't tell the two apart.
	maybeOlder bool
	// renamed is set while the stored row that leads to the version has another name than
	// the desired row, which will replace it in one write.
	renamed bool
}

// trackRoutes records which of t's versions a stored row leads to.
func (p *planner) trackRoutes(t *route.Table, seen *observed) {
	if seen == nil {
		return
	}
	// One object has all of t's rows, so proxies with one row for a version have them all.
	rows := map[route.Version]*PendingRow{}
	for i := range t.Routes {
		r := &t.Routes[i]
		if r.Kind != route.Override {
			continue
		}
		to, stored := seen.Override(r.Name)
		if !stored {
			p.trackRenamed(r, seen)
			continue
		}
		at := p.routeOf(r.Version)
		propagated := p.routePropagated(r.Version, at.since)
		p.next.routed[r.Version] = at
		p.out.Routed[r.Version] = Routed{Since: at.since, Propagated: propagated}
		if propagated {
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

// routeOf returns what is known about the stored row of a version.
func (p *planner) routeOf(v route.Version) routeInPlace {
	at, known := p.before.routed[v]
	_, removed := p.before.unroutedSince[v]
	switch {
	case !known:
		return routeInPlace{since: p.Now, maybeOlder: removed || !p.before.known}
	case at.renamed:
		return routeInPlace{since: p.Now, maybeOlder: true}
	}
	return at
}

// trackRenamed records that a version still has a route although r is not stored: a row
// with another name leads there. The rows of a table get other names when a user's
// VirtualService comes or goes, for example. A plan writes that at once, and the version is
// served before and after.
func (p *planner) trackRenamed(r *route.Route, seen *observed) {
	at, known := p.before.routed[r.Version]
	_, tracked := p.next.routed[r.Version]
	leads := slices.ContainsFunc(seen.Overrides, func(o route.PlacedOverride) bool { return slices.Contains(r.AppendClusters(nil), o.To) })
	if !known || tracked || !leads {
		return
	}
	at.renamed = true
	p.next.routed[r.Version] = at
	p.out.Routed[r.Version] = Routed{Since: at.since}
}

// routePropagated reports whether every proxy has the route to a version.
func (p *planner) routePropagated(v route.Version, since time.Time) bool {
	acked, ok := p.RoutesAcked[v]
	return ok && acked.Equal(since) || p.Now.Sub(since) >= max(p.Options.PropagationDelay, p.Options.RoutePropagationDelay)
}

// pendingRow describes a row so that a caller can ask whether proxies have it. It returns
// nil if nobody can tell: the row matches the requests of some pods only, or it is in a
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
		for _, namespace := range exportTo {
			if namespace == "." {
				namespace = seen.Namespace
			}
			out.Namespaces = append(out.Namespaces, namespace)
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

// finishRoutes records since when versions have had no row, for as long as a proxy may
// still have one, and sorts the pending rows.
func (p *planner) finishRoutes() {
	trackGone(p, p.before.routed, p.next.routed, p.before.unroutedSince, p.next.unroutedSince)
	p.out.PendingRows = slices.DeleteFunc(p.out.PendingRows, func(r PendingRow) bool { return p.unobservable[r.Version] })
	slices.SortFunc(p.out.PendingRows, func(a, b PendingRow) int {
		return cmp.Or(compareVersions(a.Version, b.Version), a.Object.Compare(b.Object), cmp.Compare(a.Name, b.Name))
	})
}
