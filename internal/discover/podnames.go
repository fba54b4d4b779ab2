package discover

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

const previewKey = AnnotationPrefix + preview

// readPodNames reports labels and annotations of Overrides that have no effect, in the
// templates of workloads and in bare pods.
func (r *reader) readPodNames() {
	before := len(r.diags)
	for _, w := range r.Workloads {
		if w.Template != nil && !w.Owned {
			object := diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
			if w.Mislabelled {
				r.reportName(object, previewKey+" is a label of pods, and here it is a label of the "+w.Kind+" itself", "add it to the labels of the pods' template")
			}
			r.readPodLabels(object, w.Template.All, w.Notes)
			if w.TemplateOf == "" && len(w.Selector) > 0 && !model.HasLabels(w.Template.All, w.Selector) {
				r.report(diag.SelectorMismatch, object, "its selector %s does not match the labels of its pods' template", strings.TrimSuffix(model.LabelString(w.Selector), ","))
			}
		}
	}
	for _, p := range r.Pods {
		if p.Live && p.Workload.Kind == "Pod" {
			r.readPodLabels(diag.Object{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}, p.Labels.All, p.Notes)
		}
	}
	for i := range r.diags[before:] {
		r.coversReleased(&r.diags[before+i])
	}
	r.reportMisplaced()
}

// coversReleased marks d, which is about a label of pods, as the likely reason why it is not
// known which pods of a Service are released, if exactly one Service has the pods.
func (r *reader) coversReleased(d *diag.Diagnostic) {
	if s := r.onlyService(d.Object); s != nil {
		d.Target, d.Covers = s.Object(), diag.ReleasedUnknown
	}
}

func (r *reader) readPodLabels(object diag.Object, labels map[string]string, notes []string) {
	value, labelled := labels[previewKey]
	if labelled && value != "true" && value != "false" {
		r.report(diag.InvalidAnnotation, object, "label %s of its pods: %q: write \"true\", or remove it", previewKey, value)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		r.readPodName(object, "label", key)
	}
	for _, key := range notes {
		if key == previewKey {
			if !labelled {
				r.reportName(object, previewKey+" is a label of pods, and here it is an annotation", "move it to the labels of the pods' template")
			}
			continue
		}
		r.readPodName(object, "annotation", key)
	}
}

// readPodName reports a key that is a slip of the preview label. The annotations of
// Services are no slips: tools copy them to everything they make.
func (r *reader) readPodName(object diag.Object, what, key string) {
	name, ours := strings.CutPrefix(key, AnnotationPrefix)
	switch {
	case !ours && strings.Contains(key, "/"):
		r.reportDomain(object, key, preview)
	case !ours || name == preview || annotations[name] != nil || meant(name, []string{preview}) == "":
	default:
		r.reportName(object, "its pods have the "+what+" "+key+": did you mean the label "+previewKey+"?", "correct the name")
	}
}

// ofServices returns the annotations of Services among some labels and annotations.
func ofServices(sources ...map[string]string) map[string]string {
	var out map[string]string
	for _, source := range sources {
		for key, value := range source {
			if name, ours := strings.CutPrefix(key, AnnotationPrefix); ours && annotations[name] != nil {
				if out == nil {
					out = map[string]string{}
				}
				out[name] = value
			}
		}
	}
	return out
}

// reportMisplaced reports annotations of Services on workloads. Those that a Service of the
// namespace has too are no mistakes: tools copy them to everything they make.
func (r *reader) reportMisplaced() {
	if r.Part {
		return // the Services of the namespace are not known
	}
	for _, w := range r.Workloads {
		if len(w.Misplaced) == 0 || w.Owned || r.onService(w.Namespace, w.Misplaced) {
			continue
		}
		var names []string
		for _, name := range slices.Sorted(maps.Keys(w.Misplaced)) {
			names = append(names, AnnotationPrefix+name)
		}
		object, it, of := diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}, "it", "the Service of these pods"
		is := " is an annotation of a Service, and has no effect on a " + w.Kind
		if len(names) > 1 {
			it, is = "them", " are annotations of a Service, and have no effect on a "+w.Kind
		}
		if s := r.onlyService(object); s != nil {
			of = "Service " + s.Name
		}
		r.reportName(object, strings.Join(names, " and ")+is, "move "+it+" to "+of)
		if w.Misplaced["released"] != "" || w.Misplaced["released-workload"] != "" {
			r.coversReleased(r.last())
		}
	}
}

// onService reports whether a Service of a namespace has all of some annotations.
func (r *reader) onService(namespace string, all map[string]string) bool {
	return slices.ContainsFunc(r.Services, func(s *corev1.Service) bool {
		has := ofServices(s.Labels, s.Annotations)
		for name, value := range all {
			if has[name] != value {
				return false
			}
		}
		return s.Namespace == namespace
	})
}

// onlyService returns the only Service that selects the pods of a workload; nil if there
// are none or several.
func (r *reader) onlyService(object diag.Object) *model.Service {
	var found *model.Service
	for i := range r.snapshot.Services {
		s := &r.snapshot.Services[i]
		if s.Namespace == object.Namespace && s.HasWorkload(model.Workload{Kind: object.Kind, Name: object.Name}) {
			if found != nil {
				return nil
			}
			found = s
		}
	}
	return found
}

// notes lists the annotations of pods whose domain is that of Overrides, or nearly.
func notes(of map[string]string) []string {
	var out []string
	for key := range of {
		if d, _, found := strings.Cut(key, "/"); found && (d == domain || isNearDomain(d)) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}
