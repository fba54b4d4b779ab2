package trail

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// clockError is how much the clocks of two pods may differ. Calls from one pod to another on one
// connection under one ID that are less than this apart can be told apart as long as no record
// of them is missing.
const clockError = 5 * time.Millisecond

// Join makes trails of records, the first request first. Records may come in any order,
// repeatedly, and some not at all.
//
//	belongs together             because of
//	---------------------------  ---------------------------------------------------------
//	records of one request       the mark, else the trace ID, else the request ID
//	both ends of one call        the connection and the request ID; time, if there are several
//	a call and those made for it the pod, the IDs and the header; the call was not yet answered
//
// A call that could have been made for several others is Uncertain; one that could have been
// made for none is a root.
func Join(records []Record) []*Trail {
	var out []*Trail
	for _, family := range families(distinct(records)) {
		j := newJoining(family)
		j.pair()
		j.retries()
		j.nest()
		out = append(out, j.trails()...)
	}
	slices.SortFunc(out, func(a, b *Trail) int { return byStart(a.Roots[0], b.Roots[0]) })
	return out
}

// distinct returns one of each record, by time.
func distinct(records []Record) []*Record {
	known := map[string]bool{}
	var out []*Record
	for i := range records {
		r := records[i]
		if !known[r.ID] {
			known[r.ID] = true
			out = append(out, &r)
		}
	}
	slices.SortFunc(out, func(a, b *Record) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID))
	})
	return out
}

