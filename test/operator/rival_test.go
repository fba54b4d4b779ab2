package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/overrides-mesh/overrides/internal/istio"
)

// TestRivals: of two operators with different flags and without names, each notices that
// its writes are undone, reports this, and writes less and less often.
func TestRivals(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "rivals")
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	first := run(t, s.config, options(s.namespace))
	s.converges(t, 2)
	o := options(s.namespace)
	o.Model.VersionLabel = "release"
	second := run(t, s.config, o)
	s.hasWarning(t, "WriteUndone", "another operator with other flags?")
	for _, r := range []*running{first, second} {
		eventually(t, "the log", func(context.Context) string {
			if strings.Contains(r.log.String(), "code=WriteUndone") {
				return ""
			}
			return r.log.String()
		})
	}
	// Each waits for a second, two, four, eight: without that, there would be hundreds of
	// writes.
	first.writes()
	second.writes()
	pause := time.NewTimer(5 * time.Second)
	defer pause.Stop()
	select {
	case <-t.Context().Done():
	case <-pause.C:
	}
	if n := len(first.writes()) + len(second.writes()); n > 40 {
		t.Errorf("%d writes in 5 s", n)
	}
	second.stop()
	s.converges(t, 2)
}

// TestInstances: an operator leaves objects of another installation alone, and reports
// this. Objects without a name belong to any installation.
func TestInstances(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "instances")
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	nameless := run(t, s.config, options(s.namespace))
	s.converges(t, 2)
	nameless.stop()
	s.deploy(t, "v3")
	s.ready(t, "v3", true)
	o := options(s.namespace)
	o.Instance = "first"
	first := run(t, s.config, o)
	s.converges(t, 2)
	s.hasInstance(t, "first")
	o.Instance, o.Model.VersionLabel = "second", "release"
	second := run(t, s.config, o)
	s.hasWarning(t, "OtherInstance", "it belongs to the installation first of Overrides, and this one is second")
	if writes := second.writes(); len(writes) > 0 {
		t.Errorf("the second operator has written %v", writes)
	}
	first.writes()
	s.remove(t, "v3")
	s.converges(t, 2)
	s.hasInstance(t, "first")
	if strings.Contains(first.log.String(), "WriteUndone") {
		t.Error("the first one takes the second for a rival")
	}
}

// hasInstance waits until all written objects name an installation.
func (s *shop) hasInstance(t *testing.T, want string) {
	t.Helper()
	eventually(t, "instance", func(ctx context.Context) string {
		for _, resource := range []schema.GroupVersionResource{virtualServices, destinationRules} {
			list, err := s.objects.Resource(resource).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err.Error()
			}
			for i := range list.Items {
				if got := list.Items[i].GetAnnotations()[istio.InstanceAnnotation]; got != want {
					return fmt.Sprintf("%s %s is of %q", list.Items[i].GetKind(), list.Items[i].GetName(), got)
				}
			}
		}
		return ""
	})
}

// hasWarning waits until there is a Warning of a reason on the Service that mentions a
// text.
func (s *shop) hasWarning(t *testing.T, reason, text string) {
	t.Helper()
	eventually(t, "Event "+reason, func(ctx context.Context) string {
		list, err := s.kube.EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		all := "there are"
		for _, e := range list.Items {
			if e.Regarding.Name == "cart" && e.Type == "Warning" && e.Reason == reason && strings.Contains(e.Note, text) {
				return ""
			}
			all += fmt.Sprintf("\n%s %s: %s", e.Type, e.Reason, e.Note)
		}
		return all
	})
}
