package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// change is what a write changes in an object, and why.
type change struct {
	// before and after are the object as JSON; empty if it does not exist.
	before, after []byte
	// adopted is set if the object has routes of a user's VirtualService.
	adopted bool
	// services are the Services by their hosts. They must not be changed.
	services map[string]*compile.Service
	// hostSuffix makes the short name of a host a full one: ".shop.svc.cluster.local".
	hostSuffix string
	decoded    *decoded
}

// decoded holds the results of decoding the JSON of a change, which is done at most once.
type decoded struct {
	once sync.Once
	// lines describe the differences; routes are the names of the routes that differ.
	lines, routes []string
	hosts         []string
}

func newChange(before, after []byte) change {
	return change{before: before, after: after, decoded: &decoded{}}
}

func (c *change) decode() *decoded {
	c.decoded.once.Do(func() {
		var before, after map[string]any
		// Both are JSON that this program has encoded.
		_, _ = json.Unmarshal(orNull(c.before), &before), json.Unmarshal(orNull(c.after), &after)
		hosts := map[string]bool{}
		for _, object := range []map[string]any{before, after} {
			findHosts(object, c.hostSuffix, hosts)
		}
		c.decoded.hosts = slices.Sorted(maps.Keys(hosts))
		c.decoded.lines, c.decoded.routes = compareObjects(before, after), diffItems(specList(before, "http"), specList(after, "http")).names()
	})
	return c.decoded
}

func orNull(text []byte) []byte {
	if len(text) == 0 {
		return []byte("null")
	}
	return text
}

// hosts lists the hosts that the object has rules for, or routes requests to, before or
// after the write.
func (c *change) hosts() []string { return c.decode().hosts }

// findHosts adds the host of each DestinationRule and of each destination in value.
func findHosts(value any, local string, to map[string]bool) {
	switch x := value.(type) {
	case map[string]any:
		if host, ok := x["host"].(string); ok {
			if !strings.Contains(host, ".") {
				host += local
			}
			to[host] = true
		}
		if name, ok := x["name"].(string); ok && x["kind"] == "Service" { // a backend of an HTTPRoute
			to[name+local] = true
		}
		for _, inner := range x {
			findHosts(inner, local, to)
		}
	case []any:
		for _, inner := range x {
			findHosts(inner, local, to)
		}
	}
}

// followsUser reports whether the write changes ordinary routes that come from a user's
// VirtualService.
func (c *change) followsUser() bool {
	return c.adopted && slices.ContainsFunc(c.decode().routes, func(name string) bool {
		kind, _, _ := strings.Cut(name, ".")
		return kind == string(route.Ordinary) || kind == string(route.Released)
	})
}

// text describes the change: "route override.cart.v2 added".
func (c *change) text() string {
	lines := c.decode().lines
	switch {
	case len(c.before) == 0 && len(lines) == 0:
		return "made"
	case len(c.after) == 0:
		return "removed"
	}
	return strings.Join(lines, "; ")
}

// compareObjects lists the routes, subsets and other fields in which two objects differ.
// Routes and subsets are identified by their names.
func compareObjects(before, after map[string]any) []string {
	var out []string
	out = append(out, compareLists("route", specList(before, "http"), specList(after, "http"))...)
	out = append(out, compareLists("subset", specList(before, "subsets"), specList(after, "subsets"))...)
	out = append(out, compareFields(before, after, "metadata", "labels", "annotations")...)
	return append(out, compareFields(before, after, "spec", "hosts", "exportTo", "host", "trafficPolicy", "workloadSelector", "gateways", "parentRefs", "hostnames", "rules")...)
}

func compareFields(before, after map[string]any, of string, fields ...string) []string {
	if before == nil || after == nil {
		return nil
	}
	was, _ := before[of].(map[string]any)
	is, _ := after[of].(map[string]any)
	var out []string
	for _, field := range fields {
		if !reflect.DeepEqual(was[field], is[field]) {
			out = append(out, field+" changed")
		}
	}
	return out
}

