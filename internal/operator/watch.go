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
	// servedRetry is how often a kind that is installed but not served yet is tried.
	// missingRetry is how often all missing kinds are tried if the operator can't watch
	// CustomResourceDefinitions.
	servedRetry  = 250 * time.Millisecond
	missingRetry = 30 * time.Second
)

// watcher keeps the store up to date. It begins to watch a kind when its
// CustomResourceDefinition is installed.
type watcher struct {
	kinds []kind
	// cache is the cache of the kinds that every cluster has. Each other kind gets its own
	// cache from newCache, once mapper knows the kind.
	cache    cache.Cache
	mapper   meta.RESTMapper
	newCache func(*kind) (cache.Cache, error)
	// reader reads from the API server, without a cache.
	reader client.Reader
	scheme *runtime.Scheme

	store *store
	log   *slog.Logger
	// definitions gets a value when a CustomResourceDefinition was installed or removed.
	definitions chan struct{}
	running     sync.WaitGroup

	mu sync.Mutex
	// definitionsWatched is set if CustomResourceDefinitions are watched.
	definitionsWatched bool
	// watched are the watched kinds; triedAll is set once the watcher has tried all kinds.
	watched  map[string]watched
	triedAll bool
	// defined are the CustomResourceDefinitions that exist, by name.
	defined map[string]bool
}

// watched is a watched kind.
type watched struct {
	handler toolscache.ResourceEventHandlerRegistration
	// stop ends the watch; it is nil for kinds that every cluster has.
	stop context.CancelFunc
}

func newWatcher(s *store, log *slog.Logger) *watcher {
	return &watcher{kinds: s.options.kinds(), store: s, log: log, definitions: make(chan struct{}, 1), watched: map[string]watched{}, defined: map[string]bool{}}
}

// NeedLeaderElection returns false: all replicas watch, so that each can become the leader
// at once.
func (w *watcher) NeedLeaderElection() bool { return false }

// definition identifies CustomResourceDefinitions to the cache, which keeps their metadata.
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

// watchDefinitions watches CustomResourceDefinitions if the operator may. Otherwise missing
// kinds are tried periodically.
func (w *watcher) watchDefinitions(ctx context.Context) error {
	ok, err := w.mayList(ctx, definition())
	if w.definitionsWatched = ok; !ok {
		if err == nil {
			w.log.Warn("not allowed to list, so missing kinds are tried periodically", "kind", "CustomResourceDefinition")
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

// setDefined records that a CustomResourceDefinition was installed or removed.
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
			w.store.forgetKind(k.ObjectKind())
		}
		select {
		case w.definitions <- struct{}{}:
		default:
		}
	}
}

// definition returns the name of the CustomResourceDefinition of a kind; "" for built-in
// kinds.
func (k *kind) definition() string {
	if k.BuiltIn() {
		return ""
	}
	return k.Plural + "." + k.Group
}

// watchAll begins to watch every kind that is installed and not watched yet, and returns
// when to try again.
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
	// A kind that could not be tried may be an important one: without the
	// VirtualServices of users, the operator would write different routes.
	w.triedAll = w.triedAll || !failed
	return retry, nil
}

// watchResult is the result of trying to watch a kind.
type watchResult int

const (
	kindWatched watchResult = iota
	// kindMissing means that the kind is not installed, or not served yet.
	kindMissing
	// kindDenied means that the operator may not list the kind.
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

// served returns the first version of a kind that is served; "" for none.
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

// permitted reports whether the operator may list a kind wherever it must watch it. If it
// may not, and the kind is optional, there is a diagnostic, and the kind is tried again
// periodically. An operator of named namespaces does not retry kinds without a namespace.
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

// selectors restricts a list to the watched objects of a kind.
type selectors struct{ *kind }

// ApplyToList implements client.ListOption.
func (s selectors) ApplyToList(options *client.ListOptions) {
	options.LabelSelector, options.FieldSelector = s.labelSelector(), s.fieldSelector()
}

// startInformer connects an informer for a kind to the store. If the cache is the kind's
// own, it is started, and stopped with ctx or when the kind is removed.
func (w *watcher) startInformer(ctx context.Context, c cache.Cache, k *kind, object client.Object) error {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	x := watched{}
	if x.handler, err = informer.AddEventHandler(w.handler(k.ObjectKind())); err != nil {
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

// mayList reports whether the operator may list objects of a kind.
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

// handler passes changes of objects of a kind on to the store.
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

// hasMesh reports whether the kinds that the operator writes are installed.
func (w *watcher) hasMesh() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, services := w.watched["VirtualService"]
	_, rules := w.watched["DestinationRule"]
	return services && rules
}

// synced reports whether the store has received all objects that existed when each watch
// began.
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
