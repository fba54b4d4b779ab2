package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// ClusterOptions are settings of [Cluster].
type ClusterOptions struct {
	// Namespace is the only one whose Services are asked for; empty means all.
	Namespace string
	// RootNamespace is Istio's, "istio-system" if it is empty.
	RootNamespace string
	// Security asks for RequestAuthentications and AuthorizationPolicies, even if no policy of a
	// Gateway has a guard.
	Security bool
}

// pageSize is how many objects one request asks for. Measured on 1,000 Services
// with 10,000 pods and as many Deployments, pages of 1,000 are the fastest by a
// little (half of it or everything at once takes a fifth longer), and hold
// 120 MB in all, where everything at once holds 220 MB.
const pageSize = 1000

// Cluster reads the cluster that config leads to, by one list request for each
// of some 20 kinds, and one more for every further 1,000 objects of it. Kinds are
// listed at the same time, pages of a kind one after the other; then the mesh
// configurations of Istio's revisions other than the default one, if namespaces
// ask for any; and, for one namespace, the pods of gateways in others.
//
// The lists ask for no resourceVersion, so that each shows what was written
// before it: a pipeline reads what it has just applied. Version "0" would be
// answered from memory, but may be arbitrarily old on an API server that has
// fallen behind, and is not paged. Kinds are still read at slightly different
// times; an object that only some of them know of yet counts as not ready.
//
// Of a kind that is not installed there is none. A kind that may not be listed
// is a diagnostic, and the rest is read.
func Cluster(ctx context.Context, config *rest.Config, options ClusterOptions) (*discover.Objects, []diag.Diagnostic, error) {
	client, err := newClient(config)
	if err != nil {
		return nil, nil, fmt.Errorf("reach the cluster: %w", err)
	}
	if options.RootNamespace == "" {
		options.RootNamespace = "istio-system"
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := cluster{client: client, host: config.Host, options: options, cancel: cancel, objects: &discover.Objects{Cluster: true}}
	if err := c.read(ctx, resources()); err != nil {
		return nil, nil, err
	}
	if err := c.read(ctx, c.meshConfigs()); err != nil {
		return nil, nil, err
	}
	if err := c.readGatewayPods(ctx); err != nil {
		return nil, nil, err
	}
	if err := c.readSecurity(ctx); err != nil {
		return nil, nil, err
	}
	return c.objects, c.diags, nil
}

// cluster is a cluster that is being read.
type cluster struct {
	client *rest.RESTClient
	// host is the address of the API server, for messages.
	host    string
	options ClusterOptions
	cancel  context.CancelCauseFunc
	objects *discover.Objects
	diags   []diag.Diagnostic
}

// read lists kinds, all at the same time, and takes over what it finds.
func (c *cluster) read(ctx context.Context, kinds []discover.Kind) error {
	listed := make([]listing, len(kinds))
	var wait sync.WaitGroup
	for i := range kinds {
		wait.Go(func() {
			listed[i] = listing{client: c.client, kind: &kinds[i], options: c.options}
			if err := listed[i].run(ctx); err != nil {
				c.cancel(c.failure(&kinds[i], err))
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for i := range listed {
		for _, found := range listed[i].found {
			c.diags = append(c.diags, c.objects.Add(found)...)
		}
		c.diags = append(c.diags, listed[i].diags...)
	}
	return nil
}

// ErrUnreachable is matched by errors about an API server that gives no answer.
var ErrUnreachable = errors.New("can't be reached")

// failure says why the objects of a kind were not listed. What would have failed for any
// kind is said of the cluster: which kind failed first is chance.
func (c *cluster) failure(kind *discover.Kind, err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the cluster at %s %w: %w", c.host, ErrUnreachable, request.Err)
	}
	if apierrors.IsUnauthorized(err) {
		return fmt.Errorf("the cluster at %s does not know these credentials: %w", c.host, err)
	}
	return fmt.Errorf("list %s: %w", kind.Plural, err)
}

// meshConfigs are the ConfigMaps with the mesh configurations of the revisions that
// namespaces ask for and that were not read yet, each asked for by its name.
func (c *cluster) meshConfigs() []discover.Kind {
	kinds := discover.Kinds()
	configMaps := kinds[slices.IndexFunc(kinds, func(k discover.Kind) bool { return k.Name == "ConfigMap" })]
	var out []discover.Kind
	for _, revision := range c.objects.Revisions() {
		k := configMaps
		if k.Fields = "metadata.name=" + discover.MeshConfigMap(revision); k.Fields != configMaps.Fields {
			out = append(out, k)
		}
	}
	return out
}

// readGatewayPods reads the pods of gateways in other namespaces than the one asked for. A
// reader that may not list them goes without, as if there were none.
func (c *cluster) readGatewayPods(ctx context.Context) error {
	selectors := map[string]bool{}
	for _, g := range c.objects.Gateways {
		if labels := g.Spec.GetSelector(); len(labels) > 0 && c.options.Namespace != "" {
			selectors[metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels})] = true
		}
	}
	kinds := discover.Kinds()
	for _, selector := range slices.Sorted(maps.Keys(selectors)) {
		pods := kinds[slices.IndexFunc(kinds, func(k discover.Kind) bool { return k.Name == "Pod" })]
		pods.Labels, pods.Fields = selector, pods.Fields+",metadata.namespace!="+c.options.Namespace
		l := listing{client: c.client, kind: &pods, options: c.options}
		if err := l.list(ctx, ""); err != nil && !apierrors.IsForbidden(err) {
			return c.failure(&pods, err)
		}
		for _, found := range l.found {
			c.objects.Add(found) // again, perhaps, for another selector
		}
	}
	return nil
}

// readSecurity reads what checks requests at gateways and pods, if it is asked for, or if a
// policy has a guard, or closes previews.
func (c *cluster) readSecurity(ctx context.Context) error {
	guarded := func(p *v1alpha1.GatewayOverridePolicy) bool {
		return p.Spec.Claims != nil || p.Spec.Require != nil || p.Spec.ExtAuthz != nil
	}
	closes := func(p *v1alpha1.OverridePolicy) bool { return p.Spec.Closed != nil && *p.Spec.Closed }
	closed := func(s *corev1.Service) bool { return s.Annotations[discover.ClosedAnnotation] != "" }
	if !c.options.Security && !slices.ContainsFunc(c.objects.GatewayPolicies, guarded) && !slices.ContainsFunc(c.objects.Policies, closes) &&
		!slices.ContainsFunc(c.objects.Services, closed) {
		return nil
	}
	return c.read(ctx, slices.DeleteFunc(discover.Kinds(), func(k discover.Kind) bool { return k.Group != securityGroup }))
}

// newClient returns a client for any path of the API server.
func newClient(config *rest.Config) (*rest.RESTClient, error) {
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(newScheme()).WithoutConversion()
	// A handful of requests needs no limit on this side; the API server has its
	// own (priority and fairness), whose "try again later" is heeded.
	config.QPS, config.RateLimiter = -1, nil
	// Deprecation of an API version that is asked for on purpose is no news.
	config.WarningHandler, config.WarningHandlerWithContext = rest.NoWarnings{}, nil
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return rest.UnversionedRESTClientForConfigAndClient(config, transport)
}

// listing is the listing of one kind.
type listing struct {
	client  *rest.RESTClient
	kind    *discover.Kind
	options ClusterOptions
	found   []discover.Parsed
	diags   []diag.Diagnostic
}

func (l *listing) run(ctx context.Context) error {
	namespace := ""
	switch l.kind.Scope {
	case discover.Near:
		namespace = l.options.Namespace
	case discover.Root:
		namespace = l.options.RootNamespace
	case discover.Everywhere, discover.Unscoped:
	}
	err := l.list(ctx, namespace)
	if !apierrors.IsForbidden(err) {
		return err
	}
	if l.kind.Scope != discover.Everywhere || l.options.Namespace == "" {
		l.forbidden(namespace, l.kind.Without)
		return nil
	}
	l.forbidden("", "those of other namespaces are not known: "+l.kind.Without)
	for _, namespace := range l.nearby() {
		err := l.list(ctx, namespace)
		switch {
		case apierrors.IsForbidden(err):
			l.forbidden(namespace, l.kind.Without)
		case err != nil:
			return err
		}
	}
	return nil
}

// nearby are the namespaces whose objects are most likely to be about the one
// that is asked for: itself, and the one whose objects hold for all.
func (l *listing) nearby() []string {
	if l.options.Namespace == l.options.RootNamespace {
		return []string{l.options.Namespace}
	}
	return []string{l.options.Namespace, l.options.RootNamespace}
}

func (l *listing) forbidden(namespace, without string) {
	d := l.kind.Forbidden(namespace, without)
	if l.kind.Name == "Service" || l.kind.Name == "Pod" {
		// Next to nothing would be made, and a diff would delete what is there.
		d.Severity = diag.Error
	}
	l.diags = append(l.diags, d)
}

// list lists the kind, in the first of its versions that the cluster has.
func (l *listing) list(ctx context.Context, namespace string) error {
	var err error
	for _, version := range l.kind.Served {
		err = l.listVersion(ctx, version, namespace)
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	if l.kind.BuiltIn() {
		return err
	}
	return nil
}

// listVersion reads one page after the other. Their tokens are good for a few
// minutes; one that has expired (410) leaves no choice but to begin again, in
// one piece this time, since the next token would expire too.
func (l *listing) listVersion(ctx context.Context, version, namespace string) error {
	before := len(l.found)
	token, limit := "", pageSize
	read := page(untyped)
	if isTyped(l.kind) {
		read = typed(l.kind)
	}
	for {
		found, next, err := read(ctx, l.request(version, namespace, limit, token))
		switch {
		case token != "" && isExpired(err):
			l.found = l.found[:before]
			token, limit = "", 0
			continue
		case err != nil:
			return err
		}
		l.found = append(l.found, found)
		if token = next; token == "" {
			return nil
		}
	}
}

func isExpired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
}

func (l *listing) request(version, namespace string, limit int, token string) *rest.Request {
	k := l.kind
	at := path.Join("/apis", k.Group, version)
	if k.Group == "" {
		at = path.Join("/api", version)
	}
	if namespace != "" {
		at = path.Join(at, "namespaces", namespace)
	}
	request := l.client.Verb(http.MethodGet).AbsPath(at, k.Plural)
	for name, value := range map[string]string{"labelSelector": k.Labels, "fieldSelector": k.Fields, "continue": token} {
		if value != "" {
			request.Param(name, value)
		}
	}
	if limit > 0 {
		request.Param("limit", strconv.Itoa(limit))
	}
	return request
}
