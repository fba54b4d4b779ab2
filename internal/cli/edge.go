package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/token"
)

const edgeLong = `Edge prints an EnvoyFilter for the pods of an ingress gateway. Before the gateway routes
a request, the filter removes the override header and overrides in baggage that came with it
(--header Strip, the default), and makes an override header of what a browser can send:

  the host pr-118.preview.shop.example.com       x-override: *:pr-118
  the cookie x-override=pr-118                   x-override: *:pr-118
  the cookie x-override=web:v2~cart:v2           x-override: web:v2,cart:v2

The filter names no version, so it is applied once. Applying another one cuts requests that
are longer than Istio's drain time, 45 seconds by default; applying it unchanged does nothing.
It needs Istio 1.26 (Envoy 1.34) or newer; older proxies get no filter.

With --link, a link such as https://shop.example.com/cart?x-override=pr-118 sets the cookie.

With --with-hosts, edge also prints a Gateway and VirtualServices that serve the preview
hosts, as copies of those of the ordinary host.

With --require or --ext-authz, edge also prints an AuthorizationPolicy that guards requests
with an override. Tokens are checked by a RequestAuthentication of yours.

If the input has a GatewayOverridePolicy for the Gateway, edge prints what it asks for. Flags
must not say the same then. A Gateway of the Gateway API needs such a policy.

The labels and the namespace of the gateway's pods come from the input. No input is read if
--selector and --gateway-namespace name them, unless -f or --with-hosts is given.`

const edgeExamples = `# only remove overrides that come from outside
overrides edge public -n ingress --selector istio=ingressgateway --gateway-namespace istio-system

# preview hosts and a cookie, for the gateway in the cluster
overrides edge public -n ingress --preview-host '*.preview.shop.example.com=shop.example.com' --cookie x-override

# with the Gateway and the VirtualServices that preview hosts need
overrides edge public -n ingress -f deploy/ --preview-host '*.preview.shop.example.com=shop.example.com' --with-hosts > edge.yaml`

// edgeOptions are the flags of edge.
type edgeOptions struct {
	*input
	edge.Request
	output, policy format
	selector       string
	previewHosts   []string
	// keys is the file with the public keys of tokens, and tokens what else is said about these.
	keys   string
	tokens edge.Tokens
	// claim, issuer and soft are the required claim.
	claim, issuer string
	soft          bool
	// said is set if flags say what a policy would say.
	said bool
}

func (a *app) edgeCommand() *cobra.Command {
	o := &edgeOptions{policy: format{value: string(edge.Strip), allowed: []string{string(edge.Strip), string(edge.Trust), string(edge.Token)}}}
	cmd := &cobra.Command{
		Use:               "edge GATEWAY[.NAMESPACE]",
		Short:             "Print an EnvoyFilter with which a gateway takes overrides from hosts and cookies",
		Long:              edgeLong,
		Example:           a.examples(edgeExamples),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.edge(ctx, o, args[0])
		}),
	}
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		for _, name := range []string{"header", "token-jwks", "token-cookie", "token-link", "preview-host", "cookie", "link", "require", "ext-authz"} {
			o.said = o.said || cmd.Flags().Changed(name)
		}
	}
	flags := cmd.Flags()
	flags.Var(&o.policy, "header", "what becomes of overrides that a request brings: Strip removes them, Trust keeps them, Token removes them and follows what a valid token permits. The mode Claim needs a GatewayOverridePolicy")
	flags.StringVar(&o.keys, "token-jwks", "", "with --header Token, `file` with the public keys of tokens (overrides token jwks)")
	flags.StringVar(&o.tokens.Issuer, "token-issuer", token.DefaultIssuer, "`name` that the claim iss of tokens must have")
	flags.StringVar(&o.tokens.Audience, "token-audience", token.DefaultAudience, "`name` that the claim aud of tokens must have")
	flags.DurationVar(&o.tokens.MaxLifetime, "token-max-lifetime", token.DefaultMaxLifetime, "`longest` lifetime of a token that is accepted")
	flags.StringVar(&o.tokens.Cookie, "token-cookie", "", "`name` of a cookie with a token")
	flags.BoolVar(&o.tokens.Link, "token-link", false, "answer GET requests with ?x-override-token=TOKEN by setting that cookie, and lead to the page without it")
	flags.StringArrayVar(&o.previewHosts, "preview-host", nil, "`*.DOMAIN=HOST`: requests for NAME.DOMAIN ask for the set NAME, and are otherwise like those for HOST. Repeatable")
	flags.StringVar(&o.Cookie, "cookie", "", "`name` of a cookie that asks for a set, or for up to three members joined by ~")
	flags.BoolVar(&o.Link, "link", false, "answer GET requests with ?x-override=VALUE by setting the cookie, and lead to the page without it")
	flags.StringVar(&o.claim, "require", "", "`CLAIM=VALUE[,VALUE...]` that the user's token must have for overrides; others get 403")
	flags.StringVar(&o.issuer, "require-issuer", "", "`issuer` of that token, for which the gateway needs a RequestAuthentication")
	flags.BoolVar(&o.soft, "soft", false, "with --require: requests without the claim lose the override, instead of getting 403")
	flags.StringVar(&o.Provider, "ext-authz", "", "`name` of the external authorizer, in the mesh configuration, that is asked about requests with an override")
	flags.StringVar(&o.selector, "selector", "", "`labels` of the gateway's pods, as in istio=ingressgateway (default the selector of the Gateway)")
	flags.BoolVar(&o.WithHosts, "with-hosts", false, "also print the Gateway and the VirtualServices that serve the preview hosts")
	flags.StringVar(&o.Credential, "credential-name", "", "`Secret` with the certificate of the preview hosts, for servers with TLS")
	addFormat(cmd, &o.output, "output format", "yaml", "json")
	o.input = a.addInput(cmd)
	return cmd
}

