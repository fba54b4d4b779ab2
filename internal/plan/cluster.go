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

// made is an object, encoded, and the digest of what it was made from.
type rendered struct {
	digest [sha256.Size]byte
	json   []byte
}

// placement is a cluster that is in place.
type placement struct {
	// what tells clusters of the same name apart: labels, and who sees them.
	fingerprint string
	since       time.Time
	// fresh is set where no cluster of that name was there for a while before.
	firstOfName bool
	// labels are those of its pods; former what they were before, as far as that is known
	// and a proxy may know it still.
	labels       map[string]string
	formerLabels []map[string]string
}

// since returns when something began that is so now: as remembered, else now.
func sinceOrNow[K comparable](p *planner, remembered map[K]time.Time, key K) time.Time {
	if t, ok := remembered[key]; ok {
		return t
	}
	return p.Now
}

// place notes every cluster that is there, and since when.
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
	for c, w := range p.fingerprints {
		p.trackCluster(c, w)
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

// addSubsets describes the subsets of an object. Of one that two objects have the
// description is that of both.
func (p *planner) addSubsets(of *route.PlacedSubsets) {
	scope := strings.Join(slices.Sorted(slices.Values(of.ExportTo)), ",")
	for _, s := range of.Subsets {
		c := Cluster{Host: of.Host, Subset: s.Name}
		if other, known := p.labels[c]; known && !maps.Equal(other, s.Labels) {
			p.conflicting[c] = true
		}
		p.labels[c] = s.Labels
		is := p.fingerprint(c, scope, s.Labels)
		switch other := p.fingerprints[c]; {
		case other == "" || other == is:
			p.fingerprints[c] = is
		case other < is:
			p.fingerprints[c] = other + "\x01" + is
		default:
			p.fingerprints[c] = is + "\x01" + other
		}
	}
}

// describe writes down what a subset is: the string of its placement, if that says
// the same.
func (p *planner) fingerprint(c Cluster, scope string, labels map[string]string) string {
	p.textBuf = append(p.textBuf[:0], scope...)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		p.textBuf = append(append(append(append(p.textBuf, 0), key...), '='), labels[key]...)
	}
	if before := p.Memory.placed[c].fingerprint; before == string(p.textBuf) {
		return before
	}
	return string(p.textBuf)
}

// watchNames notes since when subsets of ours have been named by no route, or a user has
// one of the same name, which is then what routes are to name.
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
				p.next.unreferencedSince[c] = sinceOrNow(p, p.Memory.unreferencedSince, c)
			}
		}
	}
}

// watchPins notes since when hosts that ordinary traffic is pinned at have been
// without pods that are not released.
func (p *planner) trackPins() {
	pinned := map[string]bool{}
	for i := range p.Result.Services {
		s := &p.Result.Services[i]
		pinned[s.Host] = s.State == compile.Managed && s.Pinned != compile.PinnedNowhere
	}
	for _, seen := range p.observed {
		for _, c := range seen.Ordinary {
			if c.Subset != "" && !pinned[c.Host] {
				p.next.unpinnableSince[c.Host] = sinceOrNow(p, p.Memory.unpinnableSince, c.Host)
			}
		}
	}
}

// dead reports whether none of the pods that ordinary traffic to host is pinned
// to by the object in place is ready, while others behind the Service are.
func (p *planner) noReadyPinnedPod(seen *observed, host string) bool {
	for _, c := range seen.Ordinary {
		if c.Host == host && p.hasReadyPod(c) {
			return false
		}
	}
	return p.hasReadyPod(Cluster{Host: host})
}

// serves reports whether a ready pod is in a cluster of a Service.
func (p *planner) hasReadyPod(c Cluster) bool {
	labels, known := p.labels[c]
	if s := p.services[c.Host]; s != nil && (known || c.Subset == "") {
		return slices.ContainsFunc(s.Backends, func(b model.Backend) bool {
			return b.Ready > 0 && model.HasLabels(b.Labels, labels)
		})
	}
	return false
}

// missing is what may be said against naming clusters.
type obstacle struct {
	// notPlaced is set where one is not there yet, young where proxies may not
	// have one yet, until a time.
	notPlaced, pending bool
	until              time.Time
	// strays is set where a proxy may still know a young one as something that reaches
	// pods which ordinary traffic must not have.
	leaks bool
}

func (p *planner) obstacle(wanted []Cluster, named route.Clusters) obstacle {
	var out obstacle
	for _, c := range wanted {
		at, placed := p.next.placed[c]
		switch {
		case p.conflicting[c]:
			return obstacle{notPlaced: true}
		case named.Has(c):
		case !placed:
			if _, wanted := p.desired[c]; wanted {
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

// changes reports whether a subset of ours is to be another than it is.
func (p *planner) labelsChange(c Cluster) bool {
	labels, wanted := p.desired[c]
	return wanted && !maps.Equal(labels, p.labels[c])
}
