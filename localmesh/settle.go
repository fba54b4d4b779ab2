package localmesh

import (
	"bytes"
	"context"
	_ "embed" // the sentinel's manifest
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// settleTimeout limits how long istiod and the proxies may take.
const settleTimeout = time.Minute

// sentinel is a Service without Pods: proxies themselves answer its requests, with the
// generation of the VirtualService that they have.
//
//go:embed sentinel.yaml
var sentinel []byte

const sentinelURL = "http://sentinel.localmesh.svc.cluster.local/"

// Settle returns when every sidecar has received the VirtualServices and DestinationRules
// that were applied before the call. It writes a VirtualService that each proxy answers
// by: istiod sees it after everything written before it, and sends a proxy its routes as
// a whole.
//
// A Sidecar must give a proxy the namespace localmesh, which contains that
// VirtualService.
//
// Endpoints reach istiod in another way, and Settle doesn't wait for them as strictly:
// those that were in EndpointSlices before the call have had as much time as the
// VirtualService took to be written, and istiod collects changes for 100 ms before it
// sends any.
func (m *Mesh) Settle(ctx context.Context) error {
	generation, err := m.writeGeneration(ctx)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	pods, err := m.Pods(ctx, "", "")
	if err != nil {
		return err
	}
	for i := range pods {
		if !Ready(&pods[i]) || !HasSidecar(&pods[i]) {
			continue
		}
		from := Pod{Namespace: pods[i].Namespace, Name: pods[i].Name, IP: pods[i].Status.PodIP}
		if err := m.waitGeneration(ctx, from, generation); err != nil {
			return fmt.Errorf("settle %s: %w", from.Name, err)
		}
	}
	return nil
}

// writeGeneration writes the next generation. Calls run one after the other, so that an
// earlier one doesn't overwrite a later one.
func (m *Mesh) writeGeneration(ctx context.Context) (int, error) {
	m.settling.Lock()
	defer m.settling.Unlock()
	m.generation++
	generation := strconv.Itoa(m.generation)
	return m.generation, m.Apply(ctx, bytes.ReplaceAll(sentinel, []byte("GENERATION"), []byte(generation)))
}

func (m *Mesh) waitGeneration(ctx context.Context, from Pod, generation int) error {
	client, err := m.Client(ctx, from)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	var last error
	err = wait.PollUntilContextTimeout(ctx, pollInterval/2, settleTimeout, true, func(ctx context.Context) (bool, error) {
		var seen string
		if seen, last = get(ctx, client, sentinelURL); last == nil {
			// Another call may have written a later generation.
			if got, err := strconv.Atoi(seen); err != nil || got < generation {
				last = fmt.Errorf("the proxy has generation %q, not %d", seen, generation)
			}
		}
		if last == nil {
			return true, nil
		}
		return m.gone(ctx, from), nil
	})
	if err == nil {
		return nil
	}
	return errors.Join(err, last)
}

// gone reports whether a Pod has ended meanwhile, or is terminating.
func (m *Mesh) gone(ctx context.Context, pod Pod) bool {
	object, err := m.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || err == nil && !Ready(object)
}

func get(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return string(body), err
}

// HasSidecar reports whether Istio injected a sidecar; a gateway has none.
func HasSidecar(pod *corev1.Pod) bool { return proxyRole(pod) == "sidecar" }

// IsGateway reports whether a Pod is an Istio gateway.
func IsGateway(pod *corev1.Pod) bool { return proxyRole(pod) == "router" }

// proxyRole returns the role of Istio's proxy in a Pod; empty without one.
func proxyRole(pod *corev1.Pod) string {
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if container.Name == "istio-proxy" && len(container.Args) > 1 {
			return container.Args[1]
		}
	}
	return ""
}