// families separates records that have no ID in common, not even by way of others. Each family
// and all of them are by time.
func families(records []*Record) [][]*Record {
	parent := map[string]string{}
	find := func(id string) string {
		for parent[id] != "" {
			if next := parent[parent[id]]; next != "" {
				parent[id] = next
			}
			id = parent[id]
		}
		return id
	}
	for _, r := range records {
		ids := idsOf(r)
		for _, id := range ids[1:] {
			if a, b := find(ids[0]), find(id); a != b {
				parent[b] = a
			}
		}
	}
	at := map[string]int{}
	var out [][]*Record
	for _, r := range records {
		id := find(idsOf(r)[0])
		i, found := at[id]
		if !found {
			i = len(out)
			at[id], out = i, append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// idsOf lists the IDs by which a record belongs to others; its own if it has none.
func idsOf(r *Record) []string {
	var out []string
	for _, id := range []struct{ kind, value string }{{"mark ", r.Mark}, {"trace ", r.TraceID}, {"request ", r.RequestID}} {
		if id.value != "" {
			out = append(out, id.kind+id.value)
		}
	}
	if out == nil {
		out = []string{"record " + r.ID}
	}
	return out
}

// joining is the state of joining the records of one family.
type joining struct {
	hops []*Hop
	// calls and arrivals are the hops that a record is Out and In of.
	calls, arrivals map[*Record]*Hop
	records         []*Record
	// addresses are those of pods.
	addresses map[[2]string][]string
	// begun is the call with which each request ID was first seen.
	begun map[string]*Hop
}

func newJoining(records []*Record) *joining {
	j := &joining{
		records: records, calls: map[*Record]*Hop{}, arrivals: map[*Record]*Hop{},
		addresses: map[[2]string][]string{}, begun: map[string]*Hop{},
	}
	for _, r := range records {
		if r.receives() {
			j.arrivals[r] = &Hop{In: r}
			j.knows(r, r.Downstream.To)
		}
		if r.sends() {
			j.calls[r] = &Hop{Out: r}
			j.knows(r, r.Upstream.From)
		}
	}
	return j
}

// knows notes an address of the pod of a record.
func (j *joining) knows(r *Record, address string) {
	if address != "" {
		j.addresses[podOf(r)] = append(j.addresses[podOf(r)], addressOf(address))
	}
}

// line is what both ends of a call have in common. The proxy of the called pod may have lost the
// override, but not the request ID.
type line struct {
	connection Connection
	requestID  string
}

// pair joins the two ends of each call, and lists all hops.
func (j *joining) pair() {
	outs, ins := map[line][]*Record{}, map[line][]*Record{}
	for _, r := range j.records {
		if j.calls[r] != nil && r.Upstream.From != "" && r.Upstream.To != "" {
			l := line{r.Upstream, r.RequestID}
			outs[l] = append(outs[l], r)
		}
		if j.arrivals[r] != nil {
			l := line{r.Downstream, r.RequestID}
			ins[l] = append(ins[l], r)
		}
	}
	for l := range outs {
		for _, p := range pairs(outs[l], ins[l]) {
			j.calls[p.out].In = p.in
			j.arrivals[p.in] = j.calls[p.out]
		}
	}
	for _, r := range j.records {
		if h := j.calls[r]; h != nil {
			j.hops = append(j.hops, h)
		}
		if h := j.arrivals[r]; h != nil && h.Out == nil {
			j.hops = append(j.hops, h)
		}
	}
	slices.SortStableFunc(j.hops, byStart)
	for _, h := range j.hops {
		for _, r := range []*Record{h.Out, h.In} {
			if r != nil && j.begun[r.RequestID] == nil {
				j.begun[r.RequestID] = h
			}
		}
	}
}

// ends are both ends of one call.
type ends struct{ out, in *Record }

// pairs matches records of one line, both by time. Those that can have only each other come
// first; the others are in the same order at both ends.
func pairs(outs, ins []*Record) []ends {
	var done []ends
	for {
		found := false
		for _, o := range outs {
			fits := slices.DeleteFunc(slices.Clone(ins), func(i *Record) bool { return !within(o, i, 0) })
			if len(fits) != 1 {
				continue
			}
			in := fits[0]
			if slices.ContainsFunc(outs, func(other *Record) bool { return other != o && within(other, in, 0) }) {
				continue
			}
			done, found = append(done, ends{o, in}), true
			outs = slices.DeleteFunc(slices.Clone(outs), func(r *Record) bool { return r == o })
			ins = slices.DeleteFunc(slices.Clone(ins), func(r *Record) bool { return r == in })
			break
		}
		if !found {
			break
		}
	}
	if len(outs) != len(ins) {
		return done
	}
	for i := range outs {
		if !within(outs[i], ins[i], clockError) {
			return done
		}
	}
	for i := range outs {
		done = append(done, ends{outs[i], ins[i]})
	}
	return done
}

// within reports whether in can be the other end of out, by time, if clocks differ by at most
// tolerance.
func within(out, in *Record, tolerance time.Duration) bool {
	return out != in && out.Method == in.Method && sameMark(out.Mark, in.Mark) && in.Duration <= out.Duration+tolerance &&
		!in.Start.Before(out.Start.Add(-tolerance)) && !in.end().After(out.end().Add(tolerance))
}

// sameMark reports whether marks can be those of one request: it may have lost its mark.
func sameMark(a, b string) bool { return a == "" || b == "" || a == b }

// retries finds the calls that the attempts before the last one are of.
func (j *joining) retries() {
	for _, r := range j.records {
		h := j.arrivals[r]
		if h == nil || h.Out != nil {
			continue
		}
		var possible []*Hop
		for _, c := range j.hops {
			if o := c.Out; o != nil && int(o.Attempts) > len(c.Tries)+1 && o.RequestID == r.RequestID && o.Authority == r.Authority && within(o, r, clockError) &&
				addressOf(o.Upstream.From) == addressOf(r.Downstream.From) {
				possible = append(possible, c)
			}
		}
		if sure := slices.DeleteFunc(slices.Clone(possible), func(c *Hop) bool { return !within(c.Out, r, 0) }); len(sure) > 0 {
			possible = sure
		}
		if n := len(possible); n > 0 {
			h.parent, h.Uncertain = possible[n-1], n > 1
			h.parent.Tries = append(h.parent.Tries, h)
		}
	}
}
