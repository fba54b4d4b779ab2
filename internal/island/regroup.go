package island

// regroup finds out anew which objects belong together, as far as that may have changed.
// It returns the groups of which an object changed that is tied to the same as before, those
// that are new, or have other objects or ties, and those that are no more.
func (x *index) regroup() (changed, regrouped, gone []*group) {
	r := &regrouping{index: x, before: map[*group]struct{}{}, seen: map[*node]struct{}{}}
	for g := range x.stale {
		r.begin(g)
	}
	touched := map[*group]struct{}{}
	for n := range x.dirty {
		switch {
		case n.common:
		case n.group == nil:
			r.starts = append(r.starts, n)
		default:
			touched[n.group] = struct{}{}
		}
	}
	after := r.components()
	for g := range touched {
		if _, redone := r.before[g]; !redone {
			changed = append(changed, g)
		}
	}
	r.keep(after)
	for _, g := range after {
		for n := range g.nodes {
			n.group = g
		}
		regrouped = append(regrouped, g)
	}
	for g := range r.before {
		gone = append(gone, g)
	}
	clear(x.dirty)
	clear(x.stale)
	return changed, regrouped, gone
}

// regrouping is one call of regroup in the making.
type regrouping struct {
	*index

	// before are the groups that are done anew; starts are their objects, and new ones.
	before map[*group]struct{}
	starts []*node
	seen   map[*node]struct{}
}

// keep lets a group that only grew or shrank remain the same one.
func (r *regrouping) keep(after []*group) {
	parts := map[*group]int{}
	former := make([]map[*group]struct{}, len(after))
	for i, g := range after {
		former[i] = map[*group]struct{}{}
		for n := range g.nodes {
			if n.group != nil {
				former[i][n.group] = struct{}{}
			}
		}
		for f := range former[i] {
			parts[f]++
		}
	}
	for i, g := range after {
		for f := range former[i] {
			if len(former[i]) == 1 && parts[f] == 1 {
				f.nodes, after[i] = g.nodes, f
				delete(r.before, f)
			}
		}
	}
}

// begin has a group done anew.
func (r *regrouping) begin(g *group) {
	if g == nil {
		return
	}
	if _, known := r.before[g]; known {
		return
	}
	r.before[g] = struct{}{}
	for n := range g.nodes {
		r.starts = append(r.starts, n)
	}
}

func (r *regrouping) components() []*group {
	var out []*group
	for i := 0; i < len(r.starts); i++ { // which grows
		if _, known := r.seen[r.starts[i]]; !known {
			out = append(out, r.component(r.starts[i]))
		}
	}
	return out
}

// component returns all objects that are tied to one, directly or through others.
func (r *regrouping) component(first *node) *group {
	g := &group{nodes: map[*node]struct{}{}}
	queue := []*node{first}
	r.seen[first] = struct{}{}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		g.nodes[n] = struct{}{}
		r.begin(n.group)
		r.neighbours(n, func(other *node) {
			if _, known := r.seen[other]; !known {
				r.seen[other] = struct{}{}
				queue = append(queue, other)
			}
		})
	}
	return g
}
