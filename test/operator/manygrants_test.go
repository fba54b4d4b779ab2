package operator_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

// TestManyGrants: a steady rate of grants that are created and deleted costs the operator a
// bounded number of requests for each, and leaves nothing. OVERRIDES_GRANTS is their number.
func TestManyGrants(t *testing.T) {
	number := 200
	if text := os.Getenv("OVERRIDES_GRANTS"); text != "" {
		_, err := fmt.Sscan(text, &number)
		check(t, err)
	}
	const each = time.Second / 20
	o := openOffice(t, "many")
	_, err := o.objects.Resource(grantPolicies).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "overrides.mesh/v1alpha1", "kind": "OverrideGrantPolicy", "metadata": map[string]any{"name": "many"}, "spec": map[string]any{"maxGrants": int64(10000)},
	}}, metav1.CreateOptions{})
	check(t, err)
	t.Cleanup(func() {
		_ = o.objects.Resource(grantPolicies).Delete(context.WithoutCancel(t.Context()), "many", metav1.DeleteOptions{})
	})
	r := run(t, o.operator, o.options)
	o.make(t, "first", "cart:v2", nil)
	o.grantIs(t, "first", "Accepted=True", "Programmed=True")
	_ = r.meter.Requests()
	began := time.Now()
	paced(t, number, each, func(i int) { o.make(t, fmt.Sprintf("g-%d", i), "cart:v2", nil) })
	created := time.Since(began)
	_, keys := keySet(t, o.options.Grants.Address)
	var list []v1alpha1.OverrideGrant
	eventually(t, "all have tokens", func(ctx context.Context) string {
		if list, err = o.list(ctx); err != nil {
			return err.Error()
		}
		for i := range list {
			if !meta.IsStatusConditionTrue(list[i].Status.Conditions, "Programmed") {
				return list[i].Name + " has none"
			}
		}
		return ""
	})
	answered := time.Since(began)
	ids := map[string]bool{}
	slowest := time.Duration(0)
	for i := range list {
		g := &list[i]
		if _, _, err := o.token(t.Context(), g, keys); err != nil {
			t.Errorf("%s: %v", g.Name, err)
		}
		ids[g.Status.ID] = true
		accepted := meta.FindStatusCondition(g.Status.Conditions, "Programmed")
		slowest = max(slowest, accepted.LastTransitionTime.Sub(g.CreationTimestamp.Time))
	}
	if len(list) != number+1 || len(ids) != number+1 {
		t.Errorf("%d grants with %d IDs, want %d", len(list), len(ids), number+1)
	}
	requests := countRequests(r)
	paced(t, number, each, func(i int) {
		check(t, o.grants(t, o.granter).Delete(t.Context(), fmt.Sprintf("g-%d", i), metav1.DeleteOptions{}))
	})
	began = time.Now()
	eventually(t, "nothing is left", func(ctx context.Context) string {
		secrets, err := o.kube.CoreV1().Secrets(o.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=overrides"})
		if err != nil || len(secrets.Items) != 1 {
			return fmt.Sprintf("%d Secrets, %v", len(secrets.Items), err)
		}
		return ""
	})
	gone := time.Since(began)
	deletions := countRequests(r)
	t.Logf("%d grants created in %v, all answered %v later; at most %v from a creation to its token (whole seconds)", number, created.Round(time.Millisecond), (answered - created).Round(time.Millisecond), slowest)
	t.Logf("requests of the operator while they were created: %v; while they were deleted: %v; nothing was left %v after the last deletion", requests, deletions, gone.Round(time.Millisecond))
	for what, n := range requests {
		if n > number+number/10+10 {
			t.Errorf("%d requests %s for %d grants", n, what, number)
		}
	}
	for what, n := range deletions {
		if n > number/10+10 {
			t.Errorf("%d requests %s while %d grants were deleted", n, what, number)
		}
	}
	r.noneForbidden(t)
}

// paced calls f a number of times, once in each interval.
func paced(t *testing.T, n int, each time.Duration, f func(i int)) {
	t.Helper()
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	for i := range n {
		f(i)
		<-ticker.C
	}
}

// countRequests counts the operator's requests since the last call, by method and resource.
func countRequests(r *running) map[string]int {
	out := map[string]int{}
	for _, request := range r.meter.Requests() {
		if resource := resourceOf(request.Path); resource != "leases" {
			out[request.Method+" "+resource]++
		}
	}
	return out
}

// resourceOf returns the resource of a path: /api/v1/… or /apis/GROUP/VERSION/…, then perhaps
// namespaces/NAME, then RESOURCE[/NAME[/SUBRESOURCE]].
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	head := 2
	if parts[0] == "apis" {
		head = 3
	}
	if parts = parts[min(head, len(parts)):]; len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch len(parts) {
	case 0:
		return ""
	case 1, 2:
		return parts[0]
	}
	return parts[0] + "/" + parts[2]
}
