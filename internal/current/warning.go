package current

import (
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Warnings reports Services whose ordinary traffic reaches previews although it should be
// pinned, or reaches no ready pod.
func Warnings(in Input, services []Service) []diag.Diagnostic {
	reports := map[[2]string]*compile.Service{}
	for i := range in.Result.Services {
		s := &in.Result.Services[i]
		reports[[2]string{s.Namespace, s.Name}] = s
	}
	var out []diag.Diagnostic
	for i := range services {
		s := &services[i]
		report := reports[[2]string{s.Namespace, s.Name}]
		if report.State != compile.Managed {
			continue
		}
		toBePinned := report.Pinned == compile.PinnedByVersion || report.Pinned == compile.PinnedByWorkload
		if ready := readyOf(report.Previews, report.Settings.VersionLabel); toBePinned && s.Pinned == Nowhere && len(ready) > 0 {
			out = append(out, diag.New(diag.OrdinaryTrafficNotPinned, s.Object(), "ordinary traffic is not pinned at the moment, and reaches %s", strings.Join(ready, ", ")))
		}
		if s.Routed && s.Ready == 0 && !s.elsewhere {
			out = append(out, diag.New(diag.NoReadyPod, s.Object(), "ordinary traffic reaches no ready pod: it goes to %s", where(s)))
		}
	}
	return out
}

func where(s *Service) string {
	if len(s.To) == 0 {
		return "pods that do not exist"
	}
	return strings.Join(s.To, ", ")
}

// readyOf names the workloads of pods that are ready.
func readyOf(pods []model.Backend, label string) []string {
	var out []string
	for i := range pods {
		if pods[i].Ready > 0 {
			out = append(out, describe(&pods[i], label))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// LabelUse counts the managed Services with pods: With those of which a pod has the version
// label, Without the others.
type LabelUse struct{ With, Without int }

// LabelUseOf counts the Services of a snapshot.
func LabelUseOf(in Input) LabelUse {
	labels := map[[2]string]string{}
	for i := range in.Result.Services {
		if s := &in.Result.Services[i]; s.State != compile.Skipped || s.Reason == diag.ReleasedUnknown {
			labels[[2]string{s.Namespace, s.Name}] = s.Settings.VersionLabel
		}
	}
	var out LabelUse
	for i := range in.Snapshot.Services {
		s := &in.Snapshot.Services[i]
		label := labels[[2]string{s.Namespace, s.Name}]
		switch {
		case label == "" || len(s.Backends) == 0:
		case slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Labels[label] != "" }):
			out.With++
		default:
			out.Without++
		}
	}
	return out
}

// Add adds the counts of other Services n times.
func (u *LabelUse) Add(other LabelUse, n int) {
	u.With += n * other.With
	u.Without += n * other.Without
}

// Warnings warns if no pod of any Service has its version label, as after a typing error in
// --version-label. Without the label, it may not be known which pods are released.
func (u LabelUse) Warnings(label string) []diag.Diagnostic {
	if u.With > 0 || u.Without == 0 {
		return nil
	}
	return []diag.Diagnostic{diag.New(
		diag.VersionLabelUnused, diag.Object{}, "no pod of any of %d managed Services has the label %q, so no version is known", u.Without, label,
	)}
}
