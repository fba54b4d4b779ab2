package plan

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/route"
)

// visibleSince has since when a table is meant for each namespace that it is exported to.
// Package compile exports a table only to namespaces whose proxies see the subsets that it
// references. Where another DestinationRule hid these subsets before, proxies need the
// propagation delay to learn that it no longer does.
type visibleSince map[string]time.Time

// at returns since when the table is meant for a namespace, or for all.
func (v visibleSince) at(namespace string) (time.Time, bool) {
	at, named := v[namespace]
	if !named {
		at, named = v[allNamespaces]
	}
	return at, named
}

// allNamespaces is what an exportTo has for all namespaces.
const allNamespaces = "*"

// namespacesOf lists the namespaces that an exportTo names: [allNamespaces] if it is empty.
func namespacesOf(exportTo []string) []string {
	if len(exportTo) == 0 || slices.Contains(exportTo, allNamespaces) {
		return []string{allNamespaces}
	}
	return exportTo
}

// exportsTo reports whether an exportTo includes a namespace, which may be [allNamespaces].
func exportsTo(exportTo []string, namespace string) bool {
	named := namespacesOf(exportTo)
	return named[0] == allNamespaces || slices.Contains(named, namespace)
}

// widens reports whether an exportTo includes namespaces that the one before does not.
func widens(before, after []string) bool {
	return slices.ContainsFunc(namespacesOf(after), func(namespace string) bool { return !exportsTo(before, namespace) })
}

// trackVisibility records since when each table is meant for which namespaces.
func (p *planner) trackVisibility() {
	for i := range p.Result.Tables {
		t := &p.Result.Tables[i]
		before, now := p.before.visible[p.Backend.TableObject(t)], visibleSince{}
		for _, namespace := range namespacesOf(t.ExportTo) {
			at, known := before.at(namespace)
			if !known {
				at = p.Now
			}
			now[namespace] = at
		}
		p.next.visible[p.Backend.TableObject(t)] = now
	}
}

// limitExport returns t exported only to the namespaces that may see it now: those that
// see the stored object, and those whose proxies have what t references. It returns nil if
// there is none.
func (p *planner) limitExport(t *route.Table, seen *observed) *route.Table {
	var allowed []string
	var until time.Time
	for _, namespace := range namespacesOf(t.ExportTo) {
		at, _ := p.next.visible[p.Backend.TableObject(t)].at(namespace)
		switch {
		case seen != nil && exportsTo(seen.ExportTo, namespace) || p.propagationElapsed(at) || p.clustersPlacedSince(t, at):
			allowed = append(allowed, namespace)
		default:
			until = latest(until, at.Add(p.Options.PropagationDelay))
			if namespace == allNamespaces && seen != nil {
				allowed = append(allowed, seen.ExportTo...)
			}
		}
	}
	if until.IsZero() {
		return t
	}
	p.block(Blocked{Object: p.Backend.TableObject(t), Reason: SubsetNotPropagated, Until: until})
	if len(allowed) == 0 {
		return nil
	}
	out := *t
	out.ExportTo = allowed
	return &out
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// clustersPlacedSince reports whether all propagated subsets that t references itself were
// placed at a time or later: a proxy that has one of them received it after that time, so
// no rule hides it there any more. A subset that the first plan found may be older.
func (p *planner) clustersPlacedSince(t *route.Table, since time.Time) bool {
	for i := range t.Routes {
		for _, c := range p.ownClusters(&t.Routes[i]) {
			at, placed := p.next.placed[c]
			if c.Subset != "" && placed && (p.propagated(c) && at.since.Before(since) || at.knownLabels(p) == nil) {
				return false
			}
		}
	}
	return true
}

// narrowedExport returns the part of a stored object's exportTo that t is exported to as
// well, or nil if that is all of it.
func narrowedExport(seen *observed, t *route.Table) []string {
	if t == nil || !widens(t.ExportTo, seen.ExportTo) {
		return nil
	}
	allowed := []string{}
	for _, namespace := range namespacesOf(t.ExportTo) {
		if exportsTo(seen.ExportTo, namespace) {
			allowed = append(allowed, namespace)
		}
	}
	return allowed
}