func specList(object map[string]any, field string) []any {
	spec, _ := object["spec"].(map[string]any)
	out, _ := spec[field].([]any)
	return out
}

// difference has the names of the items that differ between two lists.
type difference struct{ added, removed, changed []string }

func (d difference) names() []string { return slices.Concat(d.added, d.removed, d.changed) }

// diffItems compares the items of two lists by their names.
func diffItems(before, after []any) difference {
	was, is := itemsByName(before), itemsByName(after)
	var out difference
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if old, there := was[name]; !there {
			out.added = append(out.added, name)
		} else if !reflect.DeepEqual(old, is[name]) {
			out.changed = append(out.changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, there := is[name]; !there {
			out.removed = append(out.removed, name)
		}
	}
	return out
}

// compareLists describes which items were added, removed and changed, in this order.
func compareLists(what string, before, after []any) []string {
	d := diffItems(before, after)
	var out []string
	for _, x := range []struct {
		names []string
		verb  string
	}{{d.added, "added"}, {d.removed, "removed"}, {d.changed, "changed"}} {
		for _, name := range x.names {
			out = append(out, what+" "+name+" "+x.verb)
		}
	}
	if len(out) == 0 && !reflect.DeepEqual(before, after) {
		out = append(out, what+"s in another order")
	}
	return out
}

// itemsByName groups items by name. Istio allows several routes of one name.
func itemsByName(items []any) map[string][]any {
	out := map[string][]any{}
	for _, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		out[name] = append(out[name], item)
	}
	return out
}

// reason returns why the object is written: the state of the Services that it is about.
func (c *change) reason() string {
	var out []string
	for _, host := range c.hosts() {
		if s := c.services[host]; s != nil {
			out = append(out, reasonOf(s))
		}
	}
	if len(out) == 0 {
		return "nothing needs it"
	}
	return strings.Join(out, "; ")
}

// reasonOf returns the state of a Service, as in "cart: pin by version (released: by
// annotation); v1 released, 2 of 2 pods ready; v2 1 of 1 pods ready".
func reasonOf(s *compile.Service) string {
	out := s.Name + ": "
	switch s.State {
	case compile.Managed:
		if s.Pinned == compile.NotPinned {
			out += "not pinned"
		} else {
			out += "pin " + string(s.Pinned)
		}
		if s.Released != "" {
			out += " (released: " + s.Released + ")"
		}
	case compile.Idle:
		return out + "nothing to override"
	case compile.Skipped:
		if s.Reason == "" {
			return out + s.Why
		}
		return out + "left alone (" + string(s.Reason) + ")"
	}
	for _, v := range s.Versions {
		released := ""
		if v.Released {
			released = "released, "
		}
		if v.Expired {
			released = "expired, "
		}
		out += fmt.Sprintf("; %s %s%d of %d pods ready", v.Name, released, v.Ready, v.Pods)
	}
	return out
}

// objectContext has what the log says about objects of Overrides.
type objectContext struct {
	domain   string
	services map[string]*compile.Service
	adopted  map[diag.Object]bool
}

// objectContext returns the context of the objects of an island.
func (p *islandState) objectContext() *objectContext {
	out := &objectContext{services: map[string]*compile.Service{}, adopted: map[diag.Object]bool{}}
	if p.snapshot != nil {
		out.domain = p.snapshot.Options.ClusterDomain
	}
	for i := range p.result.Services {
		out.services[p.result.Services[i].Host] = &p.result.Services[i]
	}
	for i := range p.result.Tables {
		t := &p.result.Tables[i]
		out.adopted[istio.TableObject(t)] = len(t.Adopted) > 0
	}
	return out
}

// change returns what a step changes in an object.
func (a *objectContext) change(step plan.Step, seen *apply.Seen) change {
	var before []byte
	if seen != nil {
		before = seen.Managed
	}
	out := newChange(before, step.Object.JSON)
	out.adopted, out.services = a.adopted[step.Object.Object], a.services
	out.hostSuffix = "." + step.Object.Namespace + ".svc." + a.domain
	return out
}
