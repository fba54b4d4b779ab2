package island

import (
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// space is the selectors and the labels of one namespace. Selectors select in their own.
type space struct {
	// sets are the labels of pods and templates, each once, by their text.
	sets map[string]*labelSet
	// selectors are each under one of the pairs that they ask for: labels that it selects
	// have all of them.
	selectors map[pair][]*selector
	// keys count the selectors that ask for a key; of these keys, byPair finds labels.
	keys   map[string]int
	byPair map[pair]map[*labelSet]struct{}
}

type pair struct{ key, value string }

// labelSet is the labels of some objects.
type labelSet struct {
	labels  *discover.Labels
	objects []*node
}

// selector is one that an object has.
type selector struct {
	of   *node
	asks map[string]string
	at   pair
}

func newSpace() *space {
	return &space{sets: map[string]*labelSet{}, selectors: map[pair][]*selector{}, keys: map[string]int{}, byPair: map[pair]map[*labelSet]struct{}{}}
}

// addLabels notes that an object has labels.
func (s *space) addLabels(n *node, labels *discover.Labels) {
	set := s.sets[labels.Text()]
	if set == nil {
		set = &labelSet{labels: labels}
		s.sets[labels.Text()] = set
		for key, value := range labels.All {
			if s.keys[key] > 0 {
				s.addPair(pair{key, value}, set)
			}
		}
	}
	set.objects = append(set.objects, n)
}

func (s *space) addPair(p pair, set *labelSet) {
	if s.byPair[p] == nil {
		s.byPair[p] = map[*labelSet]struct{}{}
	}
	s.byPair[p][set] = struct{}{}
}

func (s *space) removePair(p pair, set *labelSet) {
	if delete(s.byPair[p], set); len(s.byPair[p]) == 0 {
		delete(s.byPair, p)
	}
}

// removeLabels undoes addLabels.
func (s *space) removeLabels(n *node, labels *discover.Labels) {
	set := s.sets[labels.Text()]
	if set == nil {
		return
	}
	if set.objects = without(set.objects, n); len(set.objects) > 0 {
		return
	}
	delete(s.sets, labels.Text())
	for key, value := range labels.All {
		s.removePair(pair{key, value}, set)
	}
}

// addSelector notes that an object selects by labels, at least one.
func (s *space) addSelector(n *node, asks map[string]string) *selector {
	out := &selector{of: n, asks: asks}
	first := true
	for key, value := range asks {
		p := pair{key, value}
		// Under the pair that the fewest ask for, and the same one each time.
		fewer := len(s.selectors[p]) - len(s.selectors[out.at])
		if first || fewer < 0 || fewer == 0 && (p.key < out.at.key) {
			out.at, first = p, false
		}
		if s.keys[key]++; s.keys[key] == 1 {
			for _, set := range s.sets {
				if value, has := set.labels.All[key]; has {
					s.addPair(pair{key, value}, set)
				}
			}
		}
	}
	s.selectors[out.at] = append(s.selectors[out.at], out)
	return out
}

// removeSelector undoes addSelector.
func (s *space) removeSelector(x *selector) {
	if s.selectors[x.at] = without(s.selectors[x.at], x); len(s.selectors[x.at]) == 0 {
		delete(s.selectors, x.at)
	}
	for key := range x.asks {
		if s.keys[key]--; s.keys[key] > 0 {
			continue
		}
		delete(s.keys, key)
		for _, set := range s.sets {
			if value, has := set.labels.All[key]; has {
				s.removePair(pair{key, value}, set)
			}
		}
	}
}

// selecting calls a function with each object that selects labels.
func (s *space) selecting(labels map[string]string, found func(*node)) {
	for key, value := range labels {
		if s.keys[key] == 0 {
			continue
		}
		for _, x := range s.selectors[pair{key, value}] {
			if model.HasLabels(labels, x.asks) {
				found(x.of)
			}
		}
	}
}

// selected calls a function with all labels that a selector selects.
func (s *space) selected(asks map[string]string, found func(*labelSet)) {
	var fewest map[*labelSet]struct{}
	first := true
	for key, value := range asks {
		if sets := s.byPair[pair{key, value}]; first || len(sets) < len(fewest) {
			fewest, first = sets, false
		}
	}
	for set := range fewest {
		if model.HasLabels(set.labels.All, asks) {
			found(set)
		}
	}
}
