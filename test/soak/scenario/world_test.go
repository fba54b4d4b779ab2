package scenario_test

import (
	"fmt"
	"os/exec"
	"strings"
)

func command(path string, args ...string) *exec.Cmd {
	return exec.Command(path, args...) //nolint:noctx // it ends with the test
}

// text is a manifest for the namespaces of s.
func (s *scene) text(manifest string) string {
	return strings.NewReplacer("NAMESPACE", s.namespace, "CALLERS", s.callers).Replace(manifest)
}

// services are shop and control, and the namespaces of their pods and callers.
const services = `
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE, labels: {istio-injection: enabled, overrides.mesh/enabled: "true"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: CALLERS, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: NAMESPACE}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: control, namespace: NAMESPACE, annotations: {overrides.mesh/managed: "false"}}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
`

// clientIn is the calling pod of a namespace.
func clientIn(namespace string) string {
	return `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: ` + namespace + `}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec: {containers: [{name: sample, image: sample, env: [{name: MODE, value: echo}]}]}
`
}

// deployment is a Deployment behind shop.
type deployment struct {
	name, version, startup string
	replicas               string
	loose, dead            bool
	labels                 []string
}

func parseDeployment(args []string) (deployment, error) {
	if len(args) < 2 {
		return deployment{}, fmt.Errorf("usage: deploy NAME VERSION [WORD…]")
	}
	d := deployment{name: args[0], version: args[1], startup: "0s", replicas: "1"}
	for _, word := range args[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "startup":
			d.startup = value
		case "replicas":
			d.replicas = value
		case "loose":
			d.loose = true
		case "dead":
			d.startup, d.dead = "1h", true
		default:
			d.labels = append(d.labels, fmt.Sprintf("%s: %q", name, value))
		}
	}
	return d, nil
}

// manifest is d as YAML. Its pods have no sidecar, since none of their callers needs one.
func (d *deployment) manifest() string {
	selector := "{app: shop, workload: " + d.name + "}"
	labels := append([]string{"app: shop", fmt.Sprintf("version: %q", d.version), `sidecar.istio.io/inject: "false"`}, d.labels...)
	if d.loose {
		selector = "{app: shop}"
	} else {
		labels = append(labels, "workload: "+d.name)
	}
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: NAMESPACE}
spec:
  replicas: %s
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: %s}
  template:
    metadata: {labels: {%s}}
    spec:
      containers:
      - name: sample
        image: sample
        env:
        - {name: NAME, value: shop}
        - {name: VERSION, valueFrom: {fieldRef: {fieldPath: "metadata.labels['version']"}}}
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: READY_AFTER, value: %s}
        - {name: DRAIN, value: 4s}
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 20}
`, d.name, d.replicas, selector, strings.Join(labels, ", "), d.startup)
}
