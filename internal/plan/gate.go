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

// GatedPods are unreleased pods behind a Service that must not be ready yet: ordinary
// requests may still reach them, or proxies may not have the subset of their version. Pods
// in no GatedPods may be ready, as far as routes are concerned.
type GatedPods struct {
	Namespace, Service string
	// Labels are all labels of the pods, but for those of a revision.
	Labels map[string]string
	// Until is when the wait ends; zero if something has to be written first.
	Until time.Time
}

// exclusion identifies pods, by their labels, that an object keeps ordinary traffic of a
// host from, in the proxies of the namespaces that it is exported to.
type exclusion struct {
	object                 diag.Object
	host, exportTo, labels string
}

// findGatedPods lists the pods that must not be ready yet.
func (p *planner) findGatedPods() {
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		excluded := p.excludedPods(s)
		if s.State != compile.Managed || len(excluded) == 0 {
			continue
		}
		tables := p.ordinaryTables(s.Host)
		for j := range excluded {
			b := &excluded[j]
			wait := p.subsetWait(s.Host, b)
			for _, t := range tables {
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

// excludedPods lists the pods that ordinary traffic of a Service must not reach. If no
// released pod exists, these are the ineligible ones, provided that an eligible pod is ready.
func (p *planner) excludedPods(s *compile.Service) []model.Backend {
	excluded := s.Apart()
	if !s.ReleasedMissing || len(excluded) == 0 {
		return excluded
	}
	eligible := p.eligible(s.Host)
	if !p.anyReady(s.Host, eligible) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(excluded), func(b model.Backend) bool { return eligible(&b) })
}

// wait says whether a wait is over, and if not, when it ends; zero if that is not known.
type wait struct {
	done  bool
	until time.Time
}

// and returns the later of two waits.
func (w wait) and(other wait) wait {
	switch {
	case other.done, !w.done && w.until.IsZero():
		return w
	case w.done, other.until.IsZero(), other.until.After(w.until):
		return other
	}
	return w
}

// propagationWait is the wait until proxies have what routes have said since a time.
func (p *planner) propagationWait(since time.Time) wait {
	return wait{done: p.propagationElapsed(since), until: since.Add(p.Options.PropagationDelay)}
}

// clusterWait is the wait until all proxies have a placed cluster. It marks the cluster as
// blocking.
func (p *planner) clusterWait(c Cluster) wait {
	out := wait{done: p.propagated(c), until: p.next.placed[c].since.Add(p.Options.PropagationDelay)}
	if !out.done {
		p.blocking[c] = true
	}
	return out
}

// ordinaryTables lists the tables that send ordinary traffic to a host, or did a moment
// ago: also those for the host, wherever they lead now.
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

// ordinaryClusters lists the clusters that t's rows reference, without override rows.
func ordinaryClusters(t *route.Table) []Cluster {
	var out []Cluster
	for i := range t.Routes {
		if r := &t.Routes[i]; r.Kind != route.Override {
			out = r.AppendClusters(out)
		}
	}
	return out
}

// excludes is the wait until t's stored object sends ordinary traffic of host to no pod of
// b, except through clusters that t itself wants, as users' own routes may.
func (p *planner) excludes(t *route.Table, host string, b *model.Backend) wait {
	seen := p.observed[p.Backend.TableObject(t)]
	if seen == nil || widens(seen.ExportTo, t.ExportTo) {
		return wait{}
	}
	desired := ordinaryClusters(t)
	for _, c := range seen.Ordinary {
		stays := slices.Contains(desired, c) && (c.Subset != "" || !p.reports[host].ReleasedMissing)
		if c.Host == host && p.selects(c, b, p.placedLabels) && (!stays || !p.selects(c, b, p.finalDefinition)) {
			return wait{}
		}
	}
	key := exclusion{seen.Object, host, strings.Join(seen.ExportTo, ","), model.LabelString(b.Labels)}
	at := sinceOrNow(p, p.before.excludedSince, key)
	p.next.excludedSince[key] = at
	return p.propagationWait(at)
}

// selects reports whether a cluster, with the labels that the function returns for it,
// contains the pods of b.
func (p *planner) selects(c Cluster, b *model.Backend, labels func(Cluster) (map[string]string, bool)) bool {
	if c.Subset == "" || p.conflicting[c] {
		return true
	}
	selector, known := labels(c)
	return known && model.HasLabels(b.Labels, selector)
}

// finalDefinition returns the labels that a subset will have in the end.
func (p *planner) finalDefinition(c Cluster) (map[string]string, bool) {
	if labels, retained := p.finalLabels[c]; retained {
		return labels, true
	}
	return p.desiredLabels(c)
}

// placedLabels returns the labels of a stored subset.
func (p *planner) placedLabels(c Cluster) (map[string]string, bool) {
	_, placed := p.next.placed[c]
	labels, known := p.labels[c]
	return labels, placed && known
}

// subsetWait is the wait until proxies have the subsets of host that contain the pods of b.
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
