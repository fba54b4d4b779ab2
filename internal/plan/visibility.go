package plan

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/route"
)

// audience says since when callers of a namespace, or everybody, are to see a table.
// Compile names only those whose proxies see the subsets that it leads to: where a rule of
// somebody else's hid them, their proxies learn that it does no longer as late as all else.
type visibleSince map[string]time.Time

// since returns since when a namespace, or everybody, is to see the table.
func (a visibleSince) at(who string) (time.Time, bool) {
	at, named := a[who]
	if !named {
		at, named = a[allNamespaces]
	}
	return at, named
}

// everybody is what exportTo says of all namespaces.
const allNamespaces = "*"

// seenBy lists whom an exportTo names: everybody where it is empty.
func namespacesOf(exportTo []string) []string {
	if len(exportTo) == 0 || slices.Contains(exportTo, allNamespaces) {
		return []string{allNamespaces}
	}
	return exportTo
}

// includes reports whether who, a namespace or everybody, is named by an exportTo.
func exportsTo(exportTo []string, who string) bool {
	named := namespacesOf(exportTo)
	return named[0] == allNamespaces || slices.Contains(named, who)
}

// widens reports whether an object is to be exported to namespaces that don't see it yet.
func widens(before, after []string) bool {
	return slices.ContainsFunc(namespacesOf(after), func(who string) bool { return !exportsTo(before, who) })
}

// watchAudiences notes since when tables are to be seen, and by whom.
func (p *planner) trackVisibility() {
	for i := range p.Result.Tables {
		t := &p.Result.Tables[i]
		before, now := p.Memory.visible[p.Backend.TableObject(t)], visibleSince{}
		for _, who := range namespacesOf(t.ExportTo) {
			at, known := before.at(who)
			if !known {
				at = p.Now
			}
			now[who] = at
		}
		p.next.visible[p.Backend.TableObject(t)] = now
	}
}

// forWhom returns t for those who may see it now: those who see the object in place,
// and those whose proxies have what it leads to as far as they are to see that. Nil is
// for nobody.
func (p *planner) limitExport(t *route.Table, seen *observed) *route.Table {
	var may []string
	var until time.Time
	for _, who := range namespacesOf(t.ExportTo) {
		at, _ := p.next.visible[p.Backend.TableObject(t)].at(who)
		switch {
		case seen != nil && exportsTo(seen.ExportTo, who) || p.propagationElapsed(at) || p.clustersPlacedSince(t, at):
			may = append(may, who)
		default:
			until = latest(until, at.Add(p.Options.PropagationDelay))
			if who == allNamespaces && seen != nil {
				may = append(may, seen.ExportTo...)
			}
		}
	}
	if until.IsZero() {
		return t
	}
	p.block(Blocked{Object: p.Backend.TableObject(t), Reason: SubsetNotPropagated, Until: until})
	if len(may) == 0 {
		return nil
	}
	out := *t
	out.ExportTo = may
	return &out
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// areYounger reports whether all clusters of ours that proxies have, of those that t
// names, are in place since a time or later: who has them has them as they are to be
// seen since then. Those that a first plan has found may be older.
func (p *planner) clustersPlacedSince(t *route.Table, than time.Time) bool {
	for i := range t.Routes {
		for _, c := range p.ownClusters(&t.Routes[i]) {
			at, placed := p.next.placed[c]
			if c.Subset != "" && placed && (p.propagated(c) && at.since.Before(than) || at.knownLabels(p) == nil) {
				return false
			}
		}
	}
	return true
}

// narrow returns those of the callers who see an object in place that are to see t as
// well; nil where all are.
func narrowedExport(seen *observed, t *route.Table) []string {
	if t == nil || !widens(t.ExportTo, seen.ExportTo) {
		return nil
	}
	may := []string{}
	for _, who := range namespacesOf(t.ExportTo) {
		if exportsTo(seen.ExportTo, who) {
			may = append(may, who)
		}
	}
	return may
}
