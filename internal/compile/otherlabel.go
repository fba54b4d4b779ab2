package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// otherLabels are the labels that say the version where charts and tools write it, the
// most common one first.
var otherLabels = []string{"app.kubernetes.io/version", "service.istio.io/canonical-revision", "tags.datadoghq.com/version"}

// otherLabel returns the label that says the version of all backends, where none of them
// carries the version label; empty where there is no such.
func otherLabel(backends []model.Backend, versionLabel string) string {
	if len(backends) == 0 || slices.ContainsFunc(backends, func(b model.Backend) bool { return b.Labels[versionLabel] != "" }) {
		return ""
	}
	for _, label := range otherLabels {
		if !slices.ContainsFunc(backends, func(b model.Backend) bool { return grammar.ValidateVersion(b.Labels[label]) != nil }) {
			return label
		}
	}
	return ""
}

// sayOtherLabel points to the label that says the version of the pods of s, where that
// tells them from each other.
func (c *compiler) sayOtherLabel(s *service) {
	label := otherLabel(s.Backends, s.settings.VersionLabel)
	if label == "" || !slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Labels[label] != s.Backends[0].Labels[label] }) {
		return
	}
	c.add(diag.New(diag.VersionLabelElsewhere, s.Object(), "no pod behind it carries the label %q, and all carry %s", s.settings.VersionLabel, label).
		WithFix("annotate the Service with overrides.mesh/version-label: %s", label).At(s.Origin))
}
