package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/token"
)

const grantLong = `Grant asks the cluster to permit overrides: it creates an OverrideGrant in your name, waits
until the operator has answered, and prints the header with the token, and a link if the
address of a page is given. The token is a secret: whoever has it may ask for these versions
until the grant ends.

A member without a namespace is for the namespace of the grant. You need permission to create
overridegrants there, and to read its Secrets:

  kubectl auth can-i create overridegrants.overrides.mesh -n shop

What else is permitted, OverrideGrantPolicies say. The exit code is 1 if the grant is refused;
it is deleted then. List grants with kubectl get overridegrants.`

const grantExamples = `# all versions of a pull request, for an hour
overrides grant '*:pr-118' --ttl 1h -n shop

# a link for a browser
overrides grant 'checkout:pr-118' -n shop --link https://shop.example.com/

# for somebody else, as JSON for a script
overrides grant '*:pr-118' -n shop --subject ada@example.com -o json

# take it back
overrides grant revoke pr-118-x7k2p -n shop`

// grantOptions are the flags of grant.
type grantOptions struct {
	*input
	output              format
	name, subject, link string
	ttl, timeout        time.Duration
	dryRun              bool
}

func (a *app) grantCommand() *cobra.Command {
	o := &grantOptions{input: &input{options: model.DefaultOptions()}}
	cmd := &cobra.Command{
		Use:     "grant MEMBER...",
		Short:   "Ask for a token that permits overrides",
		Long:    grantLong,
		Example: a.examples(grantExamples),
		Args:    cobra.ArbitraryArgs,
		RunE:    a.run(func(ctx context.Context, args []string) error { return a.grant(ctx, o, args) }),
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.ttl, "ttl", time.Hour, "how `long` the grant lasts")
	flags.StringVar(&o.subject, "subject", "", "`name` of whom the token is for (default your own)")
	flags.StringVar(&o.name, "name", "", "`name` of the grant (default made of the members)")
	flags.StringVar(&o.link, "link", "", "`address` of a page, for a link with the token")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "`time` to wait for the operator")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the OverrideGrant, and create nothing")
	addFormat(cmd, &o.output, "output format", "text", "json", "yaml")
	o.addTo(cmd)
	flags.StringVar(&o.options.Header, "header-name", o.options.Header, "`name` of the override header")
	a.completeFlags(cmd, &o.cluster, func(context.Context) []string { return nil })
	cmd.ValidArgsFunction = completed(a.completeMembers(o.input))
	revoke := a.revokeCommand()
	completeRest(revoke)
	cmd.AddCommand(revoke)
	return cmd
}

// addTo adds the flags that select a namespace of a cluster.
func (o *grantOptions) addTo(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "`namespace` of the grant (default that of the kubeconfig)")
	o.cluster.add(cmd.Flags())
}

func (a *app) grant(ctx context.Context, o *grantOptions, args []string) error {
	wanted, err := o.wanted(args)
	if err != nil {
		return err
	}
	if o.link != "" {
		if _, err := token.Link(o.link, grammar.TokenHeader(o.options.Header), ""); err != nil {
			return usagef("--link: %w", err)
		}
	}
	client, err := newGrantClient(o)
	if err != nil {
		return err
	}
	wanted.Namespace = client.namespace
	if wanted.Spec.Requester, err = client.requester(ctx); err != nil {
		return err
	}
	if o.dryRun {
		return a.encode(o, wanted)
	}
	made, text, err := a.makeGrant(ctx, o, client, wanted)
	if err != nil {
		return err
	}
	return a.writeGrant(o, made, text)
}

