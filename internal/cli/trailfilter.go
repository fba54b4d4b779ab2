package cli

import (
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/trail"
)

const trailFilterLong = `Filter prints the EnvoyFilter with which proxies report requests with overrides to a
collector, as the chart installs it with trail.enabled. Proxies in Istio's root namespace and
in all others have it, or those of the namespaces that are named.

The filter adds one access log to each proxy. It changes no access log of yours, and logs no
request without an override. It is applied once: applying another one cuts requests that are
longer than Istio's drain time, 45 seconds by default; applying it unchanged does nothing. It
needs Istio 1.26 (Envoy 1.34) or newer; older proxies report nothing.`

const trailFilterExamples = `# for all proxies of the mesh
overrides trail filter | kubectl apply -f -

# for those of some namespaces, and a collector elsewhere
overrides trail filter --namespaces shop,ingress --collector trail.tools.svc.cluster.local:9911`

// trailFilterOptions are the flags of trail filter.
type trailFilterOptions struct {
	namespaces        []string
	collector, header string
}

func (a *app) trailFilterCommand() *cobra.Command {
	defaults := model.DefaultOptions()
	o := &trailFilterOptions{}
	cmd := &cobra.Command{
		Use:     "filter",
		Short:   "Print the EnvoyFilter with which proxies report requests with overrides",
		Long:    trailFilterLong,
		Example: a.examples(trailFilterExamples),
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			a.running = true
			return a.trailFilter(o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.namespaces, "namespaces", []string{defaults.RootNamespace}, "`namespaces` whose proxies report; Istio's root namespace stands for all")
	flags.StringVar(&o.collector, "collector", "overrides-trail.overrides-system.svc."+defaults.ClusterDomain+":9911", "`HOST:PORT` of the collector: the name in DNS of its headless Service")
	flags.StringVar(&o.header, "header-name", defaults.Header, "`name` of the override header")
	return cmd
}

func (a *app) trailFilter(o *trailFilterOptions) error {
	if err := checkHeaderName(&o.header); err != nil {
		return err
	}
	host, portText, err := net.SplitHostPort(o.collector)
	port, bad := strconv.ParseUint(portText, 10, 16)
	if err != nil || bad != nil || port == 0 || len(validation.IsDNS1123Subdomain(strings.TrimSuffix(host, "."))) > 0 {
		return usagef("--collector: %q: want HOST:PORT, such as overrides-trail.overrides-system.svc.cluster.local:9911", o.collector)
	}
	var objects []encoded.Object
	for _, namespace := range o.namespaces {
		if err := grammar.ValidateNamespace(namespace); err != nil {
			return usagef("--namespaces: %w", err)
		}
		object, err := trail.Filter(&trail.Reporting{Namespace: namespace, Host: host, Port: uint32(port), Header: o.header})
		if err != nil {
			return err
		}
		objects = append(objects, object)
	}
	return writeDocuments(a.Out, objects)
}
