package agent

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
)

// bindRetryMax limits the delay after a failed binding.
const bindRetryMax = 5 * time.Second

// podRef identifies one pod, and no later one of the same name.
type podRef struct {
	namespace, name string
	uid             types.UID
}

// binder binds pods to the node, in the order in which they were created.
type binder struct {
	agent *agent
	queue workqueue.TypedRateLimitingInterface[podRef]
}

func newBinder(a *agent) *binder {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[podRef](100*time.Millisecond, bindRetryMax)
	return &binder{agent: a, queue: workqueue.NewTypedRateLimitingQueue(limiter)}
}

// add adds a pod without a node, if it may run on this one.
func (b *binder) add(pod *corev1.Pod) {
	if bindable(pod) {
		b.queue.Add(podRef{pod.Namespace, pod.Name, pod.UID})
	}
}

// bindable reports whether the default scheduler would bind the pod to a node that has
// everything. Node selectors and affinity are ignored: there is one node.
func bindable(pod *corev1.Pod) bool {
	ours := pod.Spec.SchedulerName == "" || pod.Spec.SchedulerName == corev1.DefaultSchedulerName
	return ours && len(pod.Spec.SchedulingGates) == 0 && pod.DeletionTimestamp == nil
}

func (b *binder) loop(ctx context.Context) {
	defer b.queue.ShutDown()
	go func() {
		<-ctx.Done()
		b.queue.ShutDown()
	}()
	for {
		ref, shutdown := b.queue.Get()
		if shutdown {
			return
		}
		if err := b.bind(ctx, ref); err != nil && ctx.Err() == nil {
			b.agent.options.Log.Warn("will try again", "error", err)
			b.queue.AddRateLimited(ref)
		} else {
			b.queue.Forget(ref)
		}
		b.queue.Done(ref)
	}
}

func (b *binder) bind(ctx context.Context, ref podRef) error {
	err := b.agent.client.CoreV1().Pods(ref.namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ref.namespace, Name: ref.name, UID: ref.uid},
		Target:     corev1.ObjectReference{Kind: "Node", Name: b.agent.options.NodeName},
	}, metav1.CreateOptions{})
	// The pod is gone, or already bound.
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bind pod: %w", err)
	}
	return nil
}
