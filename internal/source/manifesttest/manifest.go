package manifesttest

import (
	"bufio"
	"fmt"
	"io"
)

// The dimensions of a manifest of about 20 MB.
const (
	Services = 1300
	Versions = 10
)

// Write writes a manifest of so many services to w, each with a Service and a
// Deployment for each of its versions.
func Write(w io.Writer, services, versions int) error {
	b := bufio.NewWriter(w)
	for s := range services {
		namespace := fmt.Sprintf("team-%d", s%20)
		name := fmt.Sprintf("service-%d", s)
		fmt.Fprintf(b, service, name, namespace)
		for v := 1; v <= versions; v++ {
			fmt.Fprintf(b, deployment, name, namespace, fmt.Sprintf("v%d", v), fmt.Sprintf("service-%d", (s+1)%services))
		}
	}
	return b.Flush()
}

const service = `---
apiVersion: v1
kind: Service
metadata:
  name: %[1]s
  namespace: %[2]s
  labels:
    app: %[1]s
    app.kubernetes.io/part-of: shop
spec:
  selector:
    app: %[1]s
  ports:
  - name: http
    port: 80
    targetPort: 8080
  - name: grpc
    port: 9090
    targetPort: 9090
`

const deployment = `---
# Source: shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s-%[3]s
  namespace: %[2]s
  labels:
    app: %[1]s
    version: %[3]s
    app.kubernetes.io/part-of: shop
    helm.sh/chart: shop-1.14.2
spec:
  replicas: 2
  selector:
    matchLabels:
      app: %[1]s
      version: %[3]s
  template:
    metadata:
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8080"
      labels:
        app: %[1]s
        version: %[3]s
    spec:
      serviceAccountName: %[1]s
      containers:
      - name: server
        image: "registry.example.com/shop/%[1]s:%[3]s"
        imagePullPolicy: IfNotPresent
        ports:
        - name: http
          containerPort: 8080
        env:
        - name: PORT
          value: "8080"
        - name: UPSTREAM
          value: 'http://%[4]s:80'
        - name: GREETING
          value: |
            Hello from %[1]s,
            this is %[3]s.
        readinessProbe:
          initialDelaySeconds: 10
          httpGet:
            path: /healthz
            port: 8080
        resources:
          requests: {cpu: 100m, memory: 64Mi}
          limits:
            cpu: 200m
            memory: 128Mi
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
`
