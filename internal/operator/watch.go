package operator

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

const (
	// servedAfter is how often a kind is asked for whose definition is there and
	// that is not served yet; missedAfter, how often all are that are missing where
	// definitions can't be watched.
	servedRetry  = 250 * time.Millisecond
	missingRetry = 30 * time.Second
)

// watcher keeps the store true. Kinds that are not installed are taken up when
// their definition comes.
type watcher struct {
	kinds []kind
	// cache has the kinds that every cluster has; of others each has one of its own,
	// which newCache makes, once mapper knows the kind.
	cache    cache.Cache
	mapper   meta.RESTMapper
	newCache func(*kind) (cache.Cache, error)
	// reader asks the API server itself.
	reader client.Reader
	scheme *runtime.Scheme

	store *store
	log   *slog.Logger
	// definitions gets a value when a definition came or went.
	definitions chan struct{}
	running     sync.WaitGroup

	mu sync.Mutex
	// told is set where definitions are watched.
	definitionsWatched bool
	// watched are the kinds that are watched; asked is set once all were tried.
	watched  map[string]watched
	triedAll bool
	// defined are the definitions that are there, by plural and group.
	defined map[string]bool
}

// watched is a kind that is watched.
type watched struct {
	handler toolscache.ResourceEventHandlerRegistration
	// stop ends it; nil for kinds that every cluster has.
	stop context.CancelFunc
}

func newWatcher(s *store, log *slog.Logger) *watcher {
	return &watcher{kinds: s.options.kinds(), store: s, log: log, definitions: make(chan struct{}, 1), watched: map[string]watched{}, defined: map[string]bool{}}
}

// NeedLeaderElection says that all replicas watch, to be ready to lead.
func (w *watcher) NeedLeaderElection() bool { return false }

// definition is how the cache knows the definitions of kinds: by their names.
func definition() client.Object {
	return metadataOf("apiextensions.k8s.io", "CustomResourceDefinition")
}

// Start watches until ctx ends.
func (w *watcher) Start(ctx context.Context) error {
	if err := w.watchDefinitions(ctx); err != nil {
		return err
	}
	for {
		retry, err := w.watchAll(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			w.running.Wait()
			return nil
		case <-w.definitions:
		case <-time.After(retry):
		}
	}
}

// watchDefinitions notices definitions as they come, where that is allowed. Where
// not, what is missing is asked for now and then.
func (w *watcher) watchDefinitions(ctx context.Context) error {
	ok, err := w.mayList(ctx, definition())
	if w.definitionsWatched = ok; !ok {
		if err == nil {
			w.log.Warn("not allowed to list, so asked for now and then", "kind", "CustomResourceDefinition")
		}
		return err
	}
	informer, err := w.cache.GetInformer(ctx, definition(), cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch definitions of kinds: %w", err)
	}
	note := func(there bool) func(any) {
		return func(object any) {
			if d, ok := object.(metav1.Object); ok {
				w.setDefined(d.GetName(), there)
			}
		}
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: note(true), DeleteFunc: note(false)})
	if err != nil {
		return fmt.Errorf("watch definitions of kinds: %w", err)
	}
	return nil
}

// define notes that a definition came or went.
func (w *watcher) setDefined(name string, there bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.kinds {
		k := &w.kinds[i]
		if k.definition() != name {
			continue
		}
		w.defined[name] = there
		if x, ok := w.watched[k.key()]; ok && !there {
			delete(w.watched, k.key())
			x.stop()
			w.store.forgetKind(k.Name)
		}
		select {
		case w.definitions <- struct{}{}:
		default:
		}
	}
}

// definition is the name of the definition of a kind, "" for one built in.
func (k *kind) definition() string {
	if k.BuiltIn() {
		return ""
	}
	return k.Plural + "." + k.Group
}

// watchAll begins to watch every kind that is there and not watched yet, and
// returns when to try again.
func (w *watcher) watchAll(ctx context.Context) (time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	retry := missingRetry
	if w.definitionsWatched {
		retry = never
	}
	failed := false
	for i := range w.kinds {
		k := &w.kinds[i]
		if _, ok := w.watched[k.key()]; ok {
			continue
		}
		found, err := w.watch(ctx, k)
		switch {
		case err != nil && k.typed != nil && !w.store.options.optional(k):
			return 0, fmt.Errorf("watch %s: %w", k.Name, err)
		case err != nil:
			w.log.Error("watch", "kind", k.Name, "error", err)
			retry, failed = servedRetry, true
		case found == kindDenied:
			retry = min(retry, missingRetry)
		case found == kindMissing && w.defined[k.definition()]:
			retry = servedRetry
		}
	}
	// A kind of which it is not known whether it is there may be the one that
	// matters: without users' VirtualServices ours would be other ones.
	w.triedAll = w.triedAll || !failed
	return retry, nil
}

// found says what became of a kind that was to be watched.
type watchResult int

