package workload_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/demo/workload"
)

// seen holds the fields of a workload that a test compares.
type seen struct {
	Key            string
	Replicas       int
	Pod            string
	Name, Version  string
	Next, PodName  string
	Namespace, Dot string
}

func look(w *workload.Workload) seen {
	getenv := w.Getenv(w.Pod(0), "version")
	return seen{
		Key: w.Key(), Replicas: w.Replicas, Pod: w.Pod(0),
		Name: getenv("NAME"), Version: getenv("VERSION"), Next: getenv("NEXT"), PodName: getenv("POD_NAME"), Namespace: getenv("NAMESPACE"), Dot: getenv("DOT"),
	}
}

// TestParse reads every kind of workload, and its pods' environment.
func TestParse(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/workloads.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var got []seen
	for _, w := range workload.Parse(archive.Files[0].Data, "default") {
		got = append(got, look(&w))
	}
	want := []seen{
		{Key: "default/DaemonSet/agent", Replicas: 1, Pod: "agent-0", Name: "agent", PodName: "agent-0"},
		{Key: "default/Deployment/listed", Replicas: 1, Pod: "listed-0", Name: "listed", PodName: "listed-0"},
		{Key: "default/Pod/alone", Replicas: 1, Pod: "alone", Name: "app-of-it", Version: "v1", PodName: "alone"},
		{
			Key: "shop/Deployment/web-v2", Replicas: 3, Pod: "web-v2-0", Name: "web", Version: "v2",
			Next: "http://cart/", PodName: "web-v2-0", Namespace: "shop", Dot: "a.b",
		},
		{Key: "shop/Rollout/cart", Replicas: 2, Pod: "cart-0", Name: "cart", Version: "v7", Next: "http://db/", PodName: "cart-0"},
		{Key: "shop/StatefulSet/off", Replicas: 0, Pod: "off-0", Name: "off", PodName: "off-0"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestRevision: pods of another template are other pods; more of them are not.
func TestRevision(t *testing.T) {
	t.Parallel()
	text := func(replicas, version, next string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":` + replicas +
			`,"template":{"metadata":{"labels":{"version":"` + version + `"}},"spec":{"containers":[{"env":[{"name":"NEXT","value":"` + next + `"}]}]}}}}`
	}
	revision := func(replicas, version, next string) string {
		return workload.Parse([]byte(text(replicas, version, next)), "default")[0].Revision()
	}
	base := revision("1", "v1", "http://b/")
	if base == "" || base != revision("2", "v1", "http://b/") {
		t.Error("another number of replicas makes other pods")
	}
	if base == revision("1", "v2", "http://b/") || base == revision("1", "v1", "http://c/") {
		t.Error("another label or another variable makes no other pods")
	}
}
