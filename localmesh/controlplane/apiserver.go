package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

const loopback = "127.0.0.1"

// Options are settings of a control plane. The zero value is fine.
type Options struct {
	// Log is told what is built and started; nil for nobody.
	Log io.Writer
	// Flags are passed to kube-apiserver after those that it gets anyway.
	Flags []string
}

// APIServer is a running control plane.
type APIServer struct {
	// Kubeconfig is the path of a file that makes its reader an administrator.
	Kubeconfig string
	// Config is the same for client-go, without a limit on queries.
	Config *rest.Config
	// Dir has everything that was written, logs included.
	Dir string

	processes []*process
}

// Start brings up etcd and kube-apiserver, and builds them first if need be.
// Stop must be called on what it returns. ctx ends the start, not the server.
func Start(ctx context.Context, options Options) (*APIServer, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	paths, err := program.Build(ctx, program.Kubernetes(), options.Log)
	if err != nil {
		return nil, err
	}
	// A free port may be taken by the time a program listens on it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		server, err := start(ctx, paths, options)
		if err == nil || attempt == attempts || ctx.Err() != nil || !errors.Is(err, errEnded) {
			return server, err
		}
		fmt.Fprintf(options.Log, "starting again: %v\n", err)
	}
}

func start(ctx context.Context, paths program.Paths, options Options) (_ *APIServer, err error) {
	dir, err := os.MkdirTemp("", "overrides-localmesh-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &APIServer{Dir: dir, Kubeconfig: filepath.Join(dir, "kubeconfig")}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	address := "https://" + net.JoinHostPort(loopback, ports[2])
	if err := s.writeIdentities(address); err != nil {
		return nil, err
	}
	if err := s.startEtcd(ctx, paths["etcd"], ports[0], ports[1]); err != nil {
		return nil, err
	}
	etcd := "http://" + net.JoinHostPort(loopback, ports[0])
	if err := s.startAPIServer(ctx, paths["kube-apiserver"], etcd, ports[2], options.Flags); err != nil {
		return nil, err
	}
	fmt.Fprintf(options.Log, "kube-apiserver is ready at %s\n", address)
	return s, nil
}

// Stop ends the programs, in the order in which they depend on one another, and
// removes what they wrote.
func (s *APIServer) Stop() error {
	var errs []error
	for _, p := range slices.Backward(s.processes) {
		errs = append(errs, p.stop())
	}
	s.processes = nil
	return errors.Join(append(errs, os.RemoveAll(s.Dir))...)
}

// writeIdentities makes all keys and certificates, and the kubeconfig.
func (s *APIServer) writeIdentities(address string) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	serving, err := ca.server("kube-apiserver", "kubernetes.default.svc")
	if err != nil {
		return err
	}
	admin, err := ca.client("admin", "system:masters")
	if err != nil {
		return err
	}
	private, public, err := signingKeys()
	if err != nil {
		return err
	}
	if err := writeFiles(s.Dir, map[string][]byte{
		"ca.crt": ca.pem, "apiserver.crt": serving.certificate, "apiserver.key": serving.key, "sa.key": private, "sa.pub": public,
	}); err != nil {
		return fmt.Errorf("write certificates: %w", err)
	}
	kubeconfig := clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"localmesh": {Server: address, CertificateAuthorityData: ca.pem}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"admin": {ClientCertificateData: admin.certificate, ClientKeyData: admin.key}},
		Contexts:       map[string]*clientcmdapi.Context{"localmesh": {Cluster: "localmesh", AuthInfo: "admin"}},
		CurrentContext: "localmesh",
	}
	if err := clientcmd.WriteToFile(kubeconfig, s.Kubeconfig); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	s.Config, err = clientcmd.NewDefaultClientConfig(kubeconfig, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	s.Config.QPS = -1
	return nil
}

func (s *APIServer) startEtcd(ctx context.Context, path, clientPort, peerPort string) error {
	client, peer := "http://"+net.JoinHostPort(loopback, clientPort), "http://"+net.JoinHostPort(loopback, peerPort)
	return s.startProgram(ctx, client+"/readyz", http.DefaultTransport, path,
		"--data-dir="+filepath.Join(s.Dir, "etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
}

func (s *APIServer) startAPIServer(ctx context.Context, path, etcd, port string, flags []string) error {
	file := func(name string) string { return filepath.Join(s.Dir, name) }
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.Config.CAData)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	return s.startProgram(ctx, "https://"+net.JoinHostPort(loopback, port)+"/readyz", transport, path, append([]string{
		"--etcd-servers=" + etcd, "--bind-address=" + loopback, "--secure-port=" + port, "--advertise-address=" + loopback,
		"--endpoint-reconciler-type=none", "--cert-dir=" + s.Dir,
		"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"), "--client-ca-file=" + file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + file("sa.pub"), "--service-account-signing-key-file=" + file("sa.key"),
		"--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16", "--profiling=false",
		// Nobody makes service accounts here, without which no Pod would be let in.
		"--disable-admission-plugins=ServiceAccount",
	}, flags...)...)
}

// startProgram starts one program and waits until it answers url with 200.
func (s *APIServer) startProgram(ctx context.Context, url string, transport http.RoundTripper, path string, args ...string) error {
	p, err := startProcess(s.Dir, path, args...)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	client := &http.Client{Transport: transport}
	return p.waitReady(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, response.Status)
		}
		return nil
	})
}

// freePorts returns n ports of loopback that nobody listened on just now.
func freePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	for range n {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		ports = append(ports, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
