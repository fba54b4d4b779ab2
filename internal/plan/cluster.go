package plan

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rendered is an encoded object, with the digest of the table or rule that it was made from.
type rendered struct {
	digest [sha256.Size]byte
	json   []byte
}

// placement is an existing cluster.
type placement struct {
	// fingerprint identifies the definition: the labels, and the namespaces that see it.
	fingerprint string
	since       time.Time
	// firstOfName is set if no cluster of that name existed for a while before.
	firstOfName bool
	// labels select its pods. formerLabels selected them before, as far as that is known and
	// proxies may still know it.
	labels       map[string]string
	formerLabels []map[string]string
}

// sinceOrNow returns the remembered time of a key, or now for a key that is new.
func sinceOrNow[K comparable](p *planner, remembered map[K]time.Time, key K) time.Time {
	if t, ok := remembered[key]; ok {
		return t
	}
	return p.Now
}

// indexClusters indexes Services, reports and subsets, and records since when each
// cluster has existed.
func (p *planner) indexClusters() {
	for i := range p.Snapshot.Services {
		s := &p.Snapshot.Services[i]
		h := p.Snapshot.Options.FQDN(s.Name, s.Namespace)
		p.fingerprints[Cluster{Host: h}] = "service"
		p.services[h] = s
	}
	for i := range p.Result.Services {
		p.reports[p.Result.Services[i].Host] = &p.Result.Services[i]
	}
	users := p.Backend.UsersSubsets(p.Snapshot)
	for i := range users {
		if strings.HasPrefix(users[i].Host, "*") {
			continue // no route references a cluster of such a host
		}
		for _, s := range users[i].Subsets {
			p.usersSubsets[Cluster{Host: users[i].Host, Subset: s.Name}] = true
		}
		p.addSubsets(&users[i])
	}
	for _, seen := range p.observed {
		if seen.Subsets != nil {
			p.addSubsets(seen.Subsets)
		}
	}
	for c, fingerprint := range p.fingerprints {
		p.trackCluster(c, fingerprint)
	}
	p.trackRemoved()
	for _, rule := range p.Result.SubsetRules {
		for _, s := range rule.Subsets {
			c := Cluster{Host: rule.Host, Subset: s.Name}
			p.desired[c] = s.Labels
			if p.labels[c] == nil {
				p.labels[c] = s.Labels
			}
		}
	}
}

// addSubsets indexes the subsets of a stored object. The fingerprint of a subset that two
// objects define covers both definitions.
func (p *planner) addSubsets(of *route.PlacedSubsets) {
	scope := strings.Join(slices.Sorted(slices.Values(of.ExportTo)), ",")
	for _, s := range of.Subsets {
		c := Cluster{Host: of.Host, Subset: s.Name}
		if other, known := p.labels[c]; known && !maps.Equal(other, s.Labels) {
			p.conflicting[c] = true
		}
		p.labels[c] = s.Labels
		fingerprint := p.fingerprint(c, scope, s.Labels)
		switch other := p.fingerprints[c]; {
		case other == "" || other == fingerprint:
			p.fingerprints[c] = fingerprint
		case other < fingerprint:
			p.fingerprints[c] = other + "\x01" + fingerprint
		default:
			p.fingerprints[c] = fingerprint + "\x01" + other
		}
	}
}

// fingerprint identifies the definition of a subset. It returns the remembered string if
// that is equal, to save an allocation.
func (p *planner) fingerprint(c Cluster, scope string, labels map[string]string) string {
	p.textBuf = append(p.textBuf[:0], scope...)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		p.textBuf = append(append(append(append(p.textBuf, 0), key...), '='), labels[key]...)
	}
	if before := p.before.placed[c].fingerprint; before == string(p.textBuf) {
		return before
	}
	return string(p.textBuf)
}

// trackReferences records since when no route has referenced each generated subset,
// or since when a user has defined one of the same name, which routes then reference.
func (p *planner) trackReferences() {
	for _, seen := range p.observed {
		for _, c := range seen.Names {
			p.referenced[c] = true
		}
	}
	for _, seen := range p.observed {
		if seen.Subsets == nil {
			continue
		}
		for _, s := range seen.Subsets.Subsets {
			if c := (Cluster{Host: seen.Subsets.Host, Subset: s.Name}); !p.referenced[c] || p.usersSubsets[c] {
				p.next.unreferencedSince[c] = sinceOrNow(p, p.before.unreferencedSince, c)
			}
		}
	}
}

// trackPins records since when each pinned host has had no unreleased pod.
func (p *planner) trackPins() {
	needsPin := map[string]bool{}
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		needsPin[s.Host] = s.State == compile.Managed && s.Pinned != compile.PinnedNowhere
	}
	for _, seen := range p.observed {
		for _, c := range seen.Ordinary {
			if c.Subset != "" && !needsPin[c.Host] {
				p.next.unpinnableSince[c.Host] = sinceOrNow(p, p.before.unpinnableSince, c.Host)
			}
		}
	}
}

// noReadyPinnedPod reports whether the stored pin of a host has no ready pod although the
// Service has one.
func (p *planner) noReadyPinnedPod(seen *observed, host string) bool {
	for _, c := range seen.Ordinary {
		if c.Host == host && p.hasReadyPod(c) {
			return false
		}
	}
	return p.hasReadyPod(Cluster{Host: host})
}

// hasReadyPod reports whether a cluster of a Service has a ready pod.
func (p *planner) hasReadyPod(c Cluster) bool {
	labels, known := p.labels[c]
	if s := p.services[c.Host]; s != nil && (known || c.Subset == "") {
		return slices.ContainsFunc(s.Backends, func(b model.Backend) bool {
			return b.Ready > 0 && model.HasLabels(b.Labels, labels)
		})
	}
	return false
}

// obstacle says why a route may not reference some clusters now; zero if it may.
type obstacle struct {
	// notPlaced is set if one of them does not exist with its desired definition.
	notPlaced bool
	// pending is set if some proxies may not have received one of them, until a time.
	pending bool
	until   time.Time
	// leaks is set if proxies may still know a pending one with an earlier definition, which
	// selects pods that ordinary traffic must not reach.
	leaks bool
}

// obstacle returns what keeps a route from referencing some clusters. Clusters that are
// already referenced are no obstacle unless their definitions conflict.
func (p *planner) obstacle(clusters []Cluster, referenced route.Clusters) obstacle {
	var out obstacle
	for _, c := range clusters {
		at, placed := p.next.placed[c]
		switch {
		case p.conflicting[c]:
			return obstacle{notPlaced: true}
		case referenced.Has(c):
		case !placed:
			if _, desired := p.desired[c]; desired {
				return obstacle{notPlaced: true}
			}
		case p.labelsChange(c):
			return obstacle{notPlaced: true}
		case !p.propagated(c):
			out.pending, p.blocking[c] = true, true
			out.leaks = out.leaks || p.mayLeak(c)
			out.until = latest(out.until, at.since.Add(p.Options.PropagationDelay))
		}
	}
	return out
}

// labelsChange reports whether the desired labels of a subset differ from the stored ones.
func (p *planner) labelsChange(c Cluster) bool {
	labels, desired := p.desired[c]
	return desired && !maps.Equal(labels, p.labels[c])
}
