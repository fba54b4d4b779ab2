package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// agent is a running agent.
type agent struct {
	options  Options
	client   kubernetes.Interface
	services corelisters.ServiceLister
	binder   *binder
	recorder record.EventRecorder

	mu      sync.Mutex
	pool    *pool
	workers map[types.UID]entry
	// all counts the workers that have not ended.
	all sync.WaitGroup
}

// entry is a worker and the function that ends it at once.
type entry struct {
	worker *worker
	cancel context.CancelFunc
}

// Run runs pods until ctx ends, and then closes all their sandboxes. It returns errors of
// starting; later failures are retried.
func Run(ctx context.Context, options Options) error {
	options = options.withDefaults()
	config := rest.CopyConfig(options.Config)
	config.UserAgent = "overrides-localmesh-agent"
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	a := &agent{options: options, client: client, pool: newPool(options.Pods), workers: map[types.UID]entry{}}
	a.binder = newBinder(a)
	var stopEvents func()
	a.recorder, stopEvents = newRecorder(client, options.NodeName)
	defer stopEvents()
	if err := a.registerNode(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer a.all.Wait()
	defer cancel()

	factory := informers.NewSharedInformerFactory(client, 0)
	a.services = factory.Core().V1().Services().Lister()
	// Services first: containers get their addresses as variables.
	if err := syncCaches(ctx, factory); err != nil {
		return err
	}
	pods := factory.Core().V1().Pods().Informer()
	if _, err := pods.AddEventHandler(a.handler(ctx)); err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	if err := syncCaches(ctx, factory); err != nil {
		return err
	}
	a.all.Go(func() { a.binder.loop(ctx) })
	a.keepLease(ctx)
	return nil
}

func syncCaches(ctx context.Context, factory informers.SharedInformerFactory) error {
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return errors.Join(fmt.Errorf("list %v", kind), ctx.Err())
		}
	}
	return nil
}

// handler passes pods to their workers and to the binder, and never waits.
func (a *agent) handler(ctx context.Context) cache.ResourceEventHandler {
	seen := func(object any) {
		if pod, ok := object.(*corev1.Pod); ok {
			a.see(ctx, pod)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    seen,
		UpdateFunc: func(_, object any) { seen(object) },
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			if pod, ok := object.(*corev1.Pod); ok {
				a.forget(pod.UID)
			}
		},
	}
}

// see handles a new or changed pod.
func (a *agent) see(ctx context.Context, pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		a.binder.add(pod)
		return
	}
	if pod.Spec.NodeName != a.options.NodeName {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.workers[pod.UID]; ok {
		known.worker.update(pod)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w := newWorker(a, pod)
	a.workers[pod.UID] = entry{worker: w, cancel: cancel}
	a.all.Go(func() { w.loop(ctx) })
}

// forget handles the deletion of a pod's object: it kills what is left of the pod.
func (a *agent) forget(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.workers[uid]; ok {
		known.cancel()
		delete(a.workers, uid)
	}
}

func (a *agent) takeAddress() (netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pool.take()
}

func (a *agent) releaseAddress(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pool.release(address)
}
