package operator_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

var (
	gatewayPolicies = schema.GroupVersionResource{Group: "overrides.mesh", Version: "v1alpha1", Resource: "gatewayoverridepolicies"}
	envoyFilters    = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1alpha3", Resource: "envoyfilters"}
	authorizations  = schema.GroupVersionResource{Group: "security.istio.io", Version: "v1", Resource: "authorizationpolicies"}
	tokenChecks     = schema.GroupVersionResource{Group: "security.istio.io", Version: "v1", Resource: "requestauthentications"}
)

const (
	requireTesters = `
apiVersion: overrides.mesh/v1alpha1
kind: GatewayOverridePolicy
metadata: {name: NAME}
spec:
  targetRef: {group: networking.istio.io, kind: Gateway, name: public}
  cookie: x-override
  previewHosts: [{host: "*.preview.shop.example.com", for: shop.example.com}]
  require: {issuer: idp.test, claim: groups, values: [testers]}
`
	login = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: login}
spec:
  selector: {matchLabels: {istio: NAMESPACE}}
  jwtRules: [{issuer: idp.test, jwksUri: "https://idp.test/keys", fromCookies: [session]}]
`
)

// TestGatewayPolicy: a policy gets its guard and then its filter, and its status says so. The
// filter is not written again while previews come and go. While nothing checks tokens there is
// no header without a guard. When the policy goes, so does everything, the guard last.
func TestGatewayPolicy(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "entry")
	s.openGateway(t)
	o := options(s.namespace)
	o.GatewayPolicies = true
	r := run(t, s.config, o)
	s.create(t, gatewayPolicies, strings.ReplaceAll(requireTesters, "NAME", "entry"))
	s.policyIs(t, "entry", "Accepted=True Accepted", "Programmed=False NotInForce no RequestAuthentication")
	s.policyEvent(t, "WritesFilter", "cuts requests")
	closed := s.filter(t)
	if text := fmt.Sprint(closed.Object["spec"]); !strings.Contains(text, "remove:x-override") || strings.Contains(text, "cookie") || strings.Contains(text, "preview") {
		t.Errorf("without a guard, the filter is %s", text)
	}
	s.create(t, tokenChecks, login)
	s.policyIs(t, "entry", "Accepted=True Accepted", "Programmed=True Programmed")
	open := s.filter(t)
	if text := fmt.Sprint(open.Object["spec"]); !strings.Contains(text, "cookie") || !strings.Contains(text, ".preview.shop.example.com") {
		t.Errorf("with a guard, the filter is %s", text)
	}
	if got, want := r.entryWrites(), []string{"PATCH envoyfilters", "PATCH authorizationpolicies", "PATCH envoyfilters"}; !slices.Equal(got, want) {
		t.Errorf("the writes are %q, want %q", got, want)
	}
	// Previews come and go, and the login too.
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 3)
	s.remove(t, "v2")
	s.converges(t, 0)
	check(t, s.objects.Resource(tokenChecks).Namespace(s.namespace).Delete(t.Context(), "login", metav1.DeleteOptions{}))
	s.policyIs(t, "entry", "Accepted=True Accepted", "Programmed=False NotInForce")
	s.create(t, tokenChecks, login)
	s.policyIs(t, "entry", "Accepted=True Accepted", "Programmed=True Programmed")
	if after := s.filter(t); after.GetUID() != open.GetUID() || after.GetResourceVersion() != open.GetResourceVersion() {
		t.Error("the filter was written again")
	}
	if got := r.entryWrites(); len(got) > 0 {
		t.Errorf("while nothing of the policy changed, it wrote %q", got)
	}
	s.create(t, gatewayPolicies, strings.ReplaceAll(requireTesters, "NAME", "second"))
	s.policyIs(t, "second", "Accepted=False Conflicted GatewayOverridePolicy "+s.namespace+"/entry, which is older")
	check(t, s.objects.Resource(authorizations).Namespace(s.namespace).Delete(t.Context(), "public-require-overrides", metav1.DeleteOptions{}))
	eventually(t, "the guard comes back", func(context.Context) string {
		if got := r.entryWrites(); !slices.Equal(got, []string{"PATCH authorizationpolicies"}) {
			return fmt.Sprintf("the writes are %q", got)
		}
		return ""
	})
	check(t, s.objects.Resource(gatewayPolicies).Namespace(s.namespace).Delete(t.Context(), "second", metav1.DeleteOptions{}))
	check(t, s.objects.Resource(gatewayPolicies).Namespace(s.namespace).Delete(t.Context(), "entry", metav1.DeleteOptions{}))
	for _, resource := range []schema.GroupVersionResource{envoyFilters, authorizations} {
		s.gone(t, resource)
	}
	// The operator gets the answer to its last write after the object has gone.
	var got []string
	eventually(t, "the writes of the end", func(context.Context) string {
		got = append(got, r.entryWrites()...)
		if want := []string{"DELETE envoyfilters", "DELETE authorizationpolicies"}; !slices.Equal(got, want) {
			return fmt.Sprintf("the writes are %q, want %q", got, want)
		}
		return ""
	})
	r.noneForbidden(t)
}

// TestGatewayPolicyOff: without the option, policies of gateways are not read.
func TestGatewayPolicyOff(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "entry-off")
	s.openGateway(t)
	r := run(t, s.config, options(s.namespace))
	s.create(t, gatewayPolicies, strings.ReplaceAll(requireTesters, "NAME", "entry"))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 3)
	if got := r.entryWrites(); len(got) > 0 {
		t.Errorf("it wrote %q", got)
	}
	for _, request := range r.meter.Requests() {
		if strings.Contains(request.Path, "gatewayoverridepolicies") || strings.Contains(request.Path, "envoyfilters") {
			t.Errorf("it asked for %s", request.Path)
		}
	}
}

// TestGatewayPolicyConsent: a policy has an effect on gateway pods of another namespace while
// that permits it.
func TestGatewayPolicyConsent(t *testing.T) {
	t.Parallel()
	s, pods := openShop(t, sharedPlane(t), "entry-consent"), openShop(t, sharedPlane(t), "entry-pods")
	s.gateway(t)
	pods.labelledPod(t, "docker.io/istio/proxyv2:1.31.0", s.namespace)
	o := options(s.namespace)
	o.Namespaces, o.GatewayPolicies = append(o.Namespaces, pods.namespace), true
	run(t, s.config, o)
	permit := func(list string) {
		patch := []byte(`{"metadata":{"annotations":{"overrides.mesh/gateway-policies":"` + list + `"}}}`)
		_, err := s.kube.CoreV1().Namespaces().Patch(t.Context(), pods.namespace, types.MergePatchType, patch, metav1.PatchOptions{})
		check(t, err)
	}
	filters := func(want int) {
		eventually(t, "filters", func(ctx context.Context) string {
			list, err := s.objects.Resource(envoyFilters).Namespace(pods.namespace).List(ctx, metav1.ListOptions{})
			if err == nil && len(list.Items) != want {
				return fmt.Sprintf("there are %d, want %d", len(list.Items), want)
			}
			return message(err)
		})
	}
	s.create(t, gatewayPolicies, strings.ReplaceAll(requireTesters, "NAME", "entry"))
	s.policyIs(t, "entry", "Accepted=False RefNotPermitted")
	filters(0)
	permit("somebody, " + s.namespace)
	filters(1)
	permit("somebody")
	s.policyIs(t, "entry", "Accepted=False RefNotPermitted")
	filters(0)
}

// TestOldProxy: a gateway whose proxies are too old gets nothing.
func TestOldProxy(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "entry-old")
	s.gatewayPod(t, "docker.io/istio/proxyv2:1.25.3")
	s.gateway(t)
	o := options(s.namespace)
	o.GatewayPolicies = true
	run(t, s.config, o)
	s.create(t, gatewayPolicies, strings.ReplaceAll(requireTesters, "NAME", "entry"))
	s.policyIs(t, "entry", "Accepted=True Accepted", "Programmed=False NotInForce its pods in namespace "+s.namespace+" have proxies of Istio 1.25.3")
	list, err := s.objects.Resource(envoyFilters).Namespace(s.namespace).List(t.Context(), metav1.ListOptions{})
	if check(t, err); len(list.Items) > 0 {
		t.Errorf("there is a filter")
	}
}

// TestGatewayPolicyValidation: the API server refuses what can't be meant.
func TestGatewayPolicyValidation(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "entry-invalid")
	data, err := os.ReadFile("testdata/gatewaypolicies.yaml")
	check(t, err)
	var cases []struct {
		Spec map[string]any
		Want string
	}
	check(t, yaml.UnmarshalStrict(data, &cases))
	for i, c := range cases {
		if c.Spec["targetRef"] == nil {
			c.Spec["targetRef"] = map[string]any{"group": "networking.istio.io", "kind": "Gateway", "name": "public"}
		}
		_, err := s.objects.Resource(gatewayPolicies).Namespace(s.namespace).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "overrides.mesh/v1alpha1", "kind": "GatewayOverridePolicy", "metadata": map[string]any{"name": fmt.Sprintf("p-%d", i)}, "spec": c.Spec,
		}}, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		if got := message(err); c.Want == "" && err != nil || !strings.Contains(got, c.Want) {
			t.Errorf("%v: %q, want %q", c.Spec, got, c.Want)
		}
	}
}

func message(err error) string {
	switch {
	case err == nil:
		return ""
	case apierrors.IsNotFound(err):
		return "not found"
	}
	return err.Error()
}

// openGateway creates a Gateway with a pod.
func (s *shop) openGateway(t *testing.T) {
	t.Helper()
	s.gatewayPod(t, "docker.io/istio/proxyv2:1.31.0")
	s.gateway(t)
}

func (s *shop) gateway(t *testing.T) {
	t.Helper()
	s.istio(t, gateways, "Gateway", "public", map[string]any{
		"selector": map[string]any{"istio": s.namespace},
		"servers":  []any{map[string]any{"hosts": []any{"shop.example.com"}, "port": map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}}},
	})
	s.istio(t, virtualServices, "VirtualService", "front", map[string]any{
		"hosts": []any{"shop.example.com"}, "gateways": []any{"public"},
		"http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "cart"}}}}},
	})
}

func (s *shop) gatewayPod(t *testing.T, image string) {
	t.Helper()
	s.labelledPod(t, image, s.namespace)
}

// labelledPod creates a gateway pod with a label.
func (s *shop) labelledPod(t *testing.T, image, label string) {
	t.Helper()
	_, err := s.kube.CoreV1().Pods(s.namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "ingress", Labels: map[string]string{"istio": label}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "istio-proxy", Image: image, Args: []string{"proxy", "router"}}}},
	}, metav1.CreateOptions{})
	check(t, err)
}

// create creates the object of a manifest.
func (s *shop) create(t *testing.T, resource schema.GroupVersionResource, manifest string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	check(t, yaml.Unmarshal([]byte(strings.ReplaceAll(manifest, "NAMESPACE", s.namespace)), &u.Object))
	_, err := s.objects.Resource(resource).Namespace(s.namespace).Create(t.Context(), u, metav1.CreateOptions{})
	check(t, err)
}

func (s *shop) filter(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	out, err := s.objects.Resource(envoyFilters).Namespace(s.namespace).Get(t.Context(), "public-edge-overrides", metav1.GetOptions{})
	check(t, err)
	return out
}

// policyIs waits until the conditions of a policy are these: each begins with its type,
// status, reason and message.
func (s *shop) policyIs(t *testing.T, name string, want ...string) {
	t.Helper()
	eventually(t, "status of "+name, func(ctx context.Context) string {
		u, err := s.objects.Resource(gatewayPolicies).Namespace(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		ancestors, _, _ := unstructured.NestedSlice(u.Object, "status", "ancestors")
		var got []string
		for _, a := range ancestors {
			conditions, _, _ := unstructured.NestedSlice(a.(map[string]any), "conditions")
			for _, c := range conditions {
				c := c.(map[string]any)
				got = append(got, strings.TrimSpace(fmt.Sprintf("%v=%v %v %v", c["type"], c["status"], c["reason"], c["message"])))
			}
		}
		if len(got) == len(want) && !slices.ContainsFunc(want, func(w string) bool {
			return !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) })
		}) {
			return ""
		}
		return fmt.Sprintf("it is %q", got)
	})
}

func (s *shop) policyEvent(t *testing.T, reason, text string) {
	t.Helper()
	s.eventAbout(t, "GatewayOverridePolicy", reason, text)
}

// eventAbout waits for an Event about an object of a kind.
func (s *shop) eventAbout(t *testing.T, kind, reason, text string) {
	t.Helper()
	eventually(t, "Event "+reason, func(ctx context.Context) string {
		list, err := s.kube.EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		for _, e := range list.Items {
			if e.Regarding.Kind == kind && e.Reason == reason && strings.Contains(e.Note, text) {
				return ""
			}
		}
		return "there is none"
	})
}

// gone waits until the namespace has no object of a kind.
func (s *shop) gone(t *testing.T, resource schema.GroupVersionResource) {
	t.Helper()
	eventually(t, resource.Resource+" go", func(ctx context.Context) string {
		list, err := s.objects.Resource(resource).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) > 0 {
			return list.Items[0].GetName() + " is left"
		}
		return message(err)
	})
}

// entryWrites lists the writes of guards and filters since the last call, without reads before
// them.
func (r *running) entryWrites() []string { return r.writesOf("envoyfilters", "authorizationpolicies") }

// writesOf lists the writes of some resources since the last call, without names.
func (r *running) writesOf(resources ...string) []string {
	var out []string
	for _, w := range r.writes() {
		method, path, _ := strings.Cut(w, " ")
		resource, _, _ := strings.Cut(path, "/")
		if slices.Contains(resources, resource) {
			out = append(out, method+" "+resource)
		}
	}
	return out
}
