package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// history is what a plan remembers about a version. A version is desired while it can
// serve: then a table has rows for it.
//
// Line 3 of the contract (route only to pods that can serve) needs rows to go at once.
// Line 4 (no request is lost) makes each return expensive: it costs requests in flight and
// an update of every proxy. So a loss takes effect at once, and a return after a backoff:
// none after the first loss, since a pod may restart once; then FlapBackoff, doubled with
// each further loss. A version that flaps faster than that has no route, like a version
// that is not ready. Only lost readiness counts as a loss. A user's change (a recreated
// Service, a removed label, a replaced workload) takes effect at once.
type history struct {
	desired bool
	// released is set for a version that ordinary traffic reaches.
	released bool
	// since is when the version became desired, or ceased to be.
	since time.Time
	// losses counts how often the version lost its last ready pod while it had pods.
	// readySince is when it first became desired after the last loss.
	losses     int
	readySince time.Time
	// lost is set if it ceased to be desired because of a loss.
	lost bool
	// labels are those of its pods when it was last desired. unseen is set if they are
	// unknown, since the version went while no plan was made.
	labels []map[string]string
	unseen bool
}

// trackVersions records which versions came and went.
func (p *planner) trackVersions() {
	desired := make(map[route.Version]bool, len(p.before.versions))
	for i := range p.Result.Tables {
		for j := range p.Result.Tables[i].Routes {
			if r := &p.Result.Tables[i].Routes[j]; r.Kind == route.Override {
				desired[r.Version] = true
			}
		}
	}
	released, labels := p.releasedVersions(), p.podLabels(desired)
	for v := range desired {
		h, known := p.before.versions[v]
		switch {
		case !known || !h.desired:
			if !known || h.lost {
				h.readySince = p.Now
			}
			h.desired, h.since, h.lost = true, p.Now, false
		case h.losses > 0 && p.Now.Sub(h.readySince) >= p.Options.FlapReset:
			h.losses = 0
		}
		h.released, h.labels = released[v], labels[v]
		p.next.versions[v] = h
	}
	for v, h := range p.before.versions {
		switch {
		case desired[v]:
		case h.desired:
			h.desired, h.since = false, p.Now
			if h.lost = p.lostReadiness(v); h.lost {
				h.losses++
			}
			p.next.versions[v] = h
		case p.Now.Sub(h.since) < p.Options.FlapReset:
			p.next.versions[v] = h
		}
	}
	if !p.before.known {
		p.trackUnseen(desired)
	}
}

// trackUnseen records, in a first plan, the versions that stored routes lead to and that
// are not desired: they may have gone just now.
func (p *planner) trackUnseen(desired map[route.Version]bool) {
	for _, seen := range p.observed {
		for _, o := range seen.Overrides {
			s, report := p.services[o.To.Host], p.reports[o.To.Host]
			if s == nil || report == nil {
				continue
			}
			v := route.Version{Namespace: s.Namespace, Service: s.Name, Version: p.labels[o.To][report.Settings.VersionLabel]}
			if !desired[v] {
				p.next.versions[v] = history{since: p.Now, unseen: true}
			}
		}
	}
}

// lostReadiness reports whether a version has pods, but no ready one.
func (p *planner) lostReadiness(v route.Version) bool {
	label, elsewhere := p.Snapshot.Options.VersionLabel, ""
	for i := range p.Result.Services {
		if s := &p.Result.Services[i]; s.Namespace == v.Namespace && s.Name == v.Service {
			label = cmp.Or(s.Settings.VersionLabel, label)
			if at := slices.IndexFunc(s.Versions, func(o compile.Version) bool { return o.Name == v.Version }); at >= 0 {
				elsewhere = s.Versions[at].Isolated
			}
		}
	}
	there := false
	for i := range p.Snapshot.Services {
		s := &p.Snapshot.Services[i]
		namespace, base := s.Base()
		isolated := base == v.Service && namespace == v.Namespace
		switch {
		case isolated && s.VersionOfIn != "" && s.Name+"."+s.Namespace != elsewhere:
			continue // it is not permitted, perhaps
		case !isolated && (s.Name != v.Service || s.Namespace != v.Namespace):
			continue
		}
		for j := range s.Backends {
			b := &s.Backends[j]
			if b.Pods == 0 || (!isolated || s.Version != v.Version) && b.Labels[label] != v.Version {
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

// backoffUntil returns until when a flapping version gets no route; false if it is not
// flapping.
func (p *planner) backoffUntil(v route.Version) (time.Time, bool) {
	h := p.next.versions[v]
	if h.losses < 2 {
		return time.Time{}, false
	}
	backoff := p.Options.FlapBackoff
	for n := 2; n < h.losses && backoff < p.Options.FlapBackoffMax; n++ {
		backoff *= 2
	}
	until := h.readySince.Add(min(backoff, p.Options.FlapBackoffMax))
	return until, p.Now.Before(until)
}

// releasedVersions has the versions that ordinary traffic reaches.
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

// podLabels lists the labels of the pods of some versions.
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

// drainingUntil returns until when proxies may know unreleased pods with some labels that
// have just ceased to serve behind a Service; false if there are none.
func (p *planner) drainingUntil(s *model.Service, labels map[string]string) (time.Time, bool) {
	var until time.Time
	if s == nil {
		return until, false
	}
	for v, h := range p.next.versions {
		if v.Namespace != s.Namespace || v.Service != s.Name || h.desired || h.released || p.propagationElapsed(h.since) ||
			!h.unseen && !slices.ContainsFunc(h.labels, func(pod map[string]string) bool { return model.HasLabels(pod, labels) }) {
			continue
		}
		until = latest(until, h.since.Add(p.Options.PropagationDelay))
	}
	return until, !until.IsZero()
}
