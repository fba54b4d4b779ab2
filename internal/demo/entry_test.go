package demo

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/model"
)

// calling is a state of Services in namespace shop, "a b c" for a, which calls b
// and c. Each has a v1 and a v2.
func calling(t *testing.T, services ...string) *State {
	t.Helper()
	var b strings.Builder
	for _, s := range services {
		names := strings.Fields(s)
		b.WriteString("---\napiVersion: v1\nkind: Service\nmetadata: {name: " + names[0] + ", namespace: shop}\n" +
			"spec: {selector: {app: " + names[0] + "}, ports: [{name: http, port: 80}]}\n")
		for _, version := range []string{"v1", "v2"} {
			labels := "{app: " + names[0] + ", version: " + version + "}"
			b.WriteString("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + names[0] + "-" + version + ", namespace: shop}\n" +
				"spec:\n  selector: {matchLabels: " + labels + "}\n  template:\n    metadata: {labels: " + labels + "}\n" +
				"    spec: {containers: [{name: c, env: [{name: NEXT, value: \"")
			for _, next := range names[1:] {
				b.WriteString("http://" + next + ".shop/ ")
			}
			b.WriteString("\"}]}]}\n")
		}
	}
	state, err := Embedded(t.Context(), fstest.MapFS{"d/all.yaml": {Data: []byte(b.String())}}, "d", model.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if state.Broken() {
		t.Fatal(state.Diagnostics)
	}
	return state
}

func TestEntry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		services []string
		want     string
	}{
		"the longest chain":               {[]string{"a z", "b c", "c d", "d", "z"}, "b"},
		"not one that is called":          {[]string{"p q", "q p b", "b c", "c", "a"}, "a"},
		"the first of equals":             {[]string{"b", "a"}, "a"},
		"in a circle, with the most":      {[]string{"a b", "b a"}, "a"},
		"calls to nobody count for none":  {[]string{"a nobody", "b c", "c"}, "b"},
		"a Service that calls two others": {[]string{"a b c", "b", "c d", "d"}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := calling(t, test.services...).Entry(); got.Name != test.want || got.Host != test.want+".shop.svc.cluster.local" {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
	empty := calling(t, "a")
	empty.Snapshot.Services = nil
	if got := empty.Entry(); got != (Entry{}) {
		t.Errorf("without a Service: %+v", got)
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		services, want []string
	}{
		"one":   {[]string{"a"}, []string{"a:v2", "a:v404;strict"}},
		"three": {[]string{"a b", "b c", "c"}, []string{"b:v2", "b:v2, c:v2", "b:v404;strict"}},
		"a fork": {
			[]string{"a c b", "b d", "c d", "d"},
			[]string{"b:v2", "b:v2, c:v2", "b:v404;strict"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := calling(t, test.services...)
			if d := cmp.Diff(test.want, suggestions(s.others(s.Entry()))); d != "" {
				t.Error(d)
			}
		})
	}
	if got := suggestions(nil); got != nil {
		t.Errorf("without versions: %v", got)
	}
}
