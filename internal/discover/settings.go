package discover

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// AnnotationPrefix begins the name of every annotation and label of Overrides.
const AnnotationPrefix = domain + "/"

// annotations are the annotations that a Service may have, each with the function that
// reads it. A label of the same name counts too if there is no annotation.
var annotations = map[string]func(*model.Service, string) error{
	"managed":           func(s *model.Service, v string) error { return readBool(&s.Settings.Managed, v) },
	"version-label":     func(s *model.Service, v string) error { return readLabelKey(&s.Settings.VersionLabel, v) },
	"released":          func(s *model.Service, v string) error { return readVersions(&s.Settings.ReleasedVersions, v) },
	"released-workload": func(s *model.Service, v string) error { return readWorkload(&s.Settings.ReleasedWorkload, v) },
	"conditions":        func(s *model.Service, v string) error { return readConditions(&s.Settings.Conditions, split(v)) },
	"methods":           func(s *model.Service, v string) error { return readMethods(&s.Settings.Methods, split(v)) },
	"callers":           func(s *model.Service, v string) error { return readCallers(&s.Settings.Callers, v) },
	"caller-namespaces": func(s *model.Service, v string) error {
		return readNamespaces(&s.Settings.CallerNamespaces, split(v))
	},
	"closed":             func(s *model.Service, v string) error { return readBool(&s.Settings.Closed, v) },
	"served-header":      func(s *model.Service, v string) error { return readBool(&s.Settings.ServedHeader, v) },
	"strict":             func(s *model.Service, v string) error { return readStrict(&s.Settings.Strict, v) },
	"preview-namespaces": func(s *model.Service, v string) error { return readPreviewNamespaces(&s.Settings.Previews, v) },
	"version-of":         readVersionOf,
	"version":            func(s *model.Service, v string) error { s.Version = v; return grammar.ValidateVersion(v) },
}

// ClosedAnnotation says whether previews of a Service are closed.
const ClosedAnnotation = AnnotationPrefix + "closed"

// PreviewOwnerAnnotation is written on previews, on their workload and on a Service of their
// own. It decides no route.
const PreviewOwnerAnnotation = AnnotationPrefix + "preview-owner"

