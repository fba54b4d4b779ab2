package compile

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Memory is what is remembered of a compilation, so that of the next one only what
// has changed has to be made. The zero Memory is empty. What is made is the same
// with any Memory, or none.
//
// Only tables are remembered, which take most of the time, and only the plain ones:
// of Services whose routes are their own, lead to nothing else, and have no
// conditions. What these follow from is written out, and compared as bytes.
type Memory struct {
	tables map[string]remembered
}

// remembered is a table, and what it follows from.
type remembered struct {
	from  []byte
	table route.Table
}

// Again is [Without] with a Memory, which is not changed, and returns the Memory
// for the next time. Tables that are in both share their routes.
func Again(snapshot *model.Snapshot, before Memory, refused Refused) (Result, Memory) {
	c := newCompiler(snapshot)
	c.refused = refused
	c.before = before.tables
	c.after = make(map[string]remembered, len(before.tables))
	c.run()
	return c.result(), Memory{tables: c.after}
}

// plain reports whether the table of d follows from what from writes out.
func (d *draft) plain() bool {
	if len(d.of) != 1 {
		return false
	}
	s := d.of[0]
	if d.adopted != nil || len(d.targets) != 1 || d.targets[0] != s || len(s.settings.Conditions) > 0 {
		return false
	}
	if slices.ContainsFunc(d.routes, func(r userRoute) bool { return r.base != nil }) {
		return false
	}
	return !slices.ContainsFunc(s.versions, func(v version) bool { return v.isolated != nil })
}

// from writes out what the table of a draft follows from; nil where it is not to be
// remembered. It is good until the next one.
func (c *compiler) from(d *draft) []byte {
	if c.after == nil || !d.plain() {
		return nil
	}
	w := writer{c.text[:0]}
	w.strings(c.options.Header, d.table.Namespace, d.table.Name, d.table.Owner, d.table.Released, d.of[0].Name)
	w.list(d.table.Hosts)
	w.list(d.scope)
	w.number(len(d.routes))
	for i := range d.routes {
		r := &d.routes[i]
		w.number(len(r.matches))
		for j := range r.matches {
			w.number(int(r.matches[j].Port)) // all that a route of a Service's own matches
		}
		w.number(len(r.destinations))
		for j := range r.destinations {
			w.strings(r.destinations[j].Host)
			w.number(int(r.destinations[j].Port))
		}
	}
	w.number(len(d.of[0].pin.parts))
	for i := range d.of[0].pin.parts {
		p := &d.of[0].pin.parts[i]
		w.strings(p.subset)
		w.number(int(p.weight))
	}
	for i := range d.of[0].versions {
		if v := &d.of[0].versions[i]; v.routable() {
			w.strings(v.name, v.subset)
		}
	}
	c.text = w.text
	return w.text
}

// writer writes values out, each after its length.
type writer struct{ text []byte }

func (w *writer) number(n int) { w.text = binary.AppendVarint(w.text, int64(n)) }

func (w *writer) strings(all ...string) {
	for _, s := range all {
		w.number(len(s))
		w.text = append(w.text, s...)
	}
}

func (w *writer) list(all []string) {
	w.number(len(all))
	w.strings(all...)
}

// recall takes the table of a draft from memory, if it follows from the same.
func (c *compiler) recall(d *draft, from []byte) bool {
	last, ok := c.before[d.table.Hosts[0]]
	if from == nil || !ok || !bytes.Equal(last.from, from) {
		return false
	}
	c.after[d.table.Hosts[0]] = last
	c.tables = append(c.tables, last.table)
	return true
}

// remember keeps the table of a draft for the next time, unless there was something
// to say about it, which has to be said again.
func (c *compiler) remember(d *draft, from []byte, said int) {
	if from != nil && len(c.diags) == said {
		c.after[d.table.Hosts[0]] = remembered{from: slices.Clone(from), table: d.table}
	}
}
