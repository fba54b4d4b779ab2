package install_test

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// values are an ordinary installation's, with short waits.
func values(more map[string]any) map[string]any {
	out := map[string]any{"propagationDelay": "200ms", "drainDelay": "300ms"}
	maps.Copy(out, more)
	return out
}

// works waits until the operator has written two objects for every Service, and the
// status of the policy.
func (c *cluster) works(t *testing.T) {
	t.Helper()
	defer func() {
		if t.Failed() {
			status := exec.CommandContext(context.WithoutCancel(t.Context()), c.program, "status", "-A", "--kubeconfig", c.plane.Kubeconfig)
			said, err := status.CombinedOutput()
			t.Logf("status: %v\n%s", err, said)
		}
	}()
	eventually(t, "the operator's objects", func(ctx context.Context) string {
		if n, err := c.ours(ctx); err != nil || n != 2*services {
			return fmt.Sprintf("there are %d, want %d, %v", n, 2*services, err)
		}
		return ""
	})
	eventually(t, "the status of the policy", func(ctx context.Context) string {
		policy, err := c.objects.Resource(policies).Namespace(shop).Get(ctx, "mine", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		if text := fmt.Sprint(policy.Object["status"]); !strings.Contains(text, "Programmed") {
			return "it is " + text
		}
		return ""
	})
}

// ours counts the operator's objects for Services of fleet.
func (c *cluster) ours(ctx context.Context) (int, error) {
	n := 0
	for _, resource := range []schema.GroupVersionResource{virtualServices, destinationRules} {
		list, err := c.objects.Resource(resource).Namespace(shop).List(ctx, metav1.ListOptions{})
		if err != nil {
			return 0, err
		}
		for i := range list.Items {
			if strings.HasPrefix(list.Items[i].GetName(), "service-") {
				n++
			}
		}
	}
	return n, nil
}

// kept are objects that stay after an uninstallation, by the prefixes of their names: the
// definitions of policies, and policies, which are compared separately.
var kept = []string{
	"customresourcedefinitions.apiextensions.k8s.io /overridepolicies.overrides.mesh", "customresourcedefinitions.apiextensions.k8s.io /gatewayoverridepolicies.overrides.mesh",
	"customresourcedefinitions.apiextensions.k8s.io /overridegrants.overrides.mesh", "customresourcedefinitions.apiextensions.k8s.io /overridegrantpolicies.overrides.mesh",
	"apiservices.apiregistration.k8s.io /v1alpha1.overrides.mesh", "overridepolicies.overrides.mesh ",
}

// TestUninstall: after an installation in which the operator has worked, helm uninstall
// leaves the cluster as it was before, with users' objects unchanged, byte for byte, and
// their policies. Then it can be installed again.
func TestUninstall(t *testing.T) {
	t.Parallel()
	c := open(t)
	before := c.state(t)
	for name, more := range map[string]map[string]any{
		"labelled":   nil,
		"namespaced": {"namespaces": []any{shop}},
		"gated":      {"readinessGate": map[string]any{"enabled": true}},
		"policies":   {"gatewayPolicies": map[string]any{"enabled": true}},
		"granting":   {"grants": map[string]any{"enabled": true}},
		"asking":     {"istiodSync": map[string]any{"enabled": true}},
		"everything": {"allNamespaces": true, "networkPolicy": map[string]any{"enabled": true}},
	} {
		// One after the other: each starts with the cluster that the previous one left.
		t.Run(name, func(t *testing.T) {
			c.install(t, values(more))
			operators := c.startOperator(t)
			policy := c.policy(t)
			c.works(t)
			if name != "namespaced" {
				operators[0].forbidden(t)
			}
			k := c.kubelet(t, operators)
			took := c.uninstall(t)
			said := k.wait(t)
			t.Logf("helm uninstall took %v; cleanup said\n%s", took.Round(time.Millisecond), said)
			for _, change := range before.change(c.state(t), kept...) {
				t.Error(change)
			}
			now, err := c.objects.Resource(policies).Namespace(shop).Get(t.Context(), "mine", metav1.GetOptions{})
			check(t, err)
			if got := encode(t, now); got != policy {
				t.Errorf("the policy is\n%s\nwas\n%s", got, policy)
			}
			inOrder(t, said)
		})
	}
}

// policy creates the user's policy, unless it exists, and returns it.
func (c *cluster) policy(t *testing.T) string {
	t.Helper()
	c.applyFile(t, "testdata/policy.yaml")
	policy, err := c.objects.Resource(policies).Namespace(shop).Get(t.Context(), "mine", metav1.GetOptions{})
	check(t, err)
	delete(policy.Object, "status") // the operator may have been faster
	return encode(t, policy)
}

// inOrder fails t unless all routes were deleted before all subsets.
func inOrder(t *testing.T, said string) {
	t.Helper()
	var kinds []string
	for line := range strings.SplitSeq(said, "\n") {
		if rest, ok := strings.CutPrefix(line, "deleted "); ok {
			kind, _, _ := strings.Cut(rest, " ")
			kinds = append(kinds, kind)
		}
	}
	want := slices.Concat(slices.Repeat([]string{"VirtualService"}, services), slices.Repeat([]string{"DestinationRule"}, services), []string{"Lease"})
	if !slices.Equal(kinds, want) {
		t.Errorf("deleted %v, want %v", kinds, want)
	}
}

// TestUpgrade: an upgrade updates the chart's definition of OverridePolicy, and touches
// neither policies nor the operator's objects.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.install(t, values(nil))
	c.startOperator(t)
	c.policy(t)
	c.works(t)
	name := policies.Resource + "." + policies.Group
	// The state that a release of the chart without printer columns would have left.
	older, err := c.objects.Resource(definitions).Get(t.Context(), name, metav1.GetOptions{})
	check(t, err)
	versions, _, err := unstructured.NestedSlice(older.Object, "spec", "versions")
	check(t, err)
	version, _ := versions[0].(map[string]any)
	delete(version, "additionalPrinterColumns")
	check(t, unstructured.SetNestedSlice(older.Object, versions, "spec", "versions"))
	older.SetManagedFields(nil)
	older.SetResourceVersion("")
	delete(older.Object, "status")
	_, err = c.objects.Resource(definitions).Apply(t.Context(), name, older, metav1.ApplyOptions{FieldManager: "helm", Force: true})
	check(t, err)
	before := c.state(t)
	c.upgrade(t, values(map[string]any{"replicas": 1}))
	now, err := c.objects.Resource(definitions).Get(t.Context(), name, metav1.GetOptions{})
	check(t, err)
	if n := columns(now); n != 2 {
		t.Errorf("the definition has %d columns, want those of the chart", n)
	}
	want := []string{"deployments.apps", "customresourcedefinitions.apiextensions.k8s.io", "secrets", "poddisruptionbudgets.policy"}
	for _, change := range before.change(c.state(t)) {
		_, what, _ := strings.Cut(change, ": ")
		what, _, _ = strings.Cut(what, " ")
		if !slices.Contains(want, what) {
			t.Error(change)
		}
	}
}

func columns(definition *unstructured.Unstructured) int {
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if len(versions) == 0 {
		return 0
	}
	version, _ := versions[0].(map[string]any)
	list, _, _ := unstructured.NestedSlice(version, "additionalPrinterColumns")
	return len(list)
}