const (
	kindWatched watchResult = iota
	// missing is a kind that is not installed, or not served yet.
	kindMissing
	// denied is one that may not be listed.
	kindDenied
)

// watch begins to watch a kind in the first of its versions that is served.
func (w *watcher) watch(ctx context.Context, k *kind) (watchResult, error) {
	version := k.Served[0]
	if k.typed == nil {
		var err error
		if version, err = w.served(k); version == "" {
			return kindMissing, err
		}
	}
	object := k.object(version)
	if ok, err := w.permitted(ctx, k, object); !ok {
		return kindDenied, err
	}
	if !k.ownCache() {
		return kindWatched, w.startInformer(ctx, w.cache, k, object)
	}
	own, err := w.newCache(k)
	if err != nil {
		return kindMissing, err
	}
	if err := w.startInformer(ctx, own, k, object); err != nil {
		return kindMissing, err
	}
	w.log.Debug("watching", "kind", k.key(), "version", version)
	return kindWatched, nil
}

// served returns the first version of a kind that is served, "" for none.
func (w *watcher) served(k *kind) (string, error) {
	for _, version := range k.Served {
		_, err := w.mapper.RESTMapping(k.groupKind(), version)
		switch {
		case meta.IsNoMatchError(err):
		case err != nil:
			return "", err
		default:
			return version, nil
		}
	}
	return "", nil
}

// permitted reports whether a kind may be listed wherever it is to be watched. One
// that may not, and can be done without, is said so, and asked for again now and
// then: but not one that is in no namespace, by an operator of a few.
func (w *watcher) permitted(ctx context.Context, k *kind, object client.Object) (bool, error) {
	options := w.store.options
	if !options.optional(k) {
		return true, nil
	}
	namespaces := slices.Sorted(maps.Keys(options.namespacesOf(k)))
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, namespace := range namespaces {
		ok, err := w.mayList(ctx, object, client.InNamespace(namespace), selectors{k})
		if err != nil {
			return false, err
		}
		if !ok {
			d := k.Forbidden(namespace, k.Without)
			if w.store.deny(k.key(), d) {
				w.log.Warn("not allowed to list, so done without", "kind", k.key(), "missing", k.Without)
			}
			if k.Scope == discover.Unscoped && len(options.Namespaces) > 0 {
				w.watched[k.key()] = watched{}
			}
			return false, nil
		}
	}
	w.store.permit(k.key())
	return true, nil
}

// selectors narrows a list to what is watched of a kind.
type selectors struct{ *kind }

// ApplyToList implements client.ListOption.
func (s selectors) ApplyToList(options *client.ListOptions) {
	options.LabelSelector, options.FieldSelector = s.labelSelector(), s.fieldSelector()
}

// inform has a cache tell the store of a kind. One that is the kind's own is
// started, and stopped with ctx or when the kind goes.
func (w *watcher) startInformer(ctx context.Context, c cache.Cache, k *kind, object client.Object) error {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	x := watched{}
	if x.handler, err = informer.AddEventHandler(w.handler(k.Name)); err != nil {
		return err
	}
	if c != w.cache {
		ctx, x.stop = context.WithCancel(ctx)
		w.running.Go(func() {
			if err := c.Start(ctx); err != nil {
				w.log.Error("watch", "kind", k.Name, "error", err)
			}
		})
	}
	w.watched[k.key()] = x
	w.store.wake()
	return nil
}

// mayList reports whether objects of a kind may be listed.
func (w *watcher) mayList(ctx context.Context, object client.Object, options ...client.ListOption) (bool, error) {
	kind, err := apiutil.GVKForObject(object, w.scheme)
	if err != nil {
		return false, err
	}
	if limit := w.store.options.RequestTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err = w.reader.List(ctx, list, append(options, client.Limit(1))...)
	switch {
	case apierrors.IsForbidden(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("list %s: %w", kind.Kind, err)
	}
	return true, nil
}

// handler passes on to the store what happens to objects of a kind.
func (w *watcher) handler(kind string) toolscache.ResourceEventHandler {
	put := func(object any) {
		if x, ok := object.(*item); ok {
			w.store.put(diag.Object{Kind: kind, Namespace: x.GetNamespace(), Name: x.GetName()}, x)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, object any) { put(object) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if x, ok := object.(*item); ok {
				w.store.remove(diag.Object{Kind: kind, Namespace: x.GetNamespace(), Name: x.GetName()}, x)
			}
		},
	}
}

// hasMesh reports whether the kinds that are written are there.
func (w *watcher) hasMesh() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, services := w.watched["VirtualService"]
	_, rules := w.watched["DestinationRule"]
	return services && rules
}

// synced reports whether the store holds what the cluster does: all that was
// there when each kind began to be watched.
func (w *watcher) synced() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.watched {
		if x.handler != nil && !x.handler.HasSynced() {
			return false
		}
	}
	return w.triedAll
}