// wanted returns the grant that a command line asks for, without its namespace and requester.
func (o *grantOptions) wanted(args []string) (*v1alpha1.OverrideGrant, error) {
	if len(args) == 0 {
		return nil, usagef("name the versions that are asked for, as in '*:pr-118'")
	}
	members, err := grammar.Parse(args...)
	if err != nil {
		return nil, usagef("%w", err)
	}
	overrides, err := grammar.Format(members...)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if o.ttl < time.Second {
		return nil, usagef("--ttl: %v is shorter than a second", o.ttl)
	}
	if o.timeout <= 0 {
		return nil, usagef("--timeout: %v is not a time to wait", o.timeout)
	}
	if problems := validation.IsDNS1123Subdomain(o.name); o.name != "" && len(problems) > 0 {
		return nil, usagef("--name: %q is not the name of an object: %s", o.name, problems[0])
	}
	out := &v1alpha1.OverrideGrant{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "OverrideGrant"},
		ObjectMeta: metav1.ObjectMeta{Name: o.name},
		Spec:       v1alpha1.OverrideGrantSpec{Overrides: overrides, TTL: metav1.Duration{Duration: o.ttl}},
	}
	if o.name == "" {
		out.GenerateName = namePrefix(members)
	}
	if o.subject != "" {
		out.Spec.Subject = &o.subject
	}
	return out, nil
}

// makeGrant creates a grant, and returns it with its token when the operator has accepted it.
// A grant that is refused is deleted.
func (a *app) makeGrant(ctx context.Context, o *grantOptions, client *grantClient, wanted *v1alpha1.OverrideGrant) (*v1alpha1.OverrideGrant, string, error) {
	made, err := client.create(ctx, wanted)
	if err != nil {
		return nil, "", err
	}
	a.say("created OverrideGrant %s/%s, waiting for the operator", made.Namespace, made.Name)
	waiting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	made, text, err := client.answer(waiting, made)
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		return nil, "", errors.Join(err, client.delete(ctx, refused.grant))
	case err != nil && ctx.Err() == nil && waiting.Err() != nil:
		return nil, "", fmt.Errorf("the operator has not answered within %v: %s/%s stays, and may be accepted later; kubectl describe overridegrant says more, %s grant revoke takes it back",
			o.timeout, wanted.Namespace, cmp.Or(made.Name, wanted.Name), a.name)
	}
	return made, text, err
}

// grantOutput is what grant prints as JSON and YAML.
type grantOutput struct {
	Namespace    string       `json:"namespace"`
	Name         string       `json:"name"`
	ID           string       `json:"id"`
	Overrides    string       `json:"overrides"`
	Subject      string       `json:"subject"`
	Header       string       `json:"header"`
	Token        string       `json:"token"`
	Link         string       `json:"link,omitempty"`
	TokenExpires *metav1.Time `json:"tokenExpires,omitempty"`
	Ends         *metav1.Time `json:"ends,omitempty"`
}

// writeGrant writes a grant with its token. Only stdout gets the token.
func (a *app) writeGrant(o *grantOptions, g *v1alpha1.OverrideGrant, text string) error {
	out := grantOutput{
		Namespace: g.Namespace, Name: g.Name, ID: g.Status.ID, Overrides: g.Status.Overrides, Subject: g.Status.Subject,
		Header: grammar.TokenHeader(o.options.Header), Token: text, TokenExpires: g.Status.TokenExpires, Ends: g.Status.Ends,
	}
	if o.link != "" {
		link, err := token.Link(o.link, out.Header, text)
		if err != nil {
			return err
		}
		out.Link = link
	}
	if o.output.value != "text" {
		return a.encode(o, out)
	}
	_, err := fmt.Fprintf(a.Out, "%s: %s\n", out.Header, out.Token)
	if out.Link != "" && err == nil {
		_, err = fmt.Fprintln(a.Out, out.Link)
	}
	a.say("grants %s to %s, until %s", out.Overrides, out.Subject, utc(out.Ends))
	if out.TokenExpires.Before(out.Ends) {
		a.say("this token is valid until %s; later ones are in Secret %s/%s", utc(out.TokenExpires), g.Namespace, g.Status.SecretName)
	}
	return err
}

// encode writes a value as JSON if that is asked for, else as YAML.
func (a *app) encode(o *grantOptions, value any) error {
	if o.output.value == "json" {
		return encodeJSON(a.Out, value)
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(text)
	return err
}

func utc(t *metav1.Time) string {
	if t == nil {
		return "it is deleted"
	}
	return t.UTC().Format(time.RFC3339)
}
