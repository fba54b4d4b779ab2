package controlplane

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/overrides-mesh/overrides/localmesh/port"
	"github.com/overrides-mesh/overrides/localmesh/program"
)

// controllers are those that turn Deployments and the like into Pods, and Pods into
// endpoints. None of them watches nodes, which they would consider dead.
var controllers = strings.Join([]string{
	"namespace-controller", "serviceaccount-controller", "serviceaccount-token-controller", "root-ca-certificate-publisher-controller",
	"endpointslice-controller", "endpoints-controller", "endpointslice-mirroring-controller",
	"deployment-controller", "replicaset-controller", "statefulset-controller", "daemonset-controller", "job-controller",
	"disruption-controller", "garbage-collector-controller", "clusterrole-aggregation-controller", "validatingadmissionpolicy-status-controller",
}, ",")

// StartControllers starts kube-controller-manager.
func (p *Plane) StartControllers(ctx context.Context) error {
	paths, err := program.Build(ctx, program.Kubernetes(), p.log)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(p.Dir, "controllers.kubeconfig")
	if _, err := p.writeKubeconfig(kubeconfig, "system:kube-controller-manager"); err != nil {
		return err
	}
	ports, err := port.Free(ctx, 1)
	if err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(p.Dir, name) }
	url := "https://" + net.JoinHostPort(loopback, ports[0]) + "/healthz"
	err = p.start(ctx, command{path: paths["kube-controller-manager"], dir: p.Dir, ready: getReady(p.transport(), url), args: []string{
		"--kubeconfig=" + kubeconfig, "--bind-address=" + loopback, "--secure-port=" + ports[0],
		"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"),
		"--leader-elect=false", "--use-service-account-credentials=true", "--profiling=false",
		"--service-account-private-key-file=" + file("sa.key"), "--root-ca-file=" + file("ca.crt"),
		"--cluster-signing-cert-file=" + file("ca.crt"), "--cluster-signing-key-file=" + file("ca.key"),
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--controllers=" + controllers,
	}})
	if err != nil {
		return fmt.Errorf("start controllers: %w", err)
	}
	return nil
}
