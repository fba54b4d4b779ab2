package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"path/filepath"
)

// serviceCIDR is the range of cluster IPs.
const serviceCIDR = "10.96.0.0/16"

func (p *Plane) startEtcd(ctx context.Context, path, clientPort, peerPort string) error {
	client, peer := "http://"+net.JoinHostPort(loopback, clientPort), "http://"+net.JoinHostPort(loopback, peerPort)
	return p.start(ctx, command{path: path, dir: p.Dir, ready: getReady(http.DefaultTransport, client+"/readyz"), args: []string{
		"--data-dir=" + filepath.Join(p.Dir, "etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
	}})
}

func (p *Plane) startAPIServer(ctx context.Context, path, etcd, port string, flags []string) error {
	file := func(name string) string { return filepath.Join(p.Dir, name) }
	return p.start(ctx, command{path: path, dir: p.Dir, ready: getReady(p.transport(), "https://"+net.JoinHostPort(loopback, port)+"/readyz"), args: append([]string{
		"--etcd-servers=" + etcd, "--bind-address=" + p.bind, "--secure-port=" + port, "--advertise-address=" + loopback,
		"--endpoint-reconciler-type=none", "--cert-dir=" + p.Dir,
		"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"), "--client-ca-file=" + file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc", "--api-audiences=https://kubernetes.default.svc,istio-ca",
		"--service-account-key-file=" + file("sa.pub"), "--service-account-signing-key-file=" + file("sa.key"),
		"--authorization-mode=RBAC", "--service-cluster-ip-range=" + serviceCIDR, "--profiling=false", "--allow-privileged=true",
	}, flags...)})
}

// transport trusts certificates of the plane's own authority.
func (p *Plane) transport() http.RoundTripper {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(p.authority.pem)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
}
