package preview_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/preview"
)

// TestContract: every preview of drawn manifests keeps the contract.
func TestContract(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := manifests(t)
		request := preview.Request{
			Service: "cart", Namespace: "shop", Image: "new:1", Replicas: 1, Container: "cart",
			Version:  pick(t, "version", "pr-118", "pr-118", "v2", "Feature_X.1", "stable", strings.Repeat("a", 63)),
			Isolated: rapid.IntRange(0, 4).Draw(t, "isolated") == 4,
		}
		if rapid.IntRange(0, 2).Draw(t, "elsewhere") == 2 {
			request.Home, text = "pr-118", text+"---\n"+home(t)
		}
		t.Logf("%+v of\n%s", request, text)
		keepsContract(t, text, request, pick(t, "where", files, cluster))
	})
}

// home draws what is in the namespace of a preview, and its permission.
func home(t *rapid.T) string {
	parts := []string{`apiVersion: overrides.mesh/v1alpha1
kind: OverridePolicy
metadata: {name: previews, namespace: shop}
spec: {targetRefs: [{kind: Service, name: cart}], previews: {namespaces: {from: All}}}
`}
	for label, document := range map[string]string{
		"a workload there":                  workload("Deployment", "cart", "matchLabels: {app: cart}", "app: cart, tier: web"),
		"another preview there":             workload("Deployment", "cart-pr-118", "matchLabels: {app: cart}", "app: cart, tier: web"),
		"a Service of its own there":        service("cart", "app: cart", "ports: [{name: http, port: 80}]"),
		"a Service for everything":          service("all", "tier: web", "ports: [{name: http, port: 80}]"),
		"a Service with the preview's name": service("cart-pr-118", "app: web", "ports: [{name: http, port: 80}]"),
	} {
		if rapid.IntRange(1, 4).Draw(t, label) == 4 {
			parts = append(parts, strings.ReplaceAll(document, "namespace: shop", "namespace: pr-118"))
		}
	}
	return strings.Join(parts, "---\n")
}

func pick[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

// manifests draws a Service, what is behind it, and what is beside it.
func manifests(t *rapid.T) string {
	parts := []string{baseService(t), released(t)}
	add := func(label string, odds int, document string) {
		if rapid.IntRange(1, odds).Draw(t, label) == odds {
			parts = append(parts, document)
		}
	}
	add("a version", 3, workload("Deployment", "cart-v2", "matchLabels: {app: cart, version: v2}", "app: cart, tier: web, version: v2, app.kubernetes.io/name: cart, app.kubernetes.io/instance: b"))
	add("another preview", 3, workload("Deployment", "cart-pr-7", "matchLabels: {app: cart, version: pr-7}", `app: cart, tier: web, version: pr-7, overrides.mesh/preview: "true"`))
	add("of the same name", 3, workload("Deployment", "web-pr-118", "matchLabels: {app: web, version: pr-118}", `app: web, tier: web, version: pr-118, overrides.mesh/preview: "true"`))
	add("another workload", 2, workload("StatefulSet", "web", pick(t, "selector of web", "matchLabels: {app: web}", "matchExpressions: [{key: app, operator: In, values: [web]}]"), "app: web, tier: web"))
	add("a wide selector", 6, workload("Deployment", "any", "matchExpressions: [{key: tier, operator: Exists}, {key: app, operator: NotIn, values: [web]}]", "tier: other"))
	add("another Service", 3, service("metrics", "tier: web", "ports: [{name: http, port: 80}]"))
	add("a headless Service", 4, service("cart-nodes", "app: cart", "clusterIP: None, ports: [{name: http, port: 80}]"))
	add("a name that is taken", 8, service("cart-pr-118", "app: web", "ports: [{name: http, port: 80}]"))
	add("a rule", 4, rule)
	add("routes", 4, routes)
	add("a Canary", 8, "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: cart, namespace: shop}\nspec: {targetRef: {kind: Deployment, name: cart}, service: {port: 80}}\n")
	return strings.Join(rapid.Permutation(parts).Draw(t, "order"), "---\n")
}

const (
	rule   = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: cart, namespace: shop}\nspec: {host: cart, subsets: [{name: one, labels: {version: v1}}]}\n"
	routes = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: cart, namespace: shop}\nspec: {hosts: [cart], http: [{timeout: 3s, route: [{destination: {host: cart}}]}]}\n"
)

