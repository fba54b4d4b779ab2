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

// mostEntitled bounds what is remembered of a host whose released version changes
// again and again before ordinary traffic could follow.
const maxEligible = 32

// entitle notes which pods ordinary traffic may have for as long as it can't be where
// it is to be: those that were released when it was, and those that were since. Where
// all pods were to share it there is nothing to remember: it may have all of them. What
// was forgotten is read from the pins in place; where there is none, and pods that are
// not released are ready, nobody knows.
func (p *planner) trackEligible() {
	moving := p.movingHosts()
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		before, known := p.Memory.eligible[s.Host]
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

// remembered lists the pods of which our own objects say that they were released: where
// that is not there any more, those that its workload has instead.
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

// standIns lists the pods that ordinary traffic may have since nothing is there of what
// is released.
func (p *planner) standIns(s *compile.Service, before []model.Backend) []model.Backend {
	service := p.services[s.Host]
	if !s.ReleasedMissing || service == nil {
		return nil
	}
	mayHave := eligibleFor(s, before, true)
	return slices.DeleteFunc(slices.Clone(service.Backends), func(b model.Backend) bool { return !mayHave(&b) })
}

// shared reports whether all pods of a Service share its ordinary traffic. Where what is
// released is missing they don't while pods are ready that ordinary traffic may have.
func (p *planner) sharesOrdinary(s *compile.Service) bool {
	switch {
	case s.State == compile.Skipped:
		return true
	case s.Pinned != compile.NotPinned || !s.ReleasedMissing:
		return s.Pinned == compile.NotPinned
	}
	before, known := p.Memory.eligible[s.Host]
	mayHave := eligibleFor(s, before, known)
	return !p.anyReady(s.Host, mayHave)
}

// servesAny reports whether one of some pods behind a Service is ready.
func (p *planner) anyReady(host string, these func(*model.Backend) bool) bool {
	s := p.services[host]
	return s != nil && slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Ready > 0 && these(&b) })
}

// servesOthers reports whether a pod is ready that is not released.
func (p *planner) unreleasedReady(s *compile.Service) bool {
	return p.anyReady(s.Host, func(b *model.Backend) bool {
		return !slices.ContainsFunc(s.ReleasedPods, func(r model.Backend) bool { return samePods(&r, b) })
	})
}

func ready(b model.Backend) bool { return b.Ready > 0 }

// join adds backends to others, without those that are there already.
func union(to, more []model.Backend) []model.Backend {
	out := to
	for i := range more {
		if !slices.ContainsFunc(to, func(b model.Backend) bool { return samePods(&b, &more[i]) }) {
			out = append(slices.Clip(out), more[i])
		}
	}
	return out[max(len(out)-maxEligible, 0):]
}

// same reports whether two backends are the same pods.
func samePods(a, b *model.Backend) bool {
	return a.Workload == b.Workload && maps.Equal(a.Labels, b.Labels)
}

// moving lists the hosts at which ordinary traffic is elsewhere than it is to be, by
// the objects in place.
func (p *planner) movingHosts() map[string]bool {
	out := map[string]bool{}
	wanted := 0
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
			wanted++
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
	p.addRemovedHosts(wanted, out)
	return out
}

// movingAway adds the hosts that objects name which nobody wants any more: all but a
// number of them that are.
func (p *planner) addRemovedHosts(wanted int, to map[string]bool) {
	for _, seen := range p.observed {
		if seen.Routes != nil {
			wanted--
		}
	}
	if wanted >= 0 {
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

// pinnedNow lists the pods that ordinary traffic to a host is pinned to by objects in
// place.
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

// own returns the labels of a subset in an object of ours, whatever users say that it is.
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

// mayHave returns what tells the pods that ordinary traffic to a host may have.
func (p *planner) eligible(host string) func(*model.Backend) bool {
	entitled, known := p.next.eligible[host]
	return eligibleFor(p.reports[host], entitled, known)
}

// may returns what tells the pods that ordinary traffic to a Service may have: all but
// previews where nothing is known. A workload may have been made anew, with other labels;
// and where nothing is there of what is released, one whose pods were released has others
// of another version in their place.
func eligibleFor(s *compile.Service, entitled []model.Backend, known bool) func(*model.Backend) bool {
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
		return slices.ContainsFunc(entitled, func(e model.Backend) bool {
			return samePods(&e, b) || e.Workload.Name == b.Workload.Name && (s.ReleasedMissing || e.Labels[label] == b.Labels[label])
		})
	}
}
