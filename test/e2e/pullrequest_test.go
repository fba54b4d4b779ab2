package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	prShop = "pr-shop"
	// ours selects the objects of Overrides.
	ours = "app.kubernetes.io/managed-by=overrides"
	// shopperRate is the number of ordinary requests per second: each has three hops, so that a busy
	// machine can serve no more.
	shopperRate = 50
	// visitorRate is the number of requests per second of somebody with the cookie.
	visitorRate = 20
)

// TestPullRequest plays the life of a pull request of two services, in a namespace of its own,
// beside an operator: it is previewed, opened by a link, pushed to, and expires, and its owner
// deletes the namespace. All the time ordinary requests go through the gateway. None of them
// fails or is served by the preview, no request with the cookie fails, and nothing is left.
func TestPullRequest(t *testing.T) {
	s := openShop(t, mesh(t), prShop)
	p := &pullRequest{shop: s, own: prShop + "-pr-118"}
	operate(t, s.mesh, prShop+","+p.own)
	ordinary := s.ordinary(t)
	s.entry(t)
	s.apply(t, "testdata/pullrequest.yaml", "")
	s.namespaces = append(s.namespaces, p.own)

	p.push(t, "first-push", "3d")
	p.event(t, s.namespace, "VersionOverridable", "web:pr-118")
	p.event(t, s.namespace, "VersionOverridable", "cart:pr-118")
	visitor := p.open(t, "first-push")
	if t.Log(p.made(t)); len(p.made(t)) == 0 {
		t.Error("nothing of Overrides is there, although the link works")
	}
	pages := p.pages(t, visitor, "first-push", "second-push")
	s.linger(t, ordinary)

	p.push(t, "second-push", "3d")
	p.open(t, "second-push")
	s.linger(t, ordinary)
	p.end(t, pages)

	pages = p.pages(t, visitor, "second-push", "")
	p.push(t, "second-push", "3s")
	for _, name := range []string{"web", "cart"} {
		p.event(t, s.namespace, "PreviewExpired", "version pr-118 expired")
		p.event(t, p.own, "PreviewExpired", "it is version pr-118 of Service "+name+"."+s.namespace)
	}
	programtest.Eventually(t, time.Minute, 20*time.Millisecond, "the cookie leads to the released versions", func(ctx context.Context) string {
		if got, err := s.visit(ctx, visitor, "/"); err != nil || got != "/ by web:v1 cart:v1" {
			return fmt.Sprint(got, err)
		}
		return ""
	})
	s.linger(t, ordinary)
	p.end(t, pages)

	p.withdraw(t)
	s.linger(t, ordinary)
	p.end(t, ordinary)
}

// pullRequest is a pull request's namespace.
type pullRequest struct {
	*shop
	// own is the namespace.
	own string
}