// readAnnotations reads the settings in the annotations of a Service. It reports and
// ignores those that can't be used.
func (r *reader) readAnnotations(s *model.Service, meta metav1.ObjectMeta) {
	before := len(r.diags)
	said, names := map[string]string{}, slices.Sorted(maps.Keys(annotations))
	for _, source := range []map[string]string{meta.Labels, meta.Annotations} {
		for key, value := range source {
			if key == ExpiresAnnotation || key == PreviewOwnerAnnotation {
				continue // expiry reads the first
			}
			if name, ours := strings.CutPrefix(key, AnnotationPrefix); ours {
				said[name] = value
			} else {
				r.reportDomain(s.Object(), key, names...)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		read := annotations[name]
		if read == nil {
			r.reportUnknown(s, name)
			continue
		}
		unread := *s
		if err := read(s, strings.TrimSpace(said[name])); err != nil {
			*s = unread
			r.report(diag.InvalidAnnotation, s.Object(), "%s%s: %s", AnnotationPrefix, name, withValue(said[name], err))
			r.covers(name)
		}
	}
	if s.Version != "" && s.VersionOf == "" && len(r.diags) == before {
		r.reportName(s.Object(), AnnotationPrefix+"version has no effect without "+AnnotationPrefix+"version-of",
			"add "+AnnotationPrefix+"version-of with the name of the Service that it is a version of, or remove "+AnnotationPrefix+"version")
		r.last().Severity = diag.Warning
	}
}

// withValue returns the message of err, with the value that it is about.
func withValue(value string, err error) string {
	if quoted := strconv.Quote(value); !strings.Contains(err.Error(), quoted) {
		return quoted + ": " + err.Error()
	}
	return err.Error()
}

// covers marks the diagnostic that was added last, about an annotation, as the likely reason
// of another one about the Service.
func (r *reader) covers(name string) {
	switch name {
	case "released", "released-workload":
		r.last().Covers = diag.ReleasedUnknown
	case "version":
		r.last().Covers = diag.IsolatedNoVersion
	}
}

// readPolicies adds the OverridePolicies to the snapshot. A policy with a field that can't be
// used is not in force at all, since half of its settings may be worse than none, but for one
// effect: with access in mode Token, its Services follow no override.
func (r *reader) readPolicies() {
	for _, p := range r.Policies {
		out := model.Policy{Namespace: p.Namespace, Name: p.Name, Created: p.CreationTimestamp.Time}
		out.Origin = r.Origins[out.Object()]
		if errs := readPolicy(&out, &p.Spec, &r.snapshot.Options); len(errs) > 0 {
			for _, err := range errs {
				r.report(diag.InvalidPolicy, out.Object(), "%v", err)
			}
			if p.Spec.Released != nil && len(out.Services) == 1 {
				r.last().Covers = diag.ReleasedUnknown
				r.last().Target = diag.Object{Kind: "Service", Namespace: out.Namespace, Name: out.Services[0]}
			}
			if out.Settings.Access == nil {
				continue
			}
			out.Invalid, out.Settings = true, model.Settings{Access: &model.Access{Why: out.Object().String() + " is invalid"}}
		}
		r.snapshot.Policies = append(r.snapshot.Policies, out)
	}
}

// readPolicy reads the fields of a policy, and returns what is wrong with it.
func readPolicy(out *model.Policy, spec *v1alpha1.OverridePolicySpec, options *model.Options) []error {
	var errs []error
	if len(spec.TargetRefs) == 0 {
		errs = append(errs, fmt.Errorf("spec.targetRefs: no target"))
	}
	for i, ref := range spec.TargetRefs {
		switch {
		case ref.Group != "" || ref.Kind != "Service":
			errs = append(errs, fmt.Errorf("spec.targetRefs[%d]: only Services can be targets (kind: Service, and no group), not %s", i, schema.GroupKind{Group: ref.Group, Kind: ref.Kind}))
		case slices.Contains(out.Services, ref.Name):
			errs = append(errs, fmt.Errorf("spec.targetRefs[%d]: Service %s is a target already", i, ref.Name))
		}
		out.Services = append(out.Services, ref.Name)
	}
	s := &out.Settings
	s.Managed, s.Closed, s.ServedHeader = spec.Managed, spec.Closed, spec.ServedHeader
	for _, f := range []struct {
		field string
		read  func() error
	}{
		{"versionLabel", func() error { return optional(spec.VersionLabel, &s.VersionLabel, readLabelKey) }},
		{"released", func() error { return readReleased(s, spec.Released) }},
		{"conditions", func() error { return readConditions(&s.Conditions, stringsOf(spec.Conditions)) }},
		{"methods", func() error { return readMethods(&s.Methods, spec.Methods) }},
		{"callers", func() error { return readPolicyCallers(s, spec.Callers) }},
		{"callerNamespaces", func() error { return readNamespaces(&s.CallerNamespaces, spec.CallerNamespaces) }},
		{"strict", func() error {
			if spec.Strict == nil {
				return nil
			}
			return readStrict(&s.Strict, string(*spec.Strict))
		}},
		{"previews", func() error { return readPreviews(&s.Previews, spec.Previews) }},
		{"forwarding", func() error {
			if spec.Forwarding == nil {
				return nil
			}
			return readForwarding(&s.Forwarding, string(*spec.Forwarding), options)
		}},
		{"access", func() error { return readAccess(&s.Access, spec.Access, options) }},
	} {
		if err := f.read(); err != nil {
			errs = append(errs, fmt.Errorf("spec.%s: %w", f.field, err))
		}
	}
	return errs
}

func readReleased(out *model.Settings, in *v1alpha1.Released) error {
	switch {
	case in == nil:
		return nil
	case (len(in.Versions) > 0) == (in.Workload != nil):
		return fmt.Errorf("set exactly one of versions and workload")
	case in.Workload != nil:
		kind := in.Workload.Kind
		if kind == "" {
			kind = "Deployment"
		}
		return readWorkload(&out.ReleasedWorkload, kind+"/"+in.Workload.Name)
	}
	return readVersions(&out.ReleasedVersions, strings.Join(in.Versions, ","))
}

func readPolicyCallers(out *model.Settings, in []v1alpha1.Caller) error {
	for _, c := range in {
		caller := model.Caller{Name: c.Name}
		if c.Namespace != nil {
			caller.Namespace = *c.Namespace
		}
		if err := checkCaller(caller); err != nil {
			return err
		}
		out.Callers = append(out.Callers, caller)
	}
	return nil
}

func optional(in *string, out *string, read func(*string, string) error) error {
	if in == nil {
		return nil
	}
	return read(out, *in)
}

func stringsOf[S ~string](in []S) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

// split returns the parts of a comma-separated annotation without blank ones.
func split(value string) []string {
	var out []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func readBool(out **bool, value string) error {
	switch value {
	case "true", "false":
		yes := value == "true"
		*out = &yes
		return nil
	}
	return fmt.Errorf(`write "true" or "false"`)
}

// ValidateLabelKey returns an error unless key can be the key of a label: a name, optionally
// with a domain and "/" before it.
func ValidateLabelKey(key string) error {
	if len(validation.IsQualifiedName(key)) > 0 {
		return fmt.Errorf("want letters, digits, \"-\", \"_\" and \".\", at most 63, beginning and ending with a letter or digit; a domain and \"/\" may precede them")
	}
	return nil
}

func readLabelKey(out *string, value string) error {
	if err := ValidateLabelKey(value); err != nil {
		return err
	}
	*out = value
	return nil
}

func readVersions(out *[]string, value string) error {
	versions := split(value)
	if len(versions) == 0 {
		return fmt.Errorf("name a version")
	}
	for _, v := range versions {
		if err := grammar.ValidateVersion(v); err != nil {
			return err
		}
	}
	*out = versions
	return nil
}

// readWorkload reads "NAME", of any kind, or "Kind/NAME".
func readWorkload(out **model.Workload, value string) error {
	kind, name, found := strings.Cut(value, "/")
	if !found {
		kind, name = "", kind
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return fmt.Errorf("%q is not the name of a workload: use a-z, 0-9, \"-\" and \".\", beginning and ending with a letter or digit", name)
	}
	for _, known := range []string{"", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout", "Pod"} {
		if strings.EqualFold(kind, known) {
			*out = &model.Workload{Kind: known, Name: name}
			return nil
		}
	}
	return fmt.Errorf("%q is not a kind of workload", kind)
}

func readConditions(out *[]string, values []string) error {
	for _, v := range values {
		if v != "from" && v != "method" {
			return fmt.Errorf("%q is not a condition: there are from and method", v)
		}
	}
	*out = values
	return nil
}

func readMethods(out *[]string, values []string) error {
	for _, v := range values {
		if err := grammar.ValidateMethod(v); err != nil {
			return err
		}
	}
	*out = values
	return nil
}

// readCallers reads "NAME" or "NAMESPACE/NAME", several with commas.
func readCallers(out *[]model.Caller, value string) error {
	var callers []model.Caller
	for _, part := range split(value) {
		caller := model.Caller{Name: part}
		if namespace, name, found := strings.Cut(part, "/"); found {
			caller.Namespace, caller.Name = namespace, name
		}
		if err := checkCaller(caller); err != nil {
			return err
		}
		callers = append(callers, caller)
	}
	*out = callers
	return nil
}

func checkCaller(c model.Caller) error {
	if c.Namespace != "" {
		if err := grammar.ValidateNamespace(c.Namespace); err != nil {
			return err
		}
	}
	return grammar.ValidateCaller(c.Name)
}

func readNamespaces(out *[]string, values []string) error {
	for _, v := range values {
		if err := grammar.ValidateNamespace(v); err != nil {
			return err
		}
	}
	*out = values
	return nil
}

func readStrict(out *model.StrictMode, value string) error {
	switch mode := model.StrictMode(value); mode {
	case model.StrictWhenManaged, model.StrictAlways:
		*out = mode
		return nil
	}
	return fmt.Errorf("write %s or %s", model.StrictWhenManaged, model.StrictAlways)
}
