package island

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// index holds objects, and finds those that are tied together.
type index struct {
	options *model.Options
	nodes   map[diag.Object]*node
	byTie   map[Tie][]*node
	spaces  map[string]*space
	// wildcards are the objects with routes for a wildcard.
	wildcards map[Tie][]*node
	// dirty are objects that changed, and stale the groups of which one has gone.
	dirty map[*node]struct{}
	stale map[*group]struct{}
	// common are the objects that count for all. commonChanged is set where one of them changed
	// other than an OverrideGrant, and grantsChanged where one of these did.
	common                       map[*node]struct{}
	commonChanged, grantsChanged bool
	// moved are the labels of objects that came, changed or went, and those that selectors
	// of theirs may have selected, by namespace: advice may name others now.
	moved map[string][]*discover.Labels
}

// node is an object with its ties.
type node struct {
	name   diag.Object
	object Object
	ties
	held []*selector
	// group is the one that it was found in last.
	group *group
}

// group is objects that are tied together.
type group struct {
	nodes map[*node]struct{}
}

func newIndex(options *model.Options) *index {
	return &index{
		options: options, nodes: map[diag.Object]*node{}, byTie: map[Tie][]*node{}, spaces: map[string]*space{},
		wildcards: map[Tie][]*node{}, dirty: map[*node]struct{}{}, common: map[*node]struct{}{}, stale: map[*group]struct{}{}, moved: map[string][]*discover.Labels{},
	}
}

// put adds an object, in the place of one of its name.
func (x *index) put(name diag.Object, object Object) {
	n := &node{name: name, object: object, ties: ties{options: x.options}}
	if object.Read != nil {
		n.of(object.Read)
	}
	n.names = append(n.names, object.Ties...)
	if old := x.nodes[name]; old != nil {
		if old.sameTies(n) {
			// The usual change: nothing has to be found out anew.
			old.object = object
			x.touch(old)
			return
		}
		x.remove(name)
	}
	x.nodes[name] = n
	x.link(n)
	x.touch(n)
}

func (x *index) touch(n *node) {
	x.noteCommon(n)
	x.dirty[n] = struct{}{}
	x.moveLabels(n)
}

// noteCommon notes that an object changed that may count for others than those it is tied to.
func (x *index) noteCommon(n *node) {
	x.grantsChanged = x.grantsChanged || n.grant
	x.commonChanged = x.commonChanged || n.common && !n.grant
}

// moveLabels notes the labels of n.
func (x *index) moveLabels(n *node) {
	if len(n.labels) > 0 {
		x.moved[n.name.Namespace] = append(x.moved[n.name.Namespace], n.labels...)
	}
}

// sameTies reports whether two states of an object are tied to the same.
func (n *node) sameTies(other *node) bool {
	return n.common == other.common && slices.Equal(n.names, other.names) && slices.Equal(n.wildcards, other.wildcards) &&
		slices.EqualFunc(n.labels, other.labels, func(a, b *discover.Labels) bool { return a.Text() == b.Text() }) &&
		slices.EqualFunc(n.selectors, other.selectors, maps.Equal[map[string]string, map[string]string])
}

// remove takes an object out.
func (x *index) remove(name diag.Object) {
	n := x.nodes[name]
	if n == nil {
		return
	}
	delete(x.nodes, name)
	delete(x.dirty, n)
	x.noteCommon(n)
	x.moveLabels(n)
	x.unlink(n)
	if n.group != nil {
		delete(n.group.nodes, n)
		x.stale[n.group] = struct{}{}
		n.group = nil
	}
}

func (x *index) space(namespace string) *space {
	s := x.spaces[namespace]
	if s == nil {
		s = newSpace()
		x.spaces[namespace] = s
	}
	return s
}

func (x *index) link(n *node) {
	if n.common {
		x.common[n] = struct{}{}
		return
	}
	for _, t := range n.names {
		add(x.byTie, t, n)
	}
	for _, w := range n.wildcards {
		add(x.wildcards, w, n)
	}
	if len(n.labels)+len(n.selectors) == 0 {
		return
	}
	s := x.space(n.name.Namespace)
	for _, l := range n.labels {
		s.addLabels(n, l)
	}
	for _, asks := range n.selectors {
		n.held = append(n.held, s.addSelector(n, asks))
		x.moveSelected(n, asks)
	}
}

// moveSelected notes the labels that n selects, as others may be selected by nothing else.
func (x *index) moveSelected(n *node, asks map[string]string) {
	in := n.name.Namespace
	x.space(in).selected(asks, func(set *labelSet) { x.moved[in] = append(x.moved[in], set.labels) })
}

func (x *index) unlink(n *node) {
	if n.common {
		delete(x.common, n)
		return
	}
	for _, t := range n.names {
		drop(x.byTie, t, n)
	}
	for _, w := range n.wildcards {
		drop(x.wildcards, w, n)
	}
	if len(n.labels)+len(n.selectors) == 0 {
		return
	}
	s := x.space(n.name.Namespace)
	for _, l := range n.labels {
		s.removeLabels(n, l)
	}
	for _, held := range n.held {
		x.moveSelected(n, held.asks)
		s.removeSelector(held)
	}
	n.held = nil
	if len(s.sets)+len(s.selectors) == 0 {
		delete(x.spaces, n.name.Namespace)
	}
}

func add[K comparable](to map[K][]*node, key K, n *node) {
	to[key] = append(to[key], n)
}

func drop[K comparable](from map[K][]*node, key K, n *node) {
	if from[key] = without(from[key], n); len(from[key]) == 0 {
		delete(from, key)
	}
}

// without removes a value from a list that is in no order.
func without[T comparable](list []T, value T) []T {
	if at := slices.Index(list, value); at >= 0 {
		last := len(list) - 1
		list[at] = list[last]
		clear(list[last:])
		list = list[:last]
	}
	return list
}

// neighbours calls a function with the objects that n is tied to, more than once perhaps.
func (x *index) neighbours(n *node, found func(*node)) {
	for _, t := range n.names {
		for _, other := range x.byTie[t] {
			found(other)
		}
		if t.Kind == hostKind || t.Kind == gatewayKind {
			x.covering(t, found)
		}
	}
	for _, w := range n.wildcards {
		x.covering(w, found)
		x.covered(w, found)
	}
	if len(n.labels)+len(n.selectors) == 0 {
		return
	}
	s := x.space(n.name.Namespace)
	for _, l := range n.labels {
		if set := s.sets[l.Text()]; set != nil {
			for _, other := range set.objects {
				found(other)
			}
		}
		s.selecting(l.All, found)
	}
	for _, asks := range n.selectors {
		s.selected(asks, func(set *labelSet) {
			for _, other := range set.objects {
				found(other)
			}
		})
	}
}

// covering calls a function with the objects with a wildcard for a host, which may be one
// itself.
func (x *index) covering(host Tie, found func(*node)) {
	for w, nodes := range x.wildcards {
		if x.overlap(w, host) {
			for _, n := range nodes {
				found(n)
			}
		}
	}
}

// covered calls a function with the objects of the hosts under a wildcard.
func (x *index) covered(wildcard Tie, found func(*node)) {
	for t, nodes := range x.byTie {
		if x.overlap(wildcard, t) {
			for _, n := range nodes {
				found(n)
			}
		}
	}
}

// Object is an object of a cluster.
type Object struct {
	// Read is what was read of it; nil where only its ties count.
	Read discover.Object
	// Ties are further ones.
	Ties []Tie
	// Extra is the caller's, which is passed through.
	Extra any
}
