package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// advise gives d, which says that nothing is known to be released, the fix that fits the
// pods behind s. Pods without a version can be named by their workload only.
func (s *service) advise(d diag.Diagnostic) diag.Diagnostic {
	d = s.adviseReleased(d)
	if names := unread(s.Unread); len(names) > 0 && d.Code == diag.ReleasedUnknown {
		d.Fix += fmt.Sprintf("; if %s %s the Service, narrow its selector so that it does not match %s",
			list(names), agree(names, "doesn't serve", "don't serve"), agree(names, "its pods", "their pods"))
	}
	return d
}

func (s *service) adviseReleased(d diag.Diagnostic) diag.Diagnostic {
	var unversioned []string
	for _, b := range candidates(s) {
		if name := b.Workload.String(); b.version == "" && !slices.Contains(unversioned, name) {
			unversioned = append(unversioned, name)
		}
	}
	if len(unversioned) == 0 {
		return d
	}
	workload, condition := "KIND/NAME", ""
	if len(unversioned) == 1 {
		workload, condition = unversioned[0], " if that workload is released"
	}
	annotation := fmt.Sprintf("overrides.mesh/released-workload: %s%s", workload, condition)
	switch {
	case d.Code == diag.ReleasedUnknown:
		return d.WithFix("annotate the Service with %s, or label the pods of the other workloads overrides.mesh/preview: \"true\"", annotation)
	case len(s.settings.ReleasedVersions) > 0:
		return d.WithFix("name a version that pods behind the Service carry, or in its place the workload: %s", annotation)
	}
	return d
}
