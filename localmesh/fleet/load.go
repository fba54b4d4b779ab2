package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// MaxServices is the number of Services for which the range of pod addresses suffices.
const MaxServices = 31_000

// writers is the number of Services written concurrently.
const writers = 24

// Load creates namespace with n Services, named service-0 and so on, each with a ready
// Pod of version v1 and one of v2. It makes 10 requests for each.
func Load(ctx context.Context, config *rest.Config, namespace string, n int) error {
	if n > MaxServices {
		return fmt.Errorf("%d Services are more than %d", n, MaxServices)
	}
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	numbers := make(chan int)
	errs := make([]error, writers)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for number := range numbers {
				if errs[i] = loadOne(ctx, client, namespace, number); errs[i] != nil {
					cancel()
					return
				}
			}
		})
	}
feed:
	for number := range n {
		select {
		case numbers <- number:
		case <-ctx.Done():
			break feed
		}
	}
	close(numbers)
	group.Wait()
	return errors.Join(append(errs, context.Cause(ctx))...)
}

// loadOne writes one Service and its workloads.
func loadOne(ctx context.Context, client kubernetes.Interface, namespace string, number int) error {
	name := fmt.Sprintf("service-%d", number)
	svc, err := client.CoreV1().Services(namespace).Create(ctx, service(namespace, name), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create Service: %w", err)
	}
	var pods []*corev1.Pod
	for i, version := range versions() {
		p, err := loadVersion(ctx, client, svc, version, address(number*len(versions())+i))
		if err != nil {
			return err
		}
		pods = append(pods, p)
	}
	if _, err := client.DiscoveryV1().EndpointSlices(namespace).Create(ctx, endpointSlice(svc, pods), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create EndpointSlice: %w", err)
	}
	return nil
}

func loadVersion(ctx context.Context, client kubernetes.Interface, svc *corev1.Service, version, ip string) (*corev1.Pod, error) {
	apps, options := client.AppsV1(), metav1.CreateOptions{}
	d, err := apps.Deployments(svc.Namespace).Create(ctx, deployment(svc.Namespace, svc.Name, version), options)
	if err != nil {
		return nil, fmt.Errorf("create Deployment: %w", err)
	}
	r, err := apps.ReplicaSets(svc.Namespace).Create(ctx, replicaSet(d), options)
	if err != nil {
		return nil, fmt.Errorf("create ReplicaSet: %w", err)
	}
	pods := client.CoreV1().Pods(svc.Namespace)
	p, err := pods.Create(ctx, pod(r), options)
	if err != nil {
		return nil, fmt.Errorf("create Pod: %w", err)
	}
	p.Status = running(ip)
	p, err = pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("update status of Pod: %w", err)
	}
	return p, nil
}
