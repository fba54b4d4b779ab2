package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/source"
)

// clusterFlags select the cluster to read, as kubectl's flags do.
type clusterFlags struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
	// orFiles is set if manifests may be given instead of a cluster.
	orFiles bool
	// purpose says why a cluster is needed although manifests are given, and instead
	// names a command that needs none.
	purpose, instead string
}

func (c *clusterFlags) add(flags *pflag.FlagSet) {
	c.addCluster(flags)
	flags.StringVar(&c.overrides.Timeout, "request-timeout", "0", "`time` to wait for a response of the cluster, as in 30s; 0 means no limit")
}

// addCluster adds the flags that select the cluster.
func (c *clusterFlags) addCluster(flags *pflag.FlagSet) {
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig `file` (default $KUBECONFIG, else ~/.kube/config, else the pod's own cluster)")
	flags.StringVar(&c.overrides.CurrentContext, "context", "", "`context` of the kubeconfig to use")
	flags.StringVar(&c.overrides.Context.Cluster, "cluster", "", "`cluster` of the kubeconfig to use")
	flags.StringVar(&c.overrides.Context.AuthInfo, "user", "", "`user` of the kubeconfig to use")
}

// load returns the client configuration of the cluster, and the namespace that the
// kubeconfig names. It contacts nothing.
func (c *clusterFlags) load() (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	rules.WarnIfAllMissing = false
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &c.overrides)
	config, err := loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err), errors.Is(err, rest.ErrNotInCluster):
		return nil, "", c.noCluster(os.Getenv(clientcmd.RecommendedConfigPathEnvVar))
	case errors.Is(err, os.ErrNotExist), clientcmd.IsContextNotFound(err), clientcmd.IsConfigurationInvalid(err):
		return nil, "", usagef("find the cluster: %w", err)
	case err != nil:
		return nil, "", usagef("read the kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, namespace, nil
}

// noCluster returns the error for a missing cluster; env is the value of $KUBECONFIG.
func (c *clusterFlags) noCluster(env string) error {
	var missing []string
	for _, path := range filepath.SplitList(env) {
		if _, err := os.Stat(path); path != "" && errors.Is(err, os.ErrNotExist) {
			missing = append(missing, path)
		}
	}
	give, said := "a cluster", "no cluster"
	switch {
	case c.purpose != "":
		said = "no cluster " + c.purpose
	case c.orFiles:
		give, said = "-f FILE or a cluster", "nothing to read"
	}
	if len(missing) > 0 {
		said = "$KUBECONFIG names " + strings.Join(missing, " and ") + ", which does not exist"
	}
	if c.instead != "" {
		return usagef("%s: give %s (--kubeconfig, --context, $KUBECONFIG, ~/.kube/config); %s", said, give, c.instead)
	}
	return usagef("%s: give %s (--kubeconfig, $KUBECONFIG, ~/.kube/config)", said, give)
}

// readCluster reads the cluster, and sets namespace to the namespace that is asked about;
// empty means all.
func (a *app) readCluster(ctx context.Context, in *input, namespace *string) (*discover.Objects, []diag.Diagnostic, error) {
	config, current, err := in.cluster.load()
	if err != nil {
		return nil, nil, err
	}
	if !in.allNamespaces {
		*namespace = cmp.Or(in.namespace, current)
	}
	objects, diags, err := source.Cluster(ctx, config, source.ClusterOptions{Namespace: *namespace, RootNamespace: in.options.RootNamespace, Security: in.security})
	if errors.Is(err, source.ErrUnreachable) {
		err = fmt.Errorf("%w (name another cluster with --context or --kubeconfig; limit the wait with --request-timeout 10s)", err)
	}
	return objects, diags, err
}