func baseService(t *rapid.T) string {
	selector := pick(t, "selector of the Service", "app: cart", "app: cart", "app: cart, tier: web", "app.kubernetes.io/name: cart, app.kubernetes.io/instance: a", "app: cart, version: v1", "tier: web")
	ports := pick(t, "ports", "ports: [{name: http, port: 80, targetPort: http}]", "ports: [{port: 80}]", "ports: [{name: http, port: 80}, {name: tcp-db, port: 90}]",
		"type: NodePort, ports: [{name: http, port: 80, nodePort: 30080}]", "type: LoadBalancer, clusterIP: 10.0.0.1, loadBalancerClass: x, ports: [{name: http, port: 80}]",
		"clusterIP: None, ports: [{name: http, port: 80}]", "ports: [{name: tcp, port: 80}]")
	return service("cart", selector, ports)
}

func service(name, selector, rest string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: shop, labels: {helm.sh/chart: x}}\nspec: {selector: {%s}, %s}\n", name, selector, rest)
}

// released draws the workload that is most likely released.
func released(t *rapid.T) string {
	selector := pick(t, "selector", "matchLabels: {app: cart}", "matchLabels: {app: cart, version: v1}", "matchLabels: {app: cart, track: stable}", "matchLabels: {track: stable}",
		"matchLabels: {app.kubernetes.io/name: cart, app.kubernetes.io/instance: a}", "matchExpressions: [{key: app, operator: In, values: [cart]}]",
		"matchLabels: {app: cart}, matchExpressions: [{key: version, operator: NotIn, values: [v9]}]", "matchExpressions: [{key: helm.sh/chart, operator: Exists}, {key: track, operator: Exists}]")
	labels := pick(t, "labels", "", "version: v1, ") + "app: cart, tier: web, track: stable, helm.sh/chart: cart-1, app.kubernetes.io/name: cart, app.kubernetes.io/instance: a, app.kubernetes.io/managed-by: Helm"
	kind := pick(t, "kind", "Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout")
	name := pick(t, "name", "cart", "cart", "cart-primary", "cart.v1", strings.Repeat("long-name-", 6)+"cart")
	if kind == "Rollout" && rapid.Bool().Draw(t, "workloadRef") {
		return workload("Deployment", "template", selector, labels) + "---\n" +
			fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s, namespace: shop}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: template}, selector: {%s}, strategy: {canary: {}}}\n", name, selector)
	}
	return workload(kind, name, selector, labels)
}

func workload(kind, name, selector, labels string) string {
	// What is released is older.
	created := "2026-02-01T00:00:00Z"
	if strings.Contains(labels, "track") {
		created = "2026-01-01T00:00:00Z"
	}
	version, extra := "apps/v1", ""
	switch kind {
	case "Rollout":
		version, extra = "argoproj.io/v1alpha1", "strategy: {canary: {steps: [{setWeight: 20}]}}, "
	case "Deployment":
		extra = "replicas: 3, paused: true, strategy: {type: Recreate}, "
	case "StatefulSet":
		extra = "serviceName: x, replicas: 2, "
	}
	apart := ""
	if strings.Contains(labels, "version: v1, app") {
		apart = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, labelSelector: {matchLabels: {tier: web}}}]}}, topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {track: stable}}}], "
	}
	return fmt.Sprintf(`apiVersion: %s
kind: %s
metadata:
  name: %s
  namespace: shop
  uid: 0-1-2
  resourceVersion: "7"
  labels: {app.kubernetes.io/managed-by: Helm, app.kubernetes.io/instance: a, helm.sh/chart: cart-1, team: shop}
  annotations: {meta.helm.sh/release-name: cart, deployment.kubernetes.io/revision: "3", argocd.argoproj.io/tracking-id: x, note: kept}
  creationTimestamp: %s
  ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: x}]
  finalizers: [x/y]
spec: {%sselector: {%s}, template: {metadata: {labels: {%s}}, spec: {%snodeName: node-1, containers: [{name: cart, image: "old:1", ports: [{name: http, containerPort: 8080, hostPort: 9}]}, {name: istio-proxy, image: auto}]}}}
status: {replicas: 3}
`, version, kind, name, created, extra, selector, labels, apart)
}
