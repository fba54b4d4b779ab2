package chart_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/overrides-mesh/overrides/internal/cli"
	"github.com/overrides-mesh/overrides/test/chart"
)

// decoder rejects unknown fields and kinds.
func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, rbacv1.AddToScheme, policyv1.AddToScheme,
		networkingv1.AddToScheme, admissionv1.AddToScheme, apiextensionsv1.AddToScheme,
	} {
		check(t, add(scheme))
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
}

// TestObjects: for all values, every object has only fields of its kind, a name that
// Kubernetes accepts, and a namespace if it needs one, and occurs once.
func TestObjects(t *testing.T) {
	t.Parallel()
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			strict := decoder(t)
			seen := map[string]bool{}
			for _, o := range render(t, a.values).All() {
				if seen[o.ID()] {
					t.Errorf("%s occurs twice", o.ID())
				}
				seen[o.ID()] = true
				// ServiceMonitor belongs to Prometheus Operator, EnvoyFilter to Istio; each has a test of its
				// own.
				if k := o.GetKind(); k != "ServiceMonitor" && k != "EnvoyFilter" {
					if _, _, err := strict.Decode([]byte(o.Text), nil, nil); err != nil {
						t.Errorf("%s: %v", o.ID(), err)
					}
				}
				checkMeta(t, &o)
			}
		})
	}
}

// clusterScoped are the kinds of the chart without a namespace.
var clusterScoped = []string{"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

func checkMeta(t *testing.T, o *chart.Object) {
	t.Helper()
	for _, problem := range validation.IsDNS1123Subdomain(o.GetName()) {
		t.Errorf("%s: %s", o.ID(), problem)
	}
	if inNone := slices.Contains(clusterScoped, o.GetKind()); inNone != (o.GetNamespace() == "") {
		t.Errorf("%s is in namespace %q", o.ID(), o.GetNamespace())
	}
	if o.GetKind() == "CustomResourceDefinition" {
		return
	}
	labels := o.GetLabels()
	// The operator's own objects are known by that label.
	if labels["app.kubernetes.io/managed-by"] != "Helm" || labels["app.kubernetes.io/name"] == "" {
		t.Errorf("%s: labels %v", o.ID(), labels)
	}
	for key, value := range labels {
		if problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(problems) > 0 {
			t.Errorf("%s: label %s=%s: %v", o.ID(), key, value, problems)
		}
	}
}

// pods returns the pods of objects.
func pods(t *testing.T, r *chart.Rendered) map[string]corev1.PodTemplateSpec {
	t.Helper()
	out := map[string]corev1.PodTemplateSpec{}
	for _, o := range r.All() {
		switch o.GetKind() {
		case "Deployment":
			var d appsv1.Deployment
			check(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d))
			out[o.ID()] = d.Spec.Template
		case "Job":
			var j batchv1.Job
			check(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &j))
			out[o.ID()] = j.Spec.Template
		}
	}
	return out
}

// TestPodSecurity: all pods meet the standard "restricted" as of today, and more: no
// writable root, no sidecar.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	check(t, err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			all := pods(t, render(t, a.values))
			if len(all) == 0 {
				t.Fatal("no pods")
			}
			for id, pod := range all {
				if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
					t.Errorf("%s: %s: %s", id, result.ForbiddenReason(), result.ForbiddenDetail())
				}
				for _, c := range pod.Spec.Containers {
					if ro := c.SecurityContext.ReadOnlyRootFilesystem; ro == nil || !*ro {
						t.Errorf("%s: container %s can write to its root", id, c.Name)
					}
				}
				if pod.Labels["sidecar.istio.io/inject"] != "false" || pod.Labels["istio.io/dataplane-mode"] != "none" {
					t.Errorf("%s: the mesh would take it in: %v", id, pod.Labels)
				}
			}
		})
	}
}

// TestCommands: the program knows every flag, and accepts its value.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for id, pod := range pods(t, render(t, a.values)) {
				var said bytes.Buffer
				// With --help, flags are parsed and nothing runs.
				args := slices.Concat([]string{"overrides"}, pod.Spec.Containers[0].Args, []string{"--help"})
				if code := cli.Main(t.Context(), args, cli.Streams{In: &said, Out: &said, Err: &said}); code != 0 {
					t.Errorf("%s: %v ends with %d: %s", id, args, code, said.String())
				}
			}
		})
	}
}

// TestRolesAreNarrow: no role of the chart may read Secrets or ConfigMaps, write to
// objects that are not the operator's, or grant anything, unless limited to a name.
// Webhooks may be read, since RBAC can't select by label.
func TestRolesAreNarrow(t *testing.T) {
	t.Parallel()
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range render(t, a.values).All() {
				if !strings.HasSuffix(o.GetKind(), "Role") {
					continue
				}
				var role rbacv1.ClusterRole
				check(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role))
				for _, rule := range role.Rules {
					if problem := tooWide(rule); problem != "" {
						t.Errorf("%s: %s: %+v", o.ID(), problem, rule)
					}
				}
			}
		})
	}
}

func tooWide(rule rbacv1.PolicyRule) string {
	for _, list := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
		if slices.Contains(list, "*") {
			return "a wildcard"
		}
	}
	for _, verb := range []string{"escalate", "bind", "impersonate"} {
		if slices.Contains(rule.Verbs, verb) {
			return verb
		}
	}
	if slices.Equal(rule.Resources, []string{"mutatingwebhookconfigurations"}) && slices.Equal(rule.Verbs, []string{"list", "watch"}) {
		return ""
	}
	// An admission policy limits writes of Secrets to those of one type (TestGrants in
	// test/operator); none of these verbs reads one.
	if slices.Equal(rule.Resources, []string{"secrets"}) && !slices.ContainsFunc(rule.Verbs, func(v string) bool { return v != "create" && v != "update" && v != "delete" }) {
		return ""
	}
	for _, resource := range []string{"secrets", "configmaps", "serviceaccounts/token", "mutatingwebhookconfigurations", "leases"} {
		if slices.Contains(rule.Resources, resource) && len(rule.ResourceNames) == 0 && !slices.Equal(rule.Verbs, []string{"create"}) {
			return resource + " of any name"
		}
	}
	return ""
}

// TestLint: Helm only complains that the chart has no icon.
func TestLint(t *testing.T) {
	t.Parallel()
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			lint := action.NewLint()
			lint.Strict, lint.Namespace = true, chart.Namespace
			lint.KubeVersion = &common.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"}
			result := lint.Run([]string{folder}, a.values)
			for _, err := range result.Errors {
				t.Error(err)
			}
			for _, m := range result.Messages {
				if !strings.Contains(m.Error(), "icon is recommended") {
					t.Error(m)
				}
			}
		})
	}
}
