package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const revokeLong = `Revoke deletes OverrideGrants. Proxies that know the live grants take no token of a deleted
one within seconds, whatever its expiry.

It is the same as kubectl delete overridegrant, and needs the same permission.`

// revokeCommand is the command grant revoke.
func (a *app) revokeCommand() *cobra.Command {
	o := &grantOptions{input: &input{}}
	cmd := &cobra.Command{
		Use:     "revoke NAME...",
		Short:   "Take grants back",
		Long:    revokeLong,
		Example: a.examples("overrides grant revoke pr-118-x7k2p -n shop"),
		Args:    cobra.MinimumNArgs(1),
		RunE:    a.run(func(ctx context.Context, args []string) error { return a.revoke(ctx, o, args) }),
	}
	o.addTo(cmd)
	a.completeFlags(cmd, &o.cluster, func(context.Context) []string { return nil })
	cmd.ValidArgsFunction = completed(func(ctx context.Context, _ string) []cobra.Completion { return o.names(ctx) })
	return cmd
}

func (a *app) revoke(ctx context.Context, o *grantOptions, names []string) error {
	client, err := newGrantClient(o)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := client.grants.Delete(ctx, name, metav1.DeleteOptions{})
		switch {
		case apierrors.IsForbidden(err):
			return fmt.Errorf("delete OverrideGrant %s/%s: %w (kubectl auth can-i delete overridegrants.overrides.mesh -n %s)", client.namespace, name, err, client.namespace)
		case err != nil:
			return fmt.Errorf("delete OverrideGrant %s/%s: %w", client.namespace, name, err)
		}
		a.say("revoked %s/%s", client.namespace, name)
	}
	return nil
}

// names lists the grants of the namespace, each with what it is for.
func (o *grantOptions) names(ctx context.Context) []cobra.Completion {
	o.cluster.limit(completionTimeout)
	client, err := newGrantClient(o)
	if err != nil {
		return nil
	}
	list, err := client.grants.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	var out []cobra.Completion
	for i := range list.Items {
		if g, err := grantOf(&list.Items[i]); err == nil {
			out = append(out, cobra.CompletionWithDesc(g.Name, g.Spec.Overrides))
		}
	}
	return out
}
