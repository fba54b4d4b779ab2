package cli

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// namespaceFlags are the flags whose values are namespaces.
var namespaceFlags = []string{"namespace", "namespaces", "caller-namespace", "root-namespace", "lease-namespace", "webhook-namespace"}

// completeFlags makes the shell complete the flags of cmd that select a cluster, and
// those whose values are namespaces of the cluster, or of files if files returns any.
func (a *app) completeFlags(cmd *cobra.Command, c *clusterFlags, files func(context.Context) []string) {
	_ = cmd.MarkFlagFilename("kubeconfig")
	complete := func(flag string, f cobra.CompletionFunc) {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, f)
		}
	}
	complete("context", completed(c.names(func(k *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(k.Contexts)) })))
	complete("cluster", completed(c.names(func(k *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(k.Clusters)) })))
	complete("user", completed(c.names(func(k *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(k.AuthInfos)) })))
	for _, flag := range namespaceFlags {
		complete(flag, completedList(func(ctx context.Context, _ string) []cobra.Completion {
			if found := files(ctx); found != nil {
				return found
			}
			return c.namespaces(ctx)
		}))
	}
}

// names lists names in the kubeconfig.
func (c *clusterFlags) names(of func(*clientcmdapi.Config) []string) candidates {
	return func(context.Context, string) []cobra.Completion {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.ExplicitPath, rules.WarnIfAllMissing = c.kubeconfig, false
		config, err := rules.Load()
		if err != nil {
			return nil
		}
		return slices.Sorted(slices.Values(of(config)))
	}
}

// namespaces lists the namespaces of the cluster.
func (c *clusterFlags) namespaces(ctx context.Context) []cobra.Completion {
	c.limit(completionTimeout)
	config, _, err := c.load()
	if err != nil {
		return nil
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil
	}
	list, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	out := make([]cobra.Completion, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, list.Items[i].GetName())
	}
	slices.Sort(out)
	return out
}

// limit bounds the time to wait for a response of the cluster, unless a flag does.
func (c *clusterFlags) limit(to time.Duration) {
	if c.overrides.Timeout == "" || c.overrides.Timeout == "0" {
		c.overrides.Timeout = to.String()
	}
}
