package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// maxEligible bounds the pods that are remembered for a host whose released version keeps
// changing before ordinary traffic can follow.
const maxEligible = 32

// trackEligible records which pods ordinary traffic may reach while it can't go where the
// tables want it: those that were released when it last did, and those that have been
// released since. For a Service whose pods all share ordinary traffic it records nothing,
// since all are eligible. Without memory it reads the pods from the stored pins. If there
// are none, and unreleased pods are ready, nobody knows.
func (p *planner) trackEligible() {
	moving := p.movingHosts()
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		before, known := p.before.eligible[s.Host]
		switch {
		case !moving[s.Host] && p.sharesOrdinary(s):
		case !moving[s.Host] && slices.ContainsFunc(s.ReleasedPods, ready):
			p.next.eligible[s.Host] = s.ReleasedPods
		case known:
			p.next.eligible[s.Host] = union(union(before, s.ReleasedPods), p.standIns(s, before))
		default:
			before = union(p.pinnedPods(s.Host), p.releasedBefore(s))
			if len(before) > 0 || !p.unreleasedReady(s) {
				p.next.eligible[s.Host] = union(before, s.ReleasedPods)
			}
		}
	}
}

// releasedBefore lists the pods that were released according to the generated objects. If
// nothing is left of them, it lists the pods that now run in their workloads.
func (p *planner) releasedBefore(s *compile.Service) []model.Backend {
	service := p.services[s.Host]
	if service == nil || service.Remembered == nil {
		return nil
	}
	was := service.Remembered.Released
	return slices.DeleteFunc(slices.Clone(service.Backends), func(b model.Backend) bool {
		version := b.Labels[s.Settings.VersionLabel]
		sameVersion := slices.ContainsFunc(was, func(r model.Running) bool { return r.Version == version })
		return isPreview(&b) || !model.Has(was, b.Workload, version) || !sameVersion && !s.ReleasedMissing
	})
}

// standIns lists the pods that ordinary traffic may reach because no released pod exists.
func (p *planner) standIns(s *compile.Service, before []model.Backend) []model.Backend {
	service := p.services[s.Host]
	if !s.ReleasedMissing || service == nil {
		return nil
	}
	eligible := eligibleFor(s, before, true)
	return slices.DeleteFunc(slices.Clone(service.Backends), func(b model.Backend) bool { return !eligible(&b) })
}

// sharesOrdinary reports whether all pods of a Service share its ordinary traffic. Where
// the released pods are missing, they do only once no eligible pod is ready.
func (p *planner) sharesOrdinary(s *compile.Service) bool {
	switch {
	case s.State == compile.Skipped:
		return true
	case s.Pinned != compile.NotPinned || !s.ReleasedMissing:
		return s.Pinned == compile.NotPinned
	}
	before, known := p.before.eligible[s.Host]
	return !p.anyReady(s.Host, eligibleFor(s, before, known))
}

// anyReady reports whether a pod behind a Service that satisfies these is ready.
func (p *planner) anyReady(host string, these func(*model.Backend) bool) bool {
	s := p.services[host]
	return s != nil && slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Ready > 0 && these(&b) })
}

// unreleasedReady reports whether an unreleased pod is ready.
func (p *planner) unreleasedReady(s *compile.Service) bool {
	return p.anyReady(s.Host, func(b *model.Backend) bool {
		return !slices.ContainsFunc(s.ReleasedPods, func(r model.Backend) bool { return samePods(&r, b) })
	})
}

func ready(b model.Backend) bool { return b.Ready > 0 }

// union adds those backends to others that are not among them, and keeps the latest
// [maxEligible].
func union(to, more []model.Backend) []model.Backend {
	out := to
	for i := range more {
		if !slices.ContainsFunc(to, func(b model.Backend) bool { return samePods(&b, &more[i]) }) {
			out = append(slices.Clip(out), more[i])
		}
	}
	return out[max(len(out)-maxEligible, 0):]
}

// samePods reports whether two backends are the same pods.
func samePods(a, b *model.Backend) bool {
	return a.Workload == b.Workload && maps.Equal(a.Labels, b.Labels)
}