func (a *app) edge(ctx context.Context, o *edgeOptions, gateway string) error {
	if looksLikePath(gateway) {
		return &usageError{givenWithF(a.name+" edge GATEWAY", gateway)}
	}
	if err := a.checkEdge(o); err != nil {
		return err
	}
	o.Gateway, o.Namespace, _ = strings.Cut(gateway, ".")
	if o.Namespace = cmp.Or(o.Namespace, o.namespace); o.Namespace != "" {
		if err := grammar.ValidateNamespace(o.Namespace); err != nil {
			return usagef("%s: %w", gateway, err)
		}
	}
	snapshot, diags, err := a.edgeInput(ctx, o)
	if err != nil {
		return err
	}
	if o.Namespace, err = namespaceOf(snapshot, o.Gateway, o.Namespace); err != nil {
		return err
	}
	if err := o.usePolicy(snapshot); err != nil {
		return err
	}
	switch {
	case o.By.Name == "" && isInGatewayAPI(snapshot, o.Gateway, o.Namespace):
		return usagef("Gateway %s.%s is of the Gateway API: flags are for Gateways of Istio. Write a GatewayOverridePolicy for it, with targetRef: {group: %s, kind: Gateway, name: %s}; edge and generate print what it asks for",
			o.Gateway, o.Namespace, model.GatewayAPIGroup, o.Gateway)
	case o.WithHosts && o.GatewayAPI:
		return usagef("--with-hosts makes objects of Istio: for a Gateway of the Gateway API, write a listener and HTTPRoutes for the preview hosts")
	case o.WithHosts && len(o.PreviewHosts) == 0:
		return usagef("--with-hosts needs --preview-host")
	}
	out, err := edge.Make(snapshot, &o.Request)
	if err != nil {
		return err
	}
	diags = diag.Sort(slices.Concat(diags, out.Diagnostics))
	a.tell(o.input, diags)
	if len(out.Objects) == 0 {
		return errReported
	}
	if err := a.writeEncoded(out.Objects, o.output.value); err != nil {
		return err
	}
	a.sayCost(o, out.Others)
	return verdict(diags, o.strict)
}

// usePolicy takes over the policy that the input has for the Gateway, if it has one.
func (o *edgeOptions) usePolicy(snapshot *model.Snapshot) error {
	for i := range snapshot.GatewayPolicies {
		p := &snapshot.GatewayPolicies[i]
		if p.Namespace != o.Namespace || p.Spec.TargetRef.Name != o.Gateway || p.Older.Name != "" || p.Implied() {
			continue
		}
		if o.said {
			return usagef("%s is for this Gateway: change it, or leave out the flags that say the same", p.Object())
		}
		request, err := edge.RequestOf(p, &snapshot.Options)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Object(), err)
		}
		request.Selector, request.PodNamespaces, request.WithHosts, request.Credential = o.Selector, o.PodNamespaces, o.WithHosts, o.Credential
		o.Request = *request
	}
	return nil
}

// isInGatewayAPI reports whether the only Gateway of a name is one of the Gateway API.
func isInGatewayAPI(snapshot *model.Snapshot, name, namespace string) bool {
	return !slices.ContainsFunc(snapshot.Gateways, func(g model.Gateway) bool { return g.Name == name && g.Namespace == namespace }) &&
		slices.ContainsFunc(snapshot.KubernetesGateways, func(g model.KubernetesGateway) bool { return g.Name == name && g.Namespace == namespace })
}

// edgeInput reads the input, if it is needed, and returns the diagnostics that are about it
// as a whole.
func (a *app) edgeInput(ctx context.Context, o *edgeOptions) (*model.Snapshot, []diag.Diagnostic, error) {
	if !o.fromFiles() && !o.WithHosts && o.Require == nil && len(o.Selector) > 0 && len(o.PodNamespaces) > 0 {
		return &model.Snapshot{Options: o.options}, nil, o.check()
	}
	s, err := a.read(ctx, o.input)
	if err != nil {
		return nil, nil, err
	}
	return s.snapshot, slices.DeleteFunc(about(s.diags, nil), func(d diag.Diagnostic) bool {
		return d.Code == diag.NoServices || d.Object.Name != "" && d.Object.Kind != "Gateway" && d.Object.Kind != "VirtualService"
	}), nil
}

