package preview

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Source is what a preview is a copy of.
type Source struct {
	// Base is the Service, and Settings are those in force for it.
	Base     *model.Service
	Settings model.Settings
	// Workload is the released workload, and Kind and Name in it say which object it is.
	Workload model.Workload
	// templateOf names the Deployment that has the template of a Rollout; empty for its own.
	templateOf string
}

// Documents names the objects whose documents [Make] needs.
func (s *Source) Documents() []diag.Object {
	of := func(kind, name string) diag.Object {
		return diag.Object{Kind: kind, Namespace: s.Base.Namespace, Name: name}
	}
	out := []diag.Object{s.Base.Object(), of(s.Workload.Kind, s.Workload.Name)}
	if s.templateOf != "" {
		out = append(out, of("Deployment", s.templateOf))
	}
	return out
}

// copied are the kinds whose pods' template can be that of a Deployment.
var copied = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout"}

// Find returns what a preview is a copy of: the released workload of a Service. If there is
// none, or no override could reach a preview, it returns nil and a diagnostic.
func Find(in Input, namespace, service string) (*Source, []diag.Diagnostic) {
	at := slices.IndexFunc(in.Snapshot.Services, func(s model.Service) bool { return s.Name == service && s.Namespace == namespace })
	found := slices.IndexFunc(in.Result.Services, func(s compile.Service) bool { return s.Name == service && s.Namespace == namespace })
	if at < 0 || found < 0 {
		object := diag.Object{Kind: "Service", Namespace: namespace, Name: service}
		return nil, []diag.Diagnostic{diag.New(diag.PreviewSourceNotFound, object, "there is no such Service")}
	}
	base, result := &in.Snapshot.Services[at], &in.Result.Services[found]
	refuse := func(code diag.Code, format string, args ...any) (*Source, []diag.Diagnostic) {
		return nil, []diag.Diagnostic{diag.New(code, base.Object(), format, args...).At(base.Origin)}
	}
	switch {
	case base.VersionOf != "":
		source, diags := refuse(diag.PreviewServiceLeftAlone, "it is a version of Service %s itself", base.BaseText())
		diags[0] = diags[0].WithFix("make a preview of Service %s", base.BaseText())
		return source, diags
	case result.State == compile.Skipped && result.Reason == diag.ReleasedUnknown:
		return refuse(diag.PreviewSourceNotFound, "%s", result.Why)
	case result.State == compile.Skipped && !base.Headless && !afterwards(result):
		return nil, []diag.Diagnostic{leftAlone(base, result)}
	}
	workload, ok := releasedWorkload(base, result)
	if !ok {
		return refuse(diag.PreviewSourceNotFound, "it has no released workload: no Deployment, StatefulSet, DaemonSet, ReplicaSet or Rollout with released pods is behind it")
	}
	out := &Source{Base: base, Settings: result.Settings, Workload: workload}
	for _, w := range in.Objects.Workloads {
		if w.Kind == workload.Kind && w.Name == workload.Name && w.Namespace == namespace {
			out.templateOf = w.TemplateOf
		}
	}
	return out, nil
}

// leftAlone says that no override could reach a preview of a Service, and how to change that.
func leftAlone(base *model.Service, result *compile.Service) diag.Diagnostic {
	d := diag.New(diag.PreviewServiceLeftAlone, base.Object(), "it is left alone (%s): %s", result.Reason, result.Why).At(base.Origin)
	if fix := result.Reason.Entry().Fix; fix != "" {
		d = d.WithFix("%s", fix)
	}
	return d
}

// afterwards reports whether a Service was left alone after its released pods were found:
// the reason may be one that a Service of the preview's own does not have.
func afterwards(result *compile.Service) bool { return len(result.ReleasedWorkloads) > 0 }

// releasedWorkload returns the workload to copy: of several released ones that with the most
// ready pods.
func releasedWorkload(base *model.Service, result *compile.Service) (model.Workload, bool) {
	pods := result.ReleasedPods
	if base.Headless && len(pods) == 0 {
		pods = base.Backends
	}
	ready := map[model.Workload]int{}
	var candidates []model.Workload
	for _, b := range pods {
		if !slices.Contains(copied, b.Workload.Kind) || b.Labels[compile.PreviewLabel] == "true" {
			continue
		}
		if _, again := ready[b.Workload]; !again {
			candidates = append(candidates, b.Workload)
		}
		ready[b.Workload] += b.Ready
	}
	if len(candidates) == 0 {
		return model.Workload{}, false
	}
	return slices.MinFunc(candidates, func(a, b model.Workload) int {
		return cmp.Or(cmp.Compare(ready[b], ready[a]), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	}), true
}

// workloadsOf lists the workloads of a namespace that no other workload owns.
func workloadsOf(o *discover.Objects, namespace string) []*discover.Workload {
	var out []*discover.Workload
	for _, w := range o.Workloads {
		if w.Namespace == namespace && !w.Owned {
			out = append(out, w)
		}
	}
	return out
}
