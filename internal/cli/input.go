package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// input holds the flags that select the input and the settings for reading it. All
// commands that read anything have the same ones.
type input struct {
	filenames     []string
	namespace     string
	allNamespaces bool
	cluster       clusterFlags
	options       model.Options
	// now is the time for commands that say what the operator does; zero for others, whose
	// output does not depend on it.
	now           time.Time
	strict, quiet bool
	// forget is set for commands that need the objects only until their snapshot is taken, and
	// nothing of the result but diagnostics, and objects if prints is set, too: their memory is
	// needed afterwards.
	forget, prints bool
	// whole is set for commands that copy Services and workloads.
	whole bool
	// security is set for commands that need the security policies of Istio in any case.
	security bool
	// selector is set for commands that can be restricted to some Services.
	selector string
	// kustomize is the value of a flag that kubectl has and this program does not
	// support.
	kustomize string
}

// addInput adds the flags of an input to cmd, with their completion.
func (a *app) addInput(cmd *cobra.Command) *input {
	in := addInput(cmd)
	a.completeFlags(cmd, &in.cluster, func(ctx context.Context) []string {
		if !in.fromFiles() {
			return nil
		}
		if k := a.know(ctx, in); k != nil {
			return slices.Clone(k.snapshot.Namespaces)
		}
		return []string{}
	})
	return in
}

// addInput adds the flags of an input to cmd.
func addInput(cmd *cobra.Command) *input {
	in := &input{options: model.DefaultOptions()}
	flags := cmd.Flags()
	flags.StringSliceVarP(&in.filenames, "filename", "f", nil, "`file` or folder with manifests, read recursively; - is stdin. Without this flag, a cluster is read. Repeatable")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	flags.StringVarP(&in.kustomize, "kustomize", "k", "", "`folder` of a kustomization")
	_ = flags.MarkHidden("kustomize")
	flags.StringVarP(&in.namespace, "namespace", "n", "", "`namespace` to print results for; with -f, also that of objects without one. Default: the namespace of the kubeconfig; with -f, all, and \"default\" for objects without one")
	flags.BoolVarP(&in.allNamespaces, "all-namespaces", "A", false, "print results for all namespaces of a cluster")
	in.cluster.add(flags)
	in.cluster.orFiles = true
	addModelOptions(flags, &in.options)
	flags.BoolVar(&in.strict, "strict-diagnostics", false, "exit with 1 for warnings too")
	flags.BoolVarP(&in.quiet, "quiet", "q", false, "do not print diagnostics that need no action")
	return in
}

// addModelOptions adds the flags for settings of the whole installation.
func addModelOptions(flags *pflag.FlagSet, o *model.Options) {
	flags.StringVar(&o.Header, "header-name", o.Header, "`name` of the override header")
	flags.StringVar(&o.VersionLabel, "version-label", o.VersionLabel, "pod `label` whose value is the version")
	flags.StringVar(&o.ClusterDomain, "cluster-domain", o.ClusterDomain, "DNS `suffix` of Services")
	flags.StringVar(&o.RootNamespace, "root-namespace", o.RootNamespace, "Istio's root `namespace`, which holds its mesh configuration")
	flags.Var(keyService{&o.Keys}, "token-jwks-service", "`NAME.NAMESPACE[:PORT][/PATH]` of the Service that serves the public keys of override tokens, for policies with access in mode Token that name none")
	for _, f := range exportToFlags(o) {
		flags.StringSliceVar(f.to, f.name, nil, "`namespaces` that see a "+f.kind+" without exportTo: ., * or ~, as in the mesh configuration (default: as configured there)")
	}
	flags.StringSliceVar(&o.CallerNamespaces, "caller-namespace", nil, "`namespace` whose proxies follow overrides, if routes must be limited to some (default all). Repeatable")
	flags.Var(&gatewayDefault{&o.GatewayDefault}, "gateway-default", "what becomes of overrides that come from outside at Gateways without a GatewayOverridePolicy and without the annotation overrides.mesh/follow: Strip removes them, Follow follows them")
	flags.StringSliceVar(&o.GatewayNamespaces, "gateway-namespace", nil, "`namespace` with pods of every Gateway, where the input does not have these pods. Repeatable")
}

// gatewayDefault is the value of the flag --gateway-default.
type gatewayDefault struct{ *model.GatewayDefault }

// Set sets an allowed value (pflag.Value).
func (g *gatewayDefault) Set(value string) error {
	if value != "Strip" && value != "Follow" {
		return errors.New("want Strip or Follow")
	}
	g.Strip, g.In = value == "Strip", model.NamespaceSelector{All: true}
	return nil
}

