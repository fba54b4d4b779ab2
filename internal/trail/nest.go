package trail

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// nest finds out for which call each other one was made.
func (j *joining) nest() {
	for _, h := range j.hops {
		if h.Out == nil {
			continue
		}
		if h.Out.Side == Gateway {
			h.parent = j.arrivals[h.Out]
		} else {
			h.parent, h.Uncertain = j.cause(h)
		}
		if h.parent != nil {
			h.parent.Calls = append(h.parent.Calls, h)
		}
	}
	for _, h := range j.hops {
		slices.SortStableFunc(h.Tries, byStart)
		slices.SortStableFunc(h.Calls, byStart)
	}
}

// cause returns the call for which a program made h; nil if there is no sign of one. It is
// uncertain if there are several, or if all had been answered.
func (j *joining) cause(h *Hop) (cause *Hop, uncertain bool) {
	var before, during []*Hop
	circular := false
	for _, c := range j.hops {
		if c == h || !j.reached(c, h.Out) || !sameMark(c.mark(), h.Out.Mark) {
			continue
		}
		r, tolerance := c.In, clockError
		if r == nil {
			r = c.Out
		} else {
			tolerance = 0
		}
		if r.Start.After(h.Out.Start.Add(tolerance)) {
			continue
		}
		if c.isBelow(h) {
			circular = true // clocks differ, so one of the two is at the wrong place
			continue
		}
		before = append(before, c)
		if !r.end().Before(h.Out.Start.Add(-tolerance)) {
			during = append(during, c)
		}
	}
	late := len(during) == 0
	if late {
		during = before
	}
	during = j.likely(h.Out, during)
	if len(during) == 0 {
		return nil, false
	}
	return during[len(during)-1], late || circular || len(during) > 1
}

// reached reports whether a call reached the pod of a record, or was sent to its address if the
// pod sent no record of it.
func (j *joining) reached(c *Hop, r *Record) bool {
	if c.In != nil {
		return c.In.Side == Inbound && podOf(c.In) == podOf(r)
	}
	return c.Out.Upstream.To != "" && slices.Contains(j.addresses[podOf(r)], addressOf(c.Out.Upstream.To))
}

// isBelow reports whether h was made for other, even by way of other calls.
func (h *Hop) isBelow(other *Hop) bool {
	for h != nil && h != other {
		h = h.parent
	}
	return h != nil
}

// likely restricts calls to those that have the same request ID, mark and override as a record of
// a call made for one of them. A program passes them on, or it doesn't; it does not make them.
func (j *joining) likely(r *Record, calls []*Hop) []*Hop {
	same := func(keep func(*Hop) bool) []*Hop {
		return slices.DeleteFunc(slices.Clone(calls), func(h *Hop) bool { return !keep(h) })
	}
	if !j.begun[r.RequestID].madeAt(podOf(r)) {
		// A call brought this ID to the pod; if none of calls did, it is unknown.
		calls = same(func(h *Hop) bool { return h.first().RequestID == r.RequestID || h.last().RequestID == r.RequestID })
	}
	if r.Mark != "" {
		if with := same(func(h *Hop) bool { return h.mark() == r.Mark }); len(with) > 0 {
			calls = with
		}
	}
	if members := r.members(); len(calls) > 1 && len(members) > 0 {
		if with := same(func(h *Hop) bool { return hasAll(h.last().members(), members) }); len(with) > 0 {
			calls = with
		}
	}
	return calls
}

// members lists the overrides that the proxy saw, those of the header first.
func (r *Record) members() []grammar.Member {
	header, _ := grammar.Parse(r.Header)
	baggage, _ := grammar.Parse(r.Baggage)
	return slices.Concat(header, baggage)
}

// madeAt reports whether a program made the call in a pod.
func (h *Hop) madeAt(pod [2]string) bool {
	return h != nil && h.Out != nil && h.Out.Side == Outbound && podOf(h.Out) == pod
}

func hasAll(list, wanted []grammar.Member) bool {
	return !slices.ContainsFunc(wanted, func(m grammar.Member) bool { return !slices.Contains(list, m) })
}

// trails makes trails of the trees of one family. Requests with different marks have trails of
// their own, even in one trace.
func (j *joining) trails() []*Trail {
	var roots []*Hop
	for _, h := range j.hops {
		if h.parent == nil {
			roots = append(roots, h)
		}
	}
	at := map[string]*Trail{}
	var out []*Trail
	for _, root := range roots {
		mark := j.markOf(root)
		t := at[mark]
		if t == nil {
			t = &Trail{Mark: mark}
			at[mark], out = t, append(out, t)
		}
		t.Roots = append(t.Roots, root)
	}
	for _, t := range out {
		t.name()
	}
	return out
}

// name sets the IDs of t.
func (t *Trail) name() {
	for _, h := range t.All() {
		for _, r := range []*Record{h.Out, h.In} {
			if r == nil {
				continue
			}
			if t.TraceID == "" {
				t.TraceID = r.TraceID
			}
			if t.RequestID == "" {
				t.RequestID = r.RequestID
			}
		}
	}
}

// markOf returns the mark of a tree: its own, or the only one of records with the same request
// ID, else with the same trace ID.
func (j *joining) markOf(root *Hop) string {
	for _, h := range root.all(nil) {
		if m := h.mark(); m != "" {
			return m
		}
	}
	r := root.first()
	for _, same := range []func(*Record) bool{
		func(o *Record) bool { return o.RequestID != "" && o.RequestID == r.RequestID },
		func(o *Record) bool { return o.TraceID != "" && o.TraceID == r.TraceID },
	} {
		var marks []string
		for _, o := range j.records {
			if o.Mark != "" && same(o) && !slices.Contains(marks, o.Mark) {
				marks = append(marks, o.Mark)
			}
		}
		if len(marks) == 1 {
			return marks[0]
		}
	}
	return ""
}
