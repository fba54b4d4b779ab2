package stage

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
)

const (
	// adminAddress is the address of a sidecar's admin interface, in its pod.
	adminAddress = "127.0.0.1:15000"
	// proxyContainer is the name of a sidecar's container.
	proxyContainer = "istio-proxy"
	// pollInterval is the time between questions while waiting, and settleTimeout limits
	// the waiting.
	pollInterval  = 50 * time.Millisecond
	settleTimeout = time.Minute
)

// settle returns when all sidecars have all routes, and those of the world the endpoints
// of its clusters; with ours, also those of Overrides' subsets.
func (d *Deployment) settle(ctx context.Context, ours bool) error {
	if err := d.mesh.Settle(ctx); err != nil {
		return err
	}
	proxies, err := d.proxies(ctx)
	if err != nil {
		return err
	}
	want := d.oracle.Endpoints(ours)
	for _, pod := range proxies {
		if err := d.awaitEndpoints(ctx, pod, want); err != nil {
			return fmt.Errorf("settle %s: %w", pod.Name, err)
		}
	}
	return nil
}

// proxies are the pods with a sidecar in the world's namespaces, and the callers
// elsewhere.
func (d *Deployment) proxies(ctx context.Context) ([]localmesh.Pod, error) {
	found := map[localmesh.Pod]bool{}
	for _, pod := range d.callers {
		found[pod] = true
	}
	for _, namespace := range d.world.Namespaces {
		pods, err := d.mesh.Pods(ctx, namespace, "")
		if err != nil {
			return nil, err
		}
		for i := range pods {
			if localmesh.HasSidecar(&pods[i]) {
				found[localmesh.Pod{Namespace: namespace, Name: pods[i].Name, IP: pods[i].Status.PodIP}] = true
			}
		}
	}
	return slices.Collect(maps.Keys(found)), nil
}

func (d *Deployment) awaitEndpoints(ctx context.Context, pod localmesh.Pod, want map[string]int) error {
	admin := d.admin(pod)
	defer admin.CloseIdleConnections()
	return poll(ctx, func() (string, error) {
		got, err := endpoints(ctx, admin)
		if err != nil {
			return "", err
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if count, known := got[name]; d.world.Scoped && (!known || count >= want[name]) {
				continue // some are known, or come from, where it was not looked
			}
			if got[name] != want[name] {
				return fmt.Sprintf("cluster %s has %d endpoints, want %d", name, got[name], want[name]), nil
			}
		}
		return "", nil
	})
}

// admin returns a client for the admin interface of a sidecar.
func (d *Deployment) admin(pod localmesh.Pod) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.mesh.Dial(ctx, pod, adminAddress)
	}}}
}

// endpoints counts the healthy endpoints of each cluster of an Envoy.
func endpoints(ctx context.Context, admin *http.Client) (map[string]int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+adminAddress+"/clusters", http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := admin.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for clusters: %w", err)
	}
	defer response.Body.Close()
	out := map[string]int{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		// NAME::ADDRESS::health_flags::healthy
		rest, healthy := strings.CutSuffix(lines.Text(), "::health_flags::healthy")
		name, _, _ := strings.Cut(rest, "::")
		if out[name] += 0; healthy {
			out[name]++
		}
	}
	return out, nil
}

// poll calls missing until it returns "".
func poll(ctx context.Context, missing func() (string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		what, err := missing()
		if err != nil || what == "" {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", ctx.Err(), what)
		}
	}
}