// String returns the value (pflag.Value).
func (g *gatewayDefault) String() string {
	if g.GatewayDefault != nil && g.Strip {
		return "Strip"
	}
	return "Follow"
}

// Type returns the placeholder for the help (pflag.Value).
func (*gatewayDefault) Type() string { return "Strip|Follow" }

// exportToFlag is a flag for a default of the mesh configuration for one kind.
type exportToFlag struct {
	name, kind string
	to         *[]string
}

func exportToFlags(o *model.Options) []exportToFlag {
	return []exportToFlag{
		{"default-virtual-service-export-to", "VirtualService", &o.Mesh.VirtualServiceExportTo},
		{"default-destination-rule-export-to", "DestinationRule", &o.Mesh.DestinationRuleExportTo},
		{"default-service-export-to", "Service", &o.Mesh.ServiceExportTo},
	}
}

// fromFiles reports whether the input is manifests and not a cluster.
func (in *input) fromFiles() bool { return len(in.filenames) > 0 }

// check returns a usage error for invalid values.
func (in *input) check() error {
	if in.kustomize != "" {
		return usagef("-k: Overrides does not build kustomizations; build it first: kubectl kustomize %s | overrides ... -f -", in.kustomize)
	}
	if in.allNamespaces && in.namespace != "" {
		return usagef("--namespace and --all-namespaces can't be combined")
	}
	if n := count(in.filenames, "-"); n > 1 {
		return usagef("-f -: stdin can be read only once")
	}
	if slices.Contains(in.filenames, "") {
		return usagef("-f: the path is empty")
	}
	if in.namespace != "" {
		if err := grammar.ValidateNamespace(in.namespace); err != nil {
			return usagef("--namespace: %w", err)
		}
	}
	if _, err := in.readSelector(); err != nil {
		return err
	}
	return checkOptions(&in.options)
}

func checkOptions(o *model.Options) error {
	if err := checkHeaderName(&o.Header); err != nil {
		return err
	}
	if err := discover.ValidateLabelKey(o.VersionLabel); err != nil {
		return usagef("--version-label: %q: %w", o.VersionLabel, err)
	}
	if len(validation.IsDNS1123Subdomain(o.ClusterDomain)) > 0 {
		return usagef("--cluster-domain: %q: want a domain of a-z, 0-9 and \"-\", such as cluster.local", o.ClusterDomain)
	}
	if err := grammar.ValidateNamespace(o.RootNamespace); err != nil {
		return usagef("--root-namespace: %w", err)
	}
	for _, f := range []struct {
		name string
		in   []string
	}{{"caller-namespace", o.CallerNamespaces}, {"gateway-namespace", o.GatewayNamespaces}} {
		for _, n := range f.in {
			if err := grammar.ValidateNamespace(n); err != nil {
				return usagef("--%s: %w", f.name, err)
			}
		}
	}
	for _, f := range exportToFlags(o) {
		for _, n := range *f.to {
			if slices.Contains([]string{".", "*", "~"}, n) {
				continue
			}
			if err := grammar.ValidateNamespace(n); err != nil {
				return usagef("--%s: %w", f.name, err)
			}
		}
	}
	return nil
}

// defaultNamespace is the namespace of objects in files that name none.
func (in *input) defaultNamespace() string { return cmp.Or(in.namespace, "default") }

// place names the input, for messages.
func (in *input) place() string {
	if in.fromFiles() {
		return strings.Join(in.filenames, ", ")
	}
	return "the cluster"
}

func count(list []string, value string) int {
	n := 0
	for _, s := range list {
		if s == value {
			n++
		}
	}
	return n
}

// headerValues is a repeatable flag for headers, written as for curl.
type headerValues map[string][]string

// Set parses "Name: value" (pflag.Value).
func (h headerValues) Set(line string) error {
	name, value, found := strings.Cut(line, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if !found || name == "" {
		return fmt.Errorf("want 'name: value'")
	}
	if !isToken(name) {
		return fmt.Errorf("%q is not a header name", name)
	}
	h[name] = append(h[name], strings.Trim(value, " \t"))
	return nil
}

// isToken reports whether s is a token (RFC 9110 §5.6.2): a method, or in lower case the
// name of a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// String returns the default value for the help (pflag.Value).
func (h headerValues) String() string { return "" }

// Type returns the placeholder for the help (pflag.Value).
func (h headerValues) Type() string { return "header" }
