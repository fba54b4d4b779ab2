package compile

import (
	"fmt"
	"slices"
	"strings"

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
// pods there are: it lists what can be named. Pods without a version can be named by their
// workload only.
func adviseRelease(d diag.Diagnostic, settings *model.Settings, pods []backend) diag.Diagnostic {
	var versions, workloads, unversioned []string
	for _, b := range candidates(pods) {
		name := b.Workload.String()
		workloads = append(workloads, name)
		if b.version == "" {
			unversioned = append(unversioned, name)
		} else {
			versions = append(versions, b.version)
		}
	}
	versions, workloads, unversioned = distinct(versions), distinct(workloads), distinct(unversioned)
	workload, condition := "KIND/NAME", ""
	if len(unversioned) == 1 {
		workload, condition = unversioned[0], " if that workload is released"
	}
	annotation := fmt.Sprintf("overrides.mesh/released-workload: %s%s", workload, condition)
	switch {
	case d.Code == diag.ReleasedUnknown && len(unversioned) > 0:
		return d.WithFix("annotate the Service with %s, or label the pods of the other workloads overrides.mesh/preview: \"true\"", annotation)
	case d.Code != diag.ReleasedNotFound || len(workloads) == 0:
		return d
	case len(versions) > 0 && len(unversioned) > 0 && len(settings.ReleasedVersions) > 0:
		return d.WithFix("name a version that its pods have (%s), or name the workload instead, with %s, or deploy %s",
			alternatives(versions), annotation, alternatives(settings.ReleasedVersions))
	case len(versions) > 0 && len(settings.ReleasedVersions) > 0:
		return d.WithFix("name a version that its pods have (%s) in overrides.mesh/released or the OverridePolicy, or deploy %s",
			alternatives(versions), alternatives(settings.ReleasedVersions))
	case len(settings.ReleasedVersions) > 0:
		return d.WithFix("its pods have no version: name the workload instead, with %s, or deploy %s", annotation, alternatives(settings.ReleasedVersions))
	case settings.ReleasedWorkload != nil:
		return d.WithFix("name a workload that it selects (%s) in overrides.mesh/released-workload or the OverridePolicy, or deploy %s",
			alternatives(workloads), strings.TrimPrefix(settings.ReleasedWorkload.String(), "/"))
	}
	return d
}

// distinct returns names sorted, each once.
func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
