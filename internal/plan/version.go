package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// history is what is remembered of a version. A version is wanted while it can
// serve, so that the table has rows for it.
//
// Contract line 3 (only what can serve is routed to) asks that rows go at once,
// line 4 that they come and go without a loss: each time costs the callers whose
// requests are under way, and every proxy an update. So a loss is never damped,
// the return is: not the first, since a pod may restart once; then for Calm,
// doubled with each further loss. A version that flaps faster than that has no
// route, as one that is not ready has none. What users do (a Service made anew, a label
// taken away, a workload replaced) is no loss, and is followed at once: only readiness
// that went counts.
type history struct {
	wanted bool
	// released is set for the version that ordinary traffic gets.
	released bool
	// since is when it began to be wanted, or ceased.
	since time.Time
	// losses counts how often its pods were there and none was ready any more, ready is
	// when it was wanted for the first time after the last of these.
	losses     int
	readySince time.Time
	// lost is set where it ceased to be wanted for that.
	lost bool
	// labels are those of its pods when it was last wanted; unseen is set where nobody saw
	// them, since the version went while there was no plan.
	labels []map[string]string
	unseen bool
}

// watchVersions notes which versions came and went.
func (p *planner) trackVersions() {
	wanted := make(map[route.Version]bool, len(p.Memory.versions))
	for i := range p.Result.Tables {
		for j := range p.Result.Tables[i].Routes {
			if r := &p.Result.Tables[i].Routes[j]; r.Kind == route.Override {
				wanted[r.Version] = true
			}
		}
	}
	released, labels := p.releasedVersions(), p.podLabels(wanted)
	for v := range wanted {
		h, known := p.Memory.versions[v]
		switch {
		case !known || !h.wanted:
			if !known || h.lost {
				h.readySince = p.Now
			}
			h.wanted, h.since, h.lost = true, p.Now, false
		case h.losses > 0 && p.Now.Sub(h.readySince) >= p.Options.FlapReset:
			h.losses = 0
		}
		h.released, h.labels = released[v], labels[v]
		p.next.versions[v] = h
	}
	for v, h := range p.Memory.versions {
		switch {
		case wanted[v]:
		case h.wanted:
			h.wanted, h.since = false, p.Now
			if h.lost = p.lostReadiness(v); h.lost {
				h.losses++
			}
			p.next.versions[v] = h
		case p.Now.Sub(h.since) < p.Options.FlapReset:
			p.next.versions[v] = h
		}
	}
	if p.Memory.placed == nil {
		p.trackUnseen(wanted)
	}
}

// findUnseen notes, in a first plan, the versions that routes in place lead to and that
// are not wanted: they may have gone just now.
func (p *planner) trackUnseen(wanted map[route.Version]bool) {
	for _, seen := range p.observed {
		for _, o := range seen.Overrides {
			s, report := p.services[o.To.Host], p.reports[o.To.Host]
			if s == nil || report == nil {
				continue
			}
			v := route.Version{Namespace: s.Namespace, Service: s.Name, Version: p.labels[o.To][report.Settings.VersionLabel]}
			if !wanted[v] {
				p.next.versions[v] = history{since: p.Now, unseen: true}
			}
		}
	}
}

// unready reports whether a version has pods, and none that is ready.
func (p *planner) lostReadiness(v route.Version) bool {
	label := p.Snapshot.Options.VersionLabel
	for i := range p.Result.Services {
		if s := &p.Result.Services[i]; s.Namespace == v.Namespace && s.Name == v.Service {
			label = cmp.Or(s.Settings.VersionLabel, label)
		}
	}
	there := false
	for i := range p.Snapshot.Services {
		s := &p.Snapshot.Services[i]
		isolated := s.VersionOf == v.Service && s.Version == v.Version
		if s.Namespace != v.Namespace || (s.Name != v.Service && s.VersionOf != v.Service) {
			continue
		}
		for j := range s.Backends {
			b := &s.Backends[j]
			if b.Pods == 0 || (!isolated && b.Labels[label] != v.Version) {
				continue
			}
			if b.Ready > 0 {
				return false
			}
			there = true
		}
	}
	return there
}

// flapping returns until when a version is to be left without a route.
func (p *planner) backoffUntil(v route.Version) (time.Time, bool) {
	h := p.next.versions[v]
	if h.losses < 2 {
		return time.Time{}, false
	}
	calm := p.Options.FlapBackoff
	for n := 2; n < h.losses && calm < p.Options.FlapBackoffMax; n++ {
		calm *= 2
	}
	until := h.readySince.Add(min(calm, p.Options.FlapBackoffMax))
	return until, p.Now.Before(until)
}

// releasedVersions lists the versions that ordinary traffic gets.
func (p *planner) releasedVersions() map[route.Version]bool {
	out := make(map[route.Version]bool, len(p.Result.Services))
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		for j := range s.Versions {
			if s.Versions[j].Released {
				out[route.Version{Namespace: s.Namespace, Service: s.Name, Version: s.Versions[j].Name}] = true
			}
		}
	}
	return out
}

// labelsOf lists the labels of the pods of some versions.
func (p *planner) podLabels(versions map[route.Version]bool) map[route.Version][]map[string]string {
	out := make(map[route.Version][]map[string]string, len(versions))
	of := make(map[[2]string]bool, len(versions))
	for v := range versions {
		of[[2]string{v.Namespace, v.Service}] = true
	}
	for i := range p.Result.Services {
		report := &p.Result.Services[i]
		s := p.services[report.Host]
		if s == nil || !of[[2]string{s.Namespace, s.Name}] {
			continue
		}
		for j := range s.Backends {
			b := &s.Backends[j]
			v := route.Version{Namespace: s.Namespace, Service: s.Name, Version: b.Labels[report.Settings.VersionLabel]}
			if versions[v] && b.Pods > 0 {
				out[v] = append(out[v], b.Labels)
			}
		}
	}
	return out
}

// gone returns until when proxies may have pods with labels behind a Service that have
// just ceased to serve and were not released; false if there are none.
func (p *planner) drainingUntil(s *model.Service, labels map[string]string) (time.Time, bool) {
	var until time.Time
	if s == nil {
		return until, false
	}
	for v, h := range p.next.versions {
		if v.Namespace != s.Namespace || v.Service != s.Name || h.wanted || h.released || p.propagationElapsed(h.since) ||
			!h.unseen && !slices.ContainsFunc(h.labels, func(pod map[string]string) bool { return model.HasLabels(pod, labels) }) {
			continue
		}
		until = latest(until, h.since.Add(p.Options.PropagationDelay))
	}
	return until, !until.IsZero()
}
