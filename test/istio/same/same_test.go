package same_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	istiolog "istio.io/istio/pkg/log"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/same"
)

// TestMain silences istiod, which logs much about each mesh.
func TestMain(m *testing.M) {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}

// TestDifferences runs the cases of testdata, and compares each with its comment.
func TestDifferences(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/cases.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		if strings.HasPrefix(file.Name, "users") {
			continue
		}
		t.Run(strings.TrimSuffix(file.Name, ".yaml"), func(t *testing.T) {
			t.Parallel()
			users := join(section(archive, "users.yaml"), section(archive, "users-"+file.Name))
			before, after := send(t, users), send(t, join(users, file.Data))
			got := same.Differences(before, after, pin)
			want := wanted(file.Data)
			if len(got) != len(want) || !slices.EqualFunc(got, want, strings.Contains) {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func pin(host, subset string) (same.Target, bool) {
	return same.Target{Host: host}, strings.HasPrefix(subset, "released")
}

func send(t *testing.T, manifests []byte) oracle.Answer {
	t.Helper()
	mesh, err := oracle.Load(manifests, oracle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mesh.Close)
	request := oracle.Request{To: "cart.shop.svc.cluster.local", Port: 80, Path: "/api"}
	answer, err := mesh.Send(oracle.Proxy{Namespace: "lab"}, request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func section(archive *txtar.Archive, name string) []byte {
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return archive.Files[i].Data
}

func join(a, b []byte) []byte { return slices.Concat(a, []byte("\n---\n"), b) }

func wanted(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		want, ok := strings.CutPrefix(strings.TrimSpace(line), "# want: ")
		if !ok {
			break
		}
		out = append(out, want)
	}
	return out
}