// movingHosts has the hosts whose ordinary traffic goes elsewhere, according to the stored
// objects, than the tables want.
func (p *planner) movingHosts() map[string]bool {
	out := map[string]bool{}
	desired := 0
	for i := range p.Result.Tables {
		t := &p.Result.Tables[i]
		p.clusterBuf = p.clusterBuf[:0]
		for j := range t.Routes {
			if t.Routes[j].Kind != route.Override {
				p.clusterBuf = t.Routes[j].AppendClusters(p.clusterBuf)
			}
		}
		seen := p.observed[p.Backend.TableObject(t)]
		if seen == nil {
			seen = &observed{Placed: &route.Placed{}}
		} else {
			desired++
		}
		for _, c := range p.clusterBuf {
			if !seen.Ordinary.Has(c) || p.labelsChange(c) {
				out[c.Host] = true
			}
		}
		for _, c := range seen.Ordinary {
			if !slices.Contains(p.clusterBuf, c) {
				out[c.Host] = true
			}
		}
	}
	p.addRemovedHosts(desired, out)
	return out
}

// addRemovedHosts adds the hosts of stored objects that are no longer desired. The number
// of stored objects that are desired lets it return early if these are all.
func (p *planner) addRemovedHosts(desired int, to map[string]bool) {
	for _, seen := range p.observed {
		if seen.Routes != nil {
			desired--
		}
	}
	if desired >= 0 {
		return
	}
	kept := make(map[diag.Object]bool, len(p.Result.Tables))
	for i := range p.Result.Tables {
		kept[p.Backend.TableObject(&p.Result.Tables[i])] = true
	}
	for _, seen := range p.observed {
		if seen.Routes != nil && !kept[seen.Object] {
			for _, c := range seen.Ordinary {
				to[c.Host] = true
			}
		}
	}
}

// pinnedPods lists the pods that stored objects pin ordinary traffic of a host to, without
// previews.
func (p *planner) pinnedPods(host string) []model.Backend {
	s := p.services[host]
	if s == nil {
		return nil
	}
	if p.pinnedSubsets == nil {
		p.pinnedSubsets = map[string][]Cluster{}
		for _, seen := range p.observed {
			for _, c := range seen.Ordinary {
				if c.Subset != "" {
					p.pinnedSubsets[c.Host] = append(p.pinnedSubsets[c.Host], c)
				}
			}
		}
	}
	var out []model.Backend
	for _, c := range p.pinnedSubsets[host] {
		labels, known := p.placedLabels(c)
		if p.conflicting[c] {
			labels, known = p.ownLabels(c)
		}
		for i := range s.Backends {
			if b := &s.Backends[i]; known && model.HasLabels(b.Labels, labels) && !isPreview(b) {
				out = union(out, []model.Backend{*b})
			}
		}
	}
	slices.SortFunc(out, compareBackends)
	return out
}

// ownLabels returns the labels of a subset in the generated object, even if a user defines
// that subset too.
func (p *planner) ownLabels(c Cluster) (map[string]string, bool) {
	for _, seen := range p.observed {
		if seen.Subsets == nil || seen.Subsets.Host != c.Host {
			continue
		}
		for _, s := range seen.Subsets.Subsets {
			if s.Name == c.Subset {
				return s.Labels, true
			}
		}
	}
	return nil, false
}

func compareBackends(a, b model.Backend) int {
	return cmp.Or(
		strings.Compare(a.Workload.Kind, b.Workload.Kind), strings.Compare(a.Workload.Name, b.Workload.Name),
		strings.Compare(model.LabelString(a.Labels), model.LabelString(b.Labels)),
	)
}

func isPreview(b *model.Backend) bool { return b.Labels[compile.PreviewLabel] == "true" }

// eligible returns a predicate for the pods that ordinary traffic of a host may reach.
func (p *planner) eligible(host string) func(*model.Backend) bool {
	remembered, known := p.next.eligible[host]
	return eligibleFor(p.reports[host], remembered, known)
}

// eligibleFor returns a predicate for the pods that ordinary traffic of a Service may
// reach: released pods, and remembered ones. If nothing is known, these are all but
// previews. A recreated workload is recognized by its name, although its labels may differ.
// If no released pod exists, pods of another version in a remembered workload count too.
func eligibleFor(s *compile.Service, remembered []model.Backend, known bool) func(*model.Backend) bool {
	label := s.Settings.VersionLabel
	return func(b *model.Backend) bool {
		switch {
		case slices.ContainsFunc(s.ReleasedPods, func(r model.Backend) bool { return samePods(&r, b) }):
			return true
		case isPreview(b):
			return false
		case !known:
			return true
		}
		return slices.ContainsFunc(remembered, func(e model.Backend) bool {
			return samePods(&e, b) || e.Workload.Name == b.Workload.Name && (s.ReleasedMissing || e.Labels[label] == b.Labels[label])
		})
	}
}
