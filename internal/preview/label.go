package preview

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// selfTelling are labels by which people tell instances of an application apart, those to
// change first. The others may be what policies select by.
var selfTelling = []string{"app.kubernetes.io/instance", "instance", "release", "track", "app", "app.kubernetes.io/name", "name", "k8s-app", "component", "app.kubernetes.io/component"}

// podLabels returns the labels of the preview's pods: those of the released pods, with as
// few other values as it takes that no selector matches. If one matches whatever its labels
// are, fixed ones left as they are, it returns that selector.
func (m *maker) podLabels(selectors []selector, fixed map[string]string) (map[string]string, *selector) {
	out := maps.Clone(discover.LabelsOf(stringMap(within(m.template, "metadata", "labels"))).Kept)
	for _, key := range passing {
		if _, needed := fixed[key]; !needed {
			delete(out, key)
		}
	}
	out[m.Settings.VersionLabel], out[compile.PreviewLabel] = m.Version, "true"
	free := func(key string) bool {
		_, isFixed := fixed[key]
		return !isFixed && key != m.Settings.VersionLabel && key != compile.PreviewLabel
	}
	// A change for one selector may let another one match. Each needs few changes.
	for range 4*len(selectors) + 1 {
		at := slices.IndexFunc(selectors, func(s selector) bool { return s.matches.Matches(labels.Set(out)) })
		if at < 0 {
			return out, nil
		}
		if !m.escape(out, &selectors[at], free) {
			return nil, &selectors[at]
		}
	}
	return nil, &selectors[0]
}

// escape changes or deletes one label so that s does not match. It reports false if there is
// no such label.
func (m *maker) escape(of map[string]string, s *selector, free func(string) bool) bool {
	keys := slices.SortedFunc(slices.Values(s.keys), func(a, b string) int {
		return cmp.Or(cmp.Compare(placeOf(a), placeOf(b)), cmp.Compare(a, b))
	})
	for _, key := range keys {
		if !free(key) {
			continue
		}
		before, had := of[key]
		if of[key] = m.name; !s.matches.Matches(labels.Set(of)) {
			return true
		}
		if delete(of, key); !s.matches.Matches(labels.Set(of)) {
			return true
		}
		if had {
			of[key] = before
		}
	}
	return false
}

func placeOf(key string) int {
	if at := slices.Index(selfTelling, key); at >= 0 {
		return at
	}
	return len(selfTelling)
}
