package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Early are pods behind a Service that would be ready too early if they were now:
// they are not released, and ordinary requests may still reach them, or proxies
// may not have the subset of their version. Pods that no Early speaks of may be
// ready as far as routes are concerned.
type GatedPods struct {
	Namespace, Service string
	// Labels are all that the pods carry, without those of a revision.
	Labels map[string]string
	// Until is when the wait ends; zero where something has to be written first.
	Until time.Time
}

// aside are pods, by their labels, that an object keeps ordinary traffic to a host
// from, before those who see it.
type exclusion struct {
	object              diag.Object
	host, scope, labels string
}

// findEarly lists what must not be ready yet.
func (p *planner) findGatedPods() {
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		apart := p.excludedPods(s)
		if s.State != compile.Managed || len(apart) == 0 {
			continue
		}
		ordinary := p.ordinaryTables(s.Host)
		for j := range apart {
			b := &apart[j]
			wait := p.subsetWait(s.Host, b)
			for _, t := range ordinary {
				wait = wait.and(p.excludes(t, s.Host, b))
			}
			if wait.done {
				continue
			}
			p.out.Gated = append(p.out.Gated, GatedPods{Namespace: s.Namespace, Service: s.Name, Labels: b.Labels, Until: wait.until})
			p.requeueAt(wait.until)
		}
	}
	slices.SortStableFunc(p.out.Gated, func(a, b GatedPods) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(model.LabelString(a.Labels), model.LabelString(b.Labels)))
	})
}

// apart lists the pods that ordinary traffic is to be kept from. Where what is released
// is missing, these are all that it may not have, if it is served by others.
func (p *planner) excludedPods(s *compile.Service) []model.Backend {
	apart := s.Apart()
	if !s.ReleasedMissing || len(apart) == 0 {
		return apart
	}
	mayHave := p.eligible(s.Host)
	if !p.anyReady(s.Host, mayHave) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(apart), func(b model.Backend) bool { return mayHave(&b) })
}

// wait is whether something is over, and if not, until when it lasts: zero for
// not known.
type wait struct {
	done  bool
	until time.Time
}

// and is the wait for both.
func (w wait) and(other wait) wait {
	switch {
	case other.done, !w.done && w.until.IsZero():
		return w
	case w.done, other.until.IsZero(), other.until.After(w.until):
		return other
	}
	return w
}

// settling is the wait for proxies to follow what routes have said since a time.
func (p *planner) propagationWait(since time.Time) wait {
	return wait{done: p.propagationElapsed(since), until: since.Add(p.Options.PropagationDelay)}
}

// placing is the wait for proxies to have a cluster as it is.
func (p *planner) clusterWait(c Cluster) wait {
	out := wait{done: p.propagated(c), until: p.next.placed[c].since.Add(p.Options.PropagationDelay)}
	if !out.done {
		p.blocking[c] = true
	}
	return out
}

// ordinary lists the tables that send ordinary traffic to a host, or may have done so a
// moment ago: those for it, wherever they lead by now.
func (p *planner) ordinaryTables(host string) []*route.Table {
	if p.tablesByHost == nil {
		p.tablesByHost = map[string][]*route.Table{}
		for i := range p.Result.Tables {
			t := &p.Result.Tables[i]
			hosts := map[string]bool{}
			for _, h := range t.Hosts {
				hosts[h] = true
			}
			for _, c := range ordinaryClusters(t) {
				hosts[c.Host] = true
			}
			for h := range hosts {
				p.tablesByHost[h] = append(p.tablesByHost[h], t)
			}
		}
	}
	return p.tablesByHost[host]
}

// ordinaryOf lists the clusters that rows of t name which are no override rows.
func ordinaryClusters(t *route.Table) []Cluster {
	var out []Cluster
	for i := range t.Routes {
		if r := &t.Routes[i]; r.Kind != route.Override {
			out = r.AppendClusters(out)
		}
	}
	return out
}

// away is the wait until the object of t keeps ordinary traffic to host from pods
// that are not to get any: until all that it names and that reaches them is what t
// names too, as routes of a user's may.
func (p *planner) excludes(t *route.Table, host string, b *model.Backend) wait {
	seen := p.observed[p.Backend.TableObject(t)]
	if seen == nil || widens(seen.ExportTo, t.ExportTo) {
		return wait{}
	}
	wanted := ordinaryClusters(t)
	for _, c := range seen.Ordinary {
		wants := slices.Contains(wanted, c) && (c.Subset != "" || !p.reports[host].ReleasedMissing)
		if c.Host == host && p.selects(c, b, p.placedLabels) && (!wants || !p.selects(c, b, p.finalDefinition)) {
			return wait{}
		}
	}
	key := exclusion{seen.Object, host, strings.Join(seen.ExportTo, ","), model.LabelString(b.Labels)}
	at := sinceOrNow(p, p.Memory.excludedSince, key)
	p.next.excludedSince[key] = at
	return p.propagationWait(at)
}

// reaches reports whether pods are in a cluster, as labels says what that is.
func (p *planner) selects(c Cluster, b *model.Backend, labels func(Cluster) (map[string]string, bool)) bool {
	if c.Subset == "" || p.conflicting[c] {
		return true
	}
	is, known := labels(c)
	return known && model.HasLabels(b.Labels, is)
}

// intention returns the labels that a subset is to have in the end.
func (p *planner) finalDefinition(c Cluster) (map[string]string, bool) {
	if labels, stays := p.finalLabels[c]; stays {
		return labels, true
	}
	return p.desiredLabels(c)
}

// present returns the labels of a subset as they are.
func (p *planner) placedLabels(c Cluster) (map[string]string, bool) {
	_, placed := p.next.placed[c]
	labels, known := p.labels[c]
	return labels, placed && known
}

// subsetsOf is the wait until proxies have the subsets of host that pods are in.
func (p *planner) subsetWait(host string, b *model.Backend) wait {
	out := wait{done: true}
	for _, rule := range p.rulesFor(host) {
		for i := range rule.Subsets {
			c := Cluster{Host: host, Subset: rule.Subsets[i].Name}
			labels := p.desired[c]
			if !model.HasLabels(b.Labels, labels) {
				continue
			}
			if _, placed := p.next.placed[c]; !placed || !maps.Equal(p.labels[c], labels) {
				return wait{}
			}
			out = out.and(p.clusterWait(c))
		}
	}
	return out
}

// rulesFor lists the rules for a host.
func (p *planner) rulesFor(host string) []*route.SubsetRule {
	if p.rulesByHost == nil {
		p.rulesByHost = map[string][]*route.SubsetRule{}
		for i := range p.Result.SubsetRules {
			r := &p.Result.SubsetRules[i]
			p.rulesByHost[r.Host] = append(p.rulesByHost[r.Host], r)
		}
	}
	return p.rulesByHost[host]
}
