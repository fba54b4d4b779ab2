package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/test/scale/kwok"
)

const (
	accountNamespace = "overrides-system"
	account          = "overrides-operator"
	// tokenLast exceeds the duration of any run.
	tokenLast = 6 * time.Hour
)

// Cluster is a control plane, and kwok.
type Cluster struct {
	plane *controlplane.Plane
	kwok  *process.Process
	// dir has logs, including the audit log.
	dir string
	// operator is the path of the operator's kubeconfig.
	operator string

	kube    kubernetes.Interface
	objects dynamic.Interface
}

// StartCluster starts an empty cluster, with Istio's kinds, this project's, and the roles
// of the operator. root is the folder of the repository. Call Stop on the result.
func StartCluster(ctx context.Context, root string, log io.Writer) (_ *Cluster, err error) {
	dir, err := os.MkdirTemp("", "overrides-scale-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	c := &Cluster{dir: dir, operator: filepath.Join(dir, "operator.kubeconfig")}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	policy := filepath.Join(dir, "audit.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, fmt.Errorf("write the audit policy: %w", err)
	}
	c.plane, err = controlplane.Start(ctx, controlplane.Options{Log: log, Controllers: true, Flags: []string{
		"--audit-policy-file=" + policy, "--audit-log-path=" + c.auditLog(), "--audit-log-maxsize=10000",
	}})
	if err != nil {
		return nil, err
	}
	if err := c.connect(); err != nil {
		return nil, err
	}
	istio, err := controlplane.IstioCRDs(ctx)
	if err != nil {
		return nil, err
	}
	kinds := filepath.Join(root, "config/crd")
	if err := c.plane.InstallCRDs(ctx, istio, filepath.Join(kinds, "overrides.mesh_overridepolicies.yaml"), filepath.Join(kinds, "overrides.mesh_gatewayoverridepolicies.yaml")); err != nil {
		return nil, err
	}
	if err := c.plane.StartControllers(ctx); err != nil {
		return nil, err
	}
	if err := c.admit(ctx, root); err != nil {
		return nil, err
	}
	c.kwok, err = kwok.Start(ctx, c.plane.Kubeconfig, dir, log)
	return c, err
}

func (c *Cluster) auditLog() string { return filepath.Join(c.dir, "audit.log") }

// Stop ends everything and deletes its files.
func (c *Cluster) Stop() error {
	var errs []error
	if c.kwok != nil {
		errs = append(errs, c.kwok.Stop())
	}
	if c.plane != nil {
		errs = append(errs, c.plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// connect creates the measurer's clients, which have no rate limit.
func (c *Cluster) connect() error {
	config := rest.CopyConfig(c.plane.Config)
	var err error
	if c.objects, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	if c.kube, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return nil
}

// admit creates an account for the operator with the shipped roles, and no others, and a
// kubeconfig.
func (c *Cluster) admit(ctx context.Context, root string) error {
	// The operator reads the mesh configuration in Istio's root namespace, which exists
	// if Istio does.
	mesh := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "istio-system"}}
	if _, err := c.kube.CoreV1().Namespaces().Create(ctx, mesh, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make the root namespace: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(root, "config/install/overrides.yaml"))
	if err != nil {
		return fmt.Errorf("read roles: %w", err)
	}
	objects, err := controlplane.Decode(text)
	if err != nil {
		return fmt.Errorf("decode roles: %w", err)
	}
	for _, o := range objects {
		if kind := o.GetKind(); kind == "Namespace" || kind == "ServiceAccount" || strings.Contains(kind, "Role") {
			if err := c.plane.Apply(ctx, o); err != nil {
				return err
			}
		}
	}
	seconds := int64(tokenLast / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	token, err := c.kube.CoreV1().ServiceAccounts(accountNamespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	admin := c.plane.Config
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"scale": {Server: admin.Host, CertificateAuthorityData: admin.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"operator": {Token: token.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"scale": {Cluster: "scale", AuthInfo: "operator"}},
		CurrentContext: "scale",
	}, c.operator)
}

// auditPolicy logs only the operator's requests.
var auditPolicy = strings.NewReplacer("ACCOUNT", "system:serviceaccount:"+accountNamespace+":"+account).Replace(`apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: ["ACCOUNT"]
  - level: None
`)
