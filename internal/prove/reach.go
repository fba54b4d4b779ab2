package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// users compares the fields that users wrote for a route, and the policies of its
// destinations.
func (l *lookout) users(host, title string, before, after *mesh.Route) bool {
	say := func(why string) bool {
		l.say(host, "route "+title+": "+why)
		return true
	}
	if field := differentField(before.HTTP, after.HTTP); field != "" {
		return say(field + " would change")
	}
	if before.HTTP.GetRedirect() != nil || before.HTTP.GetDirectResponse() != nil {
		return false
	}
	if why := l.shares(before, after); why != "" {
		return say(why)
	}
	if !proto.Equal(l.plain[0].retries(before), l.plain[1].retries(after)) {
		return say("retries would change")
	}
	if why := l.mirrors(before, after); why != "" {
		return say(why)
	}
	return l.policies(after)
}

// shares compares the shares of requests of Services and their subsets.
func (l *lookout) shares(before, after *mesh.Route) string {
	b, why := l.plain[0].shares(before)
	if why != "" {
		return why
	}
	a, why := l.plain[1].shares(after)
	if why != "" {
		return why
	}
	all := slices.Concat(b, a)
	slices.SortFunc(all, func(x, y served) int { return x.compare(y.service) })
	for _, s := range all {
		cluster := clusterName(mesh.Cluster{Host: s.host, Port: s.port})
		want, got := b.of(s.service), a.of(s.service)
		switch {
		case want == nil:
			return "requests would go to " + cluster
		case got == nil:
			return "no requests would go to " + cluster
		case !slices.EqualFunc(want, got, func(x, y share) bool { return x.subset == y.subset && !differ(x.part, y.part) }):
			return "requests would be distributed differently among the pods of " + cluster
		}
	}
	return ""
}

// mirrors compares the mirrors of two routes, and their shares.
func (l *lookout) mirrors(before, after *mesh.Route) string {
	if len(before.Mirrors) != len(after.Mirrors) {
		return "mirrors would change"
	}
	for i := range before.Mirrors {
		if b, a := l.plain[0].target(&before.Mirrors[i]), l.plain[1].target(&after.Mirrors[i]); b != a {
			a.Subset = ""
			return "other mirrored requests would go to " + clusterName(a)
		}
	}
	x, y := before.HTTP.GetMirrors(), after.HTTP.GetMirrors()
	for i := range min(len(x), len(y)) {
		if !proto.Equal(x[i].GetPercentage(), y[i].GetPercentage()) {
			return "the mirrored share of requests would change"
		}
	}
	return ""
}

// policies compares the policies of the Services that a route leads to.
func (l *lookout) policies(r *mesh.Route) bool {
	different := false
	done := map[string]bool{}
	for _, d := range destinationsOf(r) {
		host := l.plain[1].cluster(&d).Host
		if done[host] {
			continue
		}
		done[host] = true
		b, a := l.plain[0].island.Rule(l.plain[0].class, host), l.plain[1].island.Rule(l.plain[1].class, host)
		if !samePolicy(policyOf(b), policyOf(a)) {
			l.say(host, "the policy of DestinationRules would change")
			different = true
		}
		x, y := l.before.entries[host], l.after.entries[host]
		if x != nil && y != nil && !sameEntry(x, y) {
			l.say(host, "the "+y.Object().String()+" would change")
			different = true
		}
	}
	return different
}

func policyOf(r *mesh.Merged) *istioapi.TrafficPolicy {
	if r == nil {
		return nil
	}
	return r.Policy
}

// samePolicy compares policies; an empty one equals none.
func samePolicy(a, b *istioapi.TrafficPolicy) bool {
	return proto.Size(a)+proto.Size(b) == 0 || proto.Equal(a, b)
}

// sameEntry compares two ServiceEntries for one of their hosts. Their hosts and their
// visibility are compared with the routes of callers.
func sameEntry(a, b *model.ServiceEntry) bool {
	strip := func(e *model.ServiceEntry) *istioapi.ServiceEntry {
		out, _ := proto.Clone(e.Spec).(*istioapi.ServiceEntry)
		out.Hosts, out.ExportTo = nil, nil
		return out
	}
	return proto.Equal(strip(a), strip(b))
}

// shares sums the destinations of a route, with subsets named by their content.
func (v *view) shares(r *mesh.Route) (division, string) {
	return sharesOf(v.island, v.class, r, v.target)
}

func (v *view) retries(r *mesh.Route) *istioapi.HTTPRetry {
	return retries(v.mesh, v.island, v.class, r)
}

func (v *view) cluster(d *route.Destination) mesh.Cluster {
	return v.island.Cluster(v.class, v.port, d)
}

