package operator_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/test/install/release"
)

const (
	chartFolder   = "../../charts/overrides"
	rootNamespace = "istio-system"
)

// features are the values of the chart that turn everything on.
var features = sync.OnceValues(func() (map[string]any, error) { return release.Features(chartFolder) })

// chartRights returns what the chart with all its features has for permissions, installed into
// a namespace, with names that begin with that of the namespace.
func chartRights(ctx context.Context, namespace string) ([]*unstructured.Unstructured, error) {
	values, err := features()
	if err != nil {
		return nil, err
	}
	values = maps.Clone(values)
	values["fullnameOverride"], values["rootNamespace"], values["rbac"] = namespace, rootNamespace, map[string]any{"aggregate": false}
	values["istioRevisions"] = []any{"canary"}
	text, err := release.Template(ctx, chartFolder, namespace, values)
	if err != nil {
		return nil, err
	}
	// The tests' operators ask for a token of the account of an ordinary installation.
	text = strings.ReplaceAll(text, namespace+"-istiod-reader", "overrides-istiod-reader")
	objects, err := controlplane.Decode([]byte(text))
	return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return !slices.Contains(rights, o.GetKind()) }), err
}

// installRights installs the chart's permissions into the namespace, and sets the configuration
// of the operator's ServiceAccount. Some tests use their namespace as Istio's root namespace, so
// it gets the Roles of that one too.
func (s *shop) installRights(t *testing.T) {
	t.Helper()
	s.root(t)
	objects, err := chartRights(t.Context(), s.namespace)
	check(t, err)
	for _, o := range objects {
		if o.GetNamespace() == rootNamespace {
			also := o.DeepCopy()
			also.SetNamespace(s.namespace)
			objects = append(objects, also)
		}
	}
	check(t, s.plane.Apply(t.Context(), objects...))
	// No test takes that long.
	seconds := int64(3 * 60 * 60)
	answer, err := s.kube.CoreV1().ServiceAccounts(s.namespace).CreateToken(t.Context(), s.namespace+"-operator", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
	}, metav1.CreateOptions{})
	check(t, err)
	s.config = rest.AnonymousClientConfig(s.plane.Config)
	s.config.BearerToken, s.config.QPS = answer.Status.Token, -1
	s.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	check(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"plane": {Server: s.config.Host, CertificateAuthorityData: s.config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"operator": {Token: s.config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{"plane": {Cluster: "plane", AuthInfo: "operator"}},
		CurrentContext: "plane",
	}, s.kubeconfig))
}
