package agent

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/localmesh/proxy"
)

// askEnvoy sends a request to the admin interface of a pod's proxy.
func askEnvoy(ctx context.Context, box Sandbox, method, path string) (string, error) {
	admin := net.JoinHostPort("127.0.0.1", strconv.Itoa(proxy.AdminPort))
	request, err := http.NewRequestWithContext(ctx, method, "http://"+admin+path, nil)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	response, err := httpClient(box).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := readAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read answer of Envoy: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return body, nil
}

// envoyReady applies the criterion of Istio's agent: Envoy is live, and has received
// clusters and listeners from istiod. If it rejected them, it is live, too.
func envoyReady(ctx context.Context, box Sandbox) error {
	if _, err := askEnvoy(ctx, box, http.MethodGet, "/ready"); err != nil {
		return err
	}
	stats, err := askEnvoy(ctx, box, http.MethodGet, `/stats?filter=(cds|lds)\.update_success$`)
	if err != nil {
		return err
	}
	return configured(stats)
}

// configured reads lines of the form NAME: NUMBER.
func configured(stats string) error {
	for _, name := range []string{"cluster_manager.cds.update_success", "listener_manager.lds.update_success"} {
		taken := slices.ContainsFunc(strings.Split(stats, "\n"), func(line string) bool {
			value, found := strings.CutPrefix(line, name+": ")
			return found && value != "0"
		})
		if !taken {
			return fmt.Errorf("the proxy has taken no configuration from istiod yet: %s is 0", name)
		}
	}
	return nil
}

// drainEnvoy makes a proxy ask its clients to leave; a sidecar keeps serving its own
// pod's calls. With stay it does not end by itself after that.
func drainEnvoy(ctx context.Context, box Sandbox, kind part, stay bool) error {
	path := "/drain_listeners?graceful"
	if kind == sidecarProxy {
		path = "/drain_listeners?inboundonly&graceful"
	}
	if stay {
		path += "&skip_exit"
	}
	_, err := askEnvoy(ctx, box, http.MethodPost, path)
	return err
}

// hook returns the function that runs a lifecycle hook, outside of the loop.
func (w *worker) hook(c *container, e *execution, handler *corev1.LifecycleHandler) check {
	box, at := w.box, w.at
	switch {
	case handler.Exec != nil && istioPart(c.spec).envoy():
		return w.agentHook(c, e, handler.Exec.Command)
	case handler.Exec != nil:
		return w.execute(c, e, handler.Exec)
	case handler.HTTPGet != nil:
		return func(ctx context.Context) error { return httpGet(ctx, box, at, c.spec, handler.HTTPGet) }
	case handler.Sleep != nil:
		return func(ctx context.Context) error { return pause(ctx, seconds(handler.Sleep.Seconds)) }
	default:
		// tcpSocket exists for compatibility, and does nothing in a cluster either.
		return func(context.Context) error { return nil }
	}
}

// agentHook replaces commands of Istio's own agent in a proxy's container.
//
//	pilot-agent wait                      until the proxy is ready
//	pilot-agent request … POST drain      take no new connections
func (w *worker) agentHook(c *container, e *execution, command []string) check {
	box, kind := w.box, istioPart(c.spec)
	switch {
	case slices.Equal(command, []string{"pilot-agent", "wait"}):
		return func(ctx context.Context) error {
			for {
				err := envoyReady(ctx, box)
				if err == nil || pause(ctx, soonest) != nil {
					return err
				}
			}
		}
	case len(command) > 2 && command[0] == "pilot-agent" && slices.Equal(command[len(command)-2:], []string{"POST", "drain"}):
		return func(ctx context.Context) error {
			err := drainEnvoy(ctx, box, kind, true)
			w.post(func() { e.drained = err == nil })
			return err
		}
	default:
		return w.execute(c, e, &corev1.ExecAction{Command: command})
	}
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
