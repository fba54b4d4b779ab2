package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// otherLabels are the labels that charts and tools write the version to, the most common
// one first.
var otherLabels = []string{"app.kubernetes.io/version", "service.istio.io/canonical-revision", "tags.datadoghq.com/version"}

// otherLabel returns a label that says the version of all backends, if none of them has the
// version label; empty if there is no such label.
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

// reportOtherLabel recommends the label that says the version of the pods of s, if its values
// differ between them.
func reportOtherLabel(s *model.Service, versionLabel string, r *reporter) {
	label := otherLabel(s.Backends, versionLabel)
	if label == "" || !slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Labels[label] != s.Backends[0].Labels[label] }) {
		return
	}
	r.add(diag.New(diag.VersionLabelElsewhere, s.Object(), "no pod behind it has the label %q, but all have %s", versionLabel, label).
		WithFix("annotate the Service with overrides.mesh/version-label: %s", label).At(s.Origin))
}
