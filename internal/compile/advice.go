package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// adviseUnknown gives d, which says that it is not known which pods behind s are released,
// the fix that fits them.
func adviseUnknown(d diag.Diagnostic, s *service) diag.Diagnostic {
	d = adviseRelease(d, &s.settings, s.pods)
	if names := unreadNames(s.Unread); len(names) > 0 {
		d.Fix += fmt.Sprintf("; if %s %s the Service, narrow its selector so that it does not match %s",
			enumerate(names), agree(names, "doesn't serve", "don't serve"), agree(names, "its pods", "their pods"))
	}
	return d
}

// adviseRelease gives d, which says that no released pods are found, the fix that fits the
// pods there are. Pods without a version can be named by their workload only.
func adviseRelease(d diag.Diagnostic, settings *model.Settings, pods []backend) diag.Diagnostic {
	var unversioned []string
	for _, b := range candidates(pods) {
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
	case len(settings.ReleasedVersions) > 0:
		return d.WithFix("name a version that pods behind the Service have, or name the workload instead: %s", annotation)
	}
	return d
}
