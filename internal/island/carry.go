package island

import (
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// memory is what is remembered of some subjects.
type memory[M any] interface {
	Join(others ...M) M
	Divide(owner func(plan.Subject) any) map[any]M
	Fresh() M
}

// Memories has what is remembered of each island, and follows objects as these come into
// other islands.
type Memories[M memory[M]] struct {
	of map[*Island]M
	// rest is what is remembered of what is in no island any more.
	rest M
}

// Get returns what is remembered of an island; nil is for what is in no island any more.
func (ms *Memories[M]) Get(i *Island) M {
	if i == nil {
		return ms.rest
	}
	return ms.of[i]
}

// Set replaces what is remembered of an island, or with nil of what is in none.
func (ms *Memories[M]) Set(i *Island, memory M) {
	if i == nil {
		ms.rest = memory
	} else {
		ms.of[i] = memory
	}
}

// Follow gives each island of an update what is remembered of its objects.
func (ms *Memories[M]) Follow(m *Map, u *Update) {
	if len(u.Gone)+len(u.Regrouped) == 0 {
		return
	}
	if ms.of == nil {
		ms.of = map[*Island]M{}
	}
	var former []M
	for _, islands := range [][]*Island{u.Gone, u.Regrouped} {
		for _, i := range islands {
			if of, known := ms.of[i]; known {
				former = append(former, of)
				delete(ms.of, i)
			}
		}
	}
	all, fresh := ms.rest.Join(former...), ms.rest.Fresh()
	ms.rest = fresh
	for _, i := range u.Regrouped {
		ms.of[i] = fresh
	}
	for owner, part := range all.Divide(func(s plan.Subject) any { return m.about(s) }) {
		i, _ := owner.(*Island)
		ms.Set(i, ms.Get(i).Join(part))
	}
}

// about returns the island to which what is remembered of a subject belongs.
func (m *Map) about(s plan.Subject) *Island {
	switch {
	case s.Host != "":
		return m.WithTie(HostTie(s.Host))
	case s.Version.Service != "":
		return m.WithTie(ServiceTie(s.Version.Namespace, s.Version.Service))
	}
	return m.Writing(s.Object)
}

// Writing returns the island for which an object is there, or may be written; nil for none.
func (m *Map) Writing(o diag.Object) *Island {
	if i := m.WithTie(o); i != nil {
		return i
	}
	if i := m.writes[o]; i != nil {
		return i
	}
	return m.WithTie(Tie{Kind: claimKind, Namespace: o.Namespace, Name: o.Name})
}

// Written returns an object of Overrides' own that is in the cluster: it belongs to the
// island of all hosts that it names. What it says of what was released is says; nil for
// nothing.
func Written(o *plan.Observed, says *discover.Written, extra any) Object {
	out := Object{Ties: []Tie{o.Object, {Kind: claimKind, Namespace: o.Namespace, Name: o.Name}}, Extra: extra}
	if says != nil {
		out.Read = says
	}
	if base, ours := strings.CutSuffix(o.Name, compile.ObjectSuffix); ours {
		out.Ties = append(out.Ties, ServiceTie(o.Namespace, base))
	}
	if o.Kind == istio.HTTPRouteKind {
		for _, of := range istio.AdoptedBy(o.Managed) {
			out.Ties = append(out.Ties, Tie{Kind: istio.HTTPRouteKind, Namespace: of[0], Name: of[1]})
		}
	}
	last := ""
	add := func(host string) {
		if host != last {
			out.Ties = append(out.Ties, HostTie(host))
		}
		last = host
	}
	if o.Routes != nil {
		for _, c := range o.Routes.Names {
			add(c.Host)
		}
	}
	if o.Subsets != nil {
		add(o.Subsets.Host)
	}
	return out
}
