package preview

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// tell reports what users must know of the result.
func (m *maker) tell(c *candidate) {
	m.diags = append(m.diags, c.warnings...)
	m.tellLabels(c)
	m.tellNeeded(c)
	if len(c.objects) == 1 {
		m.report(diag.PreviewShared, c.objects[0].Object, "its pods are behind Service %s, so ordinary traffic must be pinned before they are ready; other objects that select %s, such as PodDisruptionBudgets, count them too",
			m.Service, pairs(m.Base.Selector))
	}
}

// tellLabels reports labels that have other values than those of the released pods.
func (m *maker) tellLabels(c *candidate) {
	var differ []string
	before := discover.LabelsOf(stringMap(within(m.template, "metadata", "labels"))).Kept
	for _, key := range slices.Sorted(maps.Keys(before)) {
		now, has := c.labels[key]
		switch {
		case key == m.Settings.VersionLabel, key == compile.PreviewLabel, now == before[key], slices.Contains(passing, key):
		case has:
			differ = append(differ, fmt.Sprintf("%s: %s instead of %s", key, now, before[key]))
		default:
			differ = append(differ, fmt.Sprintf("no %s instead of %s", key, before[key]))
		}
	}
	if len(differ) > 0 {
		m.report(diag.PreviewLabelsDiffer, c.objects[len(c.objects)-1].Object,
			"its pods have other labels than the released ones (%s): policies and monitors that select by these don't apply to them", strings.Join(differ, ", "))
	}
}