// check fills in the request; it returns a usage error for invalid values.
func (a *app) checkEdge(o *edgeOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	o.Policy, o.PodNamespaces = edge.Policy(o.policy.value), o.options.GatewayNamespaces
	if o.selector != "" {
		selector, err := labels.ConvertSelectorToLabelsMap(o.selector)
		if err != nil {
			return usagef("--selector: %w", err)
		}
		o.Selector = selector
	}
	for _, text := range o.previewHosts {
		p, err := edge.ParsePreviewHost(text)
		if err != nil {
			return usagef("--preview-host: %w", err)
		}
		o.PreviewHosts = append(o.PreviewHosts, p)
	}
	if err := edge.CheckPreviewHosts(o.PreviewHosts); err != nil {
		return usagef("--preview-host: %w", err)
	}
	if o.Cookie != "" {
		if err := edge.ValidateCookie(o.Cookie); err != nil {
			return usagef("--cookie: %w", err)
		}
	} else if o.Link {
		return usagef("--link needs --cookie NAME: it sets that cookie")
	}
	if err := a.checkTokens(o); err != nil {
		return err
	}
	if err := o.checkGuard(); err != nil {
		return err
	}
	o.security = o.Require != nil || o.Provider != ""
	switch {
	case o.Policy == edge.Trust && len(o.PreviewHosts) == 0 && o.Cookie == "" && o.Require == nil && o.Provider == "":
		return usagef("--header Trust changes nothing without --preview-host or --cookie")
	case o.Credential != "" && !o.WithHosts:
		return usagef("--credential-name needs --with-hosts")
	}
	return nil
}

// checkTokens fills in which tokens are valid.
func (a *app) checkTokens(o *edgeOptions) error {
	if o.Policy != edge.Token {
		if o.keys != "" || o.tokens.Cookie != "" || o.tokens.Link {
			return usagef("--token-jwks, --token-cookie and --token-link need --header Token")
		}
		return nil
	}
	if o.keys == "" {
		return usagef("--header Token needs --token-jwks FILE: print one with %s token jwks", a.name)
	}
	text, err := a.readSecret(o.keys)
	if err != nil {
		return err
	}
	if o.tokens.Keys, err = token.ParseKeySet(text); err != nil {
		return fmt.Errorf("read %s: %w", o.keys, err)
	}
	o.Tokens = &o.tokens
	return nil
}

// checkGuard fills in the guard.
func (o *edgeOptions) checkGuard() error {
	switch claim, values, found := strings.Cut(o.claim, "="); {
	case o.claim == "" && (o.issuer != "" || o.soft):
		return usagef("--require-issuer and --soft need --require CLAIM=VALUE")
	case o.claim == "":
	case !found || o.issuer == "":
		return usagef("--require: want CLAIM=VALUE[,VALUE...], and --require-issuer with the issuer of the tokens")
	default:
		o.Require = &v1alpha1.RequiredClaim{Issuer: o.issuer, Claim: claim, Values: strings.Split(values, ","), Mode: v1alpha1.GuardHard}
		if o.soft {
			o.Require.Mode = v1alpha1.GuardSoft
		}
	}
	if err := o.Validate(); err != nil {
		return usagef("%w", err)
	}
	return nil
}

// namespaceOf returns the namespace of a Gateway that is given without one.
func namespaceOf(snapshot *model.Snapshot, name, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	var found []string
	for i := range snapshot.Gateways {
		if g := &snapshot.Gateways[i]; g.Name == name {
			found = append(found, g.Namespace)
		}
	}
	for i := range snapshot.KubernetesGateways {
		if g := &snapshot.KubernetesGateways[i]; g.Name == name && !slices.Contains(found, g.Namespace) {
			found = append(found, g.Namespace)
		}
	}
	switch len(found) {
	case 0:
		return "default", nil
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("several namespaces have a Gateway %s: name one of %s with -n", name, strings.Join(found, ", "))
}

// sayCost says what installing the filter costs, and what else it acts on.
func (a *app) sayCost(o *edgeOptions, others []diag.Object) {
	if o.quiet {
		return
	}
	a.say("%s", edge.Cost)
	for _, other := range others {
		a.say("it also acts on the hosts of %s, which has the same pods", other)
	}
	if o.Policy == edge.Strip {
		a.say("overrides that come from outside are removed as soon as the pods have the filter; pods of Istio older than 1.26 don't get it")
	}
}

// writeEncoded writes objects as YAML documents or as a List.
func (a *app) writeEncoded(objects []encoded.Object, format string) error {
	if format == "json" {
		items := make([]any, len(objects))
		for i := range objects {
			items[i] = json.RawMessage(objects[i].JSON)
		}
		return encodeJSON(a.Out, struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Items      []any  `json:"items"`
		}{"v1", "List", items})
	}
	return writeDocuments(a.Out, objects)
}

// writeDocuments writes objects as YAML documents.
func writeDocuments(w io.Writer, objects []encoded.Object) error {
	for i := range objects {
		text, err := objects[i].YAML()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}
