package demo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// calling returns a state of Services in namespace shop: "a b c" means that a calls b and
// c. Each has a v1 and a v2.
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

// TestCallURL: the URL of a Service has its port if that is not 80, and its namespace if
// the caller is in another one.
func TestCallURL(t *testing.T) {
	t.Parallel()
	port := func(number uint32) model.Port { return model.Port{Number: number, HTTP: number != 6379} }
	for want, test := range map[string]struct {
		ports     []model.Port
		namespace string
	}{
		"http://web/":           {[]model.Port{port(80)}, "shop"},
		"http://web:5000/":      {[]model.Port{port(5000)}, "shop"},
		"http://web.shop:5000/": {[]model.Port{port(9000), port(6379), port(5000)}, "lab"},
		"http://web.shop/":      {[]model.Port{port(80), port(90)}, "lab"},
	} {
		if got := callURL(&model.Service{Namespace: "shop", Name: "web", Ports: test.ports}, test.namespace); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestEntryAnswers: the entry is a Service that can answer, and the load and the printed
// commands use its port.
func TestEntryAnswers(t *testing.T) {
	t.Parallel()
	s := calling(t, "a b", "b", "c")
	services := s.Snapshot.Services
	services[2].Ports[0].Number = 7000
	if got := s.lastURL(s.Entry()); got != "http://b/" {
		t.Errorf("the last of the chain is called by %s", got)
	}
	services[0].Ports[0].HTTP = false
	services[1].Backends = nil
	if got, want := s.target().URL, "http://c:7000/"; s.Entry().Name != "c" || got != want {
		t.Errorf("%+v is called by %s, want %s", s.Entry(), got, want)
	}
	services[2].Backends[0].Ready, services[2].Backends[1].Ready = 0, 0
	if got := s.Entry(); got != (Entry{}) {
		t.Errorf("nobody can answer, and %+v is to", got)
	}
}

// TestFolderUnreadable: a dangling link is reported, and the rest of the folder is read.
func TestFolderUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Chain); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere.yaml", filepath.Join(dir, "chain", "gone.yaml")); err != nil {
		t.Skip(err)
	}
	s, err := Folder(t.Context(), dir, model.DefaultOptions())
	if err != nil || !s.Broken() || len(s.Workloads) == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if !slices.ContainsFunc(s.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.UnreadableFile }) {
		t.Error(s.Diagnostics)
	}
}