// pushes are the images of the pull request: programs that add their name to the version that
// they answer with. The local mesh runs them as images.
func pushes(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"first-push", "second-push"} {
		out[name] = filepath.Join(shared.dir, name)
		script := fmt.Sprintf("#!/bin/sh\nVERSION=\"$VERSION/%s\" exec '%s'\n", name, shared.programs.Sample)
		if err := os.WriteFile(out[name], []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// ordinary sends ordinary requests from now on.
func (s *shop) ordinary(t *testing.T) *load.Load {
	t.Helper()
	return load.Start(t.Context(), load.Source{
		Name: "ordinary", Rate: shopperRate,
		Send: func(ctx context.Context) (string, error) { return s.visit(ctx, s.client, "/items/7") },
		Want: func(answer string) bool { return answer == "/items/7 by web:v1 cart:v1" },
	})
}

// linger waits for another two seconds' worth of ordinary requests.
func (*shop) linger(t *testing.T, ordinary *load.Load) {
	t.Helper()
	sent := ordinary.Counts()[0].Sent
	await(t, "further requests", func() bool { return ordinary.Counts()[0].Sent >= sent+2*shopperRate })
}

// push applies what overrides preview prints for both services, in the namespace of the pull
// request, and waits for the pods.
func (p *pullRequest) push(t *testing.T, image, expires string) {
	t.Helper()
	for _, service := range []string{"web", "cart"} {
		printed := p.printed(t, "preview", service+"."+p.namespace, "-A", "--preview-namespace", p.own,
			"--image", image+":pr-118", "--name", "pr-118", "--owner", "alice", "--expires", expires)
		objects, err := controlplane.Decode(printed)
		if err != nil || len(objects) != 4 { // with the aliases of both Services
			t.Fatalf("the preview of %s has %d objects, %v", service, len(objects), err)
		}
		if err := p.mesh.ApplyObjects(t.Context(), objects...); err != nil {
			t.Fatal(err)
		}
	}
	p.waitReady(t)
}

// event waits for an Event in a namespace.
func (p *pullRequest) event(t *testing.T, namespace, reason, message string) {
	t.Helper()
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, reason+" "+message, func(ctx context.Context) string {
		list, err := p.mesh.Kubernetes().CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		if !hasEvent(list.Items, reason, message) {
			return fmt.Sprintf("none of %d Events says so", len(list.Items))
		}
		return ""
	})
}

// hasEvent reports whether an Event of a reason has a text.
func hasEvent(all []corev1.Event, reason, text string) bool {
	for i := range all {
		if all[i].Reason == reason && strings.Contains(all[i].Message, text) {
			return true
		}
	}
	return false
}

// open opens the link until the page comes from an image of the pull request, in both hops, and
// returns the visitor.
func (p *pullRequest) open(t *testing.T, image string) *http.Client {
	t.Helper()
	var visitor *http.Client
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, "the link", func(ctx context.Context) string {
		visitor = p.visitor(t)
		want := fmt.Sprintf("/items/118?a=1 by web:pr-118/%s cart:pr-118/%[1]s", image)
		if got, err := p.visit(ctx, visitor, "/items/118?a=1&x-override=pr-118"); err != nil || got != want {
			return fmt.Sprint(got, err)
		}
		return ""
	})
	return visitor
}

// pages sends the visitor's requests from now on. Each hop is served by one of two images of the
// pull request; if the second has no name, by the released version.
func (p *pullRequest) pages(t *testing.T, visitor *http.Client, first, second string) *load.Load {
	t.Helper()
	other := "pr-118/" + second
	if second == "" {
		other = "v1"
	}
	want := map[string]bool{}
	for _, web := range []string{"pr-118/" + first, other} {
		for _, cart := range []string{"pr-118/" + first, other} {
			want[fmt.Sprintf("/ by web:%s cart:%s", web, cart)] = true
		}
	}
	return load.Start(t.Context(), load.Source{
		Name: "with the cookie", Rate: visitorRate,
		Send: func(ctx context.Context) (string, error) { return p.visit(ctx, visitor, "/") },
		Want: func(answer string) bool { return want[answer] },
	})
}

// end ends a load. No request may have failed, or been served by others.
func (p *pullRequest) end(t *testing.T, l *load.Load) {
	t.Helper()
	for _, count := range l.Stop() {
		if t.Log(count.String()); !count.OK() {
			t.Errorf("requests failed, or were misrouted: %s", count.String())
		}
	}
}

// withdraw deletes the namespace of the pull request, as its owner does, and waits until it is
// gone, and all objects of Overrides.
func (p *pullRequest) withdraw(t *testing.T) {
	t.Helper()
	namespaces := p.mesh.Kubernetes().CoreV1().Namespaces()
	if err := namespaces.Delete(t.Context(), p.own, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, 2*time.Minute, 100*time.Millisecond, "nothing is left", func(ctx context.Context) string {
		if _, err := namespaces.Get(ctx, p.own, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("namespace %s is there (%v)", p.own, err)
		}
		return strings.Join(p.made(t), ", ")
	})
}

// made lists the objects of Overrides for the shop.
func (p *pullRequest) made(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, kind := range []string{"virtualservices", "destinationrules"} {
		list := &unstructured.UnstructuredList{}
		text, err := p.mesh.Kubernetes().Discovery().RESTClient().Get().
			AbsPath("/apis/networking.istio.io/v1", kind).Param("labelSelector", ours).DoRaw(t.Context())
		if err := errors.Join(err, list.UnmarshalJSON(text)); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			if of := list.Items[i].GetNamespace(); of == p.namespace || of == p.own {
				out = append(out, fmt.Sprintf("%s %s/%s", kind, of, list.Items[i].GetName()))
			}
		}
	}
	return out
}
