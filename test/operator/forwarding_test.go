package operator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/model"
)

const carriedBySidecars = `
apiVersion: overrides.mesh/v1alpha1
kind: OverridePolicy
metadata: {name: carried}
spec: {targetRefs: [{kind: Service, name: cart}], forwarding: Sidecar}
`

// TestForwarding: the filter comes and goes with its policy, and comes back if somebody deletes it. When
// the policy asks for tokens, too, it brings back tokens alone before any row counts on that.
func TestForwarding(t *testing.T) {
	t.Parallel()
	s, r := openWithFilters(t, "forwarding")
	s.create(t, policies, carriedBySidecars)
	s.carries(t, "true and coded(headers)")
	check(t, s.objects.Resource(envoyFilters).Namespace(s.namespace).Delete(t.Context(), model.ForwardingFilter("").Name, metav1.DeleteOptions{}))
	s.carries(t, "true and coded(headers)")
	if got, want := r.awaitWrites(t, 2), []string{"PATCH envoyfilters", "PATCH envoyfilters"}; !slices.Equal(got, want) {
		t.Errorf("the writes are %q, want %q", got, want)
	}
	access := `{"spec":{"access":{"mode":"Token","token":{"jwksService":{"name":"keys","namespace":"overrides-system"}}}}}`
	_, err := s.objects.Resource(policies).Namespace(s.namespace).Patch(t.Context(), "carried", types.MergePatchType, []byte(access), metav1.PatchOptions{})
	check(t, err)
	s.rows(t, `"sourceNamespace":"`+s.namespace+`"`, 1)
	got := r.awaitWrites(t, 4)
	if len(got) != 4 || got[3] != "PATCH virtualservices" {
		t.Errorf("the writes are %q, want both filters before the last rows", got)
	}
	s.carries(t, "false and coded(headers)")
	check(t, s.objects.Resource(policies).Namespace(s.namespace).Delete(t.Context(), "carried", metav1.DeleteOptions{}))
	s.gone(t, envoyFilters)
	s.converges(t, 2)
}

// awaitWrites returns the writes of filters and routes since the last call, when there are some many: a
// write is noted after it has had its effect.
func (r *running) awaitWrites(t *testing.T, many int) []string {
	t.Helper()
	var got []string
	eventually(t, "writes", func(context.Context) string {
		if got = append(got, r.writesOf("envoyfilters", "virtualservices")...); len(got) < many {
			return fmt.Sprintf("the writes are %q", got)
		}
		return ""
	})
	return got
}

// carries waits until the filter that carries overrides has a text.
func (s *shop) carries(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the filter has "+text, func(ctx context.Context) string {
		filter, err := s.objects.Resource(envoyFilters).Namespace(s.namespace).Get(ctx, model.ForwardingFilter("").Name, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		if script, err := filter.MarshalJSON(); err != nil || !strings.Contains(string(script), text) {
			return "it has another text"
		}
		return ""
	})
}