// target returns the cluster of a destination, with its subset named by its content:
// labels and policy.
func (v *view) target(d *route.Destination) mesh.Cluster {
	to := v.cluster(d)
	if !v.island.Exists(v.class, to) {
		to.Subset = "missing " + to.Subset
		return to
	}
	if to.Subset == "" {
		return to
	}
	subset, _ := v.island.Rule(v.class, to.Host).Subset(to.Subset)
	to.Subset = "labels " + model.LabelString(subset.Labels)
	if proto.Size(subset.Policy) > 0 {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(subset.Policy)
		if err != nil {
			text = []byte(err.Error())
		}
		to.Subset += string(text)
	}
	return to
}

// reached compares the workloads that a route leads to, with the pins of each state.
func (l *lookout) reached(_, title string, before, after *mesh.Route) bool {
	b, a := l.full[0].reach(before.Destinations), l.full[1].reach(after.Destinations)
	different := false
	for _, host := range union(slices.Collect(maps.Keys(b)), slices.Collect(maps.Keys(a))) {
		if why := moved(b[host], a[host]); why != "" && l.mayCall(l.class, host) {
			l.say(host, "ordinary requests would "+why)
			different = true
		}
	}
	// For a pin of several parts, only one of them gets copies.
	for i := range min(len(before.Mirrors), len(after.Mirrors)) {
		host := l.full[1].cluster(&after.Mirrors[i]).Host
		b, a := l.full[0].reach(before.Mirrors[i : i+1])[host], l.full[1].reach(after.Mirrors[i : i+1])[host]
		if !within(a, b) && !within(b, a) && l.mayCall(l.class, host) {
			l.say(host, "copies of ordinary requests on route "+title+" would "+moved(b, a))
			different = true
		}
	}
	return different
}

// mayCall reports whether there may be callers of a class, for a Service that may name
// its callers' namespaces.
func (c *comparison) mayCall(class *mesh.Class, host string) bool {
	service := c.after.results[host]
	return service == nil || len(callersIn(c.after.Snapshot, service, placesOf(class))) > 0
}

// pods are the labels of pods, as text, by workload.
type pods map[string][]string

func (p pods) add(workload, labels string) {
	if !slices.Contains(p[workload], labels) {
		p[workload] = append(p[workload], labels)
		slices.Sort(p[workload])
	}
}

// textOf returns a workload and the labels of its pods as text.
func (s *side) textOf(b *model.Backend) (workload, labels string) {
	text, known := s.texts[b]
	if !known {
		text = [2]string{b.Workload.String(), s.labelText(b.Labels)}
		s.texts[b] = text
	}
	return text[0], text[1]
}

// reach lists the pods that destinations lead to, by host. If there are several, those
// with weight 0 lead nowhere.
func (v *view) reach(in []route.Destination) map[string]pods {
	out := map[string]pods{}
	for i := range in {
		d := &in[i]
		if d.Weight == 0 && len(in) > 1 {
			continue
		}
		to := v.cluster(d)
		if out[to.Host] == nil {
			out[to.Host] = pods{}
		}
		s := v.services[to.Host]
		if s == nil || !v.island.Exists(v.class, to) {
			continue
		}
		var labels map[string]string
		if to.Subset != "" {
			subset, _ := v.island.Rule(v.class, to.Host).Subset(to.Subset)
			labels = subset.Labels
		}
		for j := range s.Backends {
			if b := &s.Backends[j]; model.HasLabels(b.Labels, labels) && !slices.Contains(s.DropOuts, b.Workload) {
				out[to.Host].add(v.textOf(b))
			}
		}
		v.unreadOf(s, to, labels, out[to.Host])
	}
	return out
}

// released lists the pods of a Service that are not previews.
func (s *side) released(host string, service *model.Service) pods {
	previews := pods{}
	if result := s.results[host]; result != nil {
		for i := range result.Previews {
			previews.add(s.textOf(&result.Previews[i]))
		}
	}
	out := pods{}
	for i := range service.Backends {
		if workload, labels := s.textOf(&service.Backends[i]); !slices.Contains(previews[workload], labels) {
			out.add(workload, labels)
		}
	}
	return out
}

func within(a, b pods) bool {
	for workload, labels := range a {
		if !slices.Equal(b[workload], labels) {
			return false
		}
	}
	return len(a) > 0 || len(b) == 0
}

// moved describes the pods of before that are not in after, and vice versa; "" if they
// are the same.
func moved(before, after pods) string {
	var lost, gained, labels []string
	for _, w := range union(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after))) {
		b, was := before[w]
		a, is := after[w]
		switch {
		case !is:
			lost = append(lost, w)
		case !was:
			gained = append(gained, w)
		case !slices.Equal(a, b):
			labels = append(labels, w+" with other labels ("+few(differingText(b, a))+")")
		}
	}
	var parts []string
	for _, p := range []struct {
		format    string
		workloads []string
	}{
		{"reach %s", gained},
		{"no longer reach %s", lost},
		{"reach pods of %s", labels},
	} {
		if len(p.workloads) > 0 {
			parts = append(parts, fmt.Sprintf(p.format, few(p.workloads)))
		}
	}
	return strings.Join(parts, ", and ")
}
