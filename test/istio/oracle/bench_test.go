package oracle_test

import (
	"os"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// BenchmarkCase measures one generated case: the translation of objects for one caller,
// and twenty requests.
func BenchmarkCase(b *testing.B) {
	data, err := os.ReadFile("testdata/match-headers.txtar")
	if err != nil {
		b.Fatal(err)
	}
	var manifests []byte
	for _, file := range txtar.Parse(data).Files {
		if file.Name != "requests" {
			manifests = append(append(manifests, "\n---\n"...), file.Data...)
		}
	}
	for b.Loop() {
		mesh, err := oracle.Load(manifests, oracle.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for range 20 {
			request := oracle.Request{To: "reviews.prod.svc.cluster.local", Port: 9080}
			if _, err := mesh.Send(oracle.Proxy{Namespace: "prod"}, request); err != nil {
				b.Fatal(err)
			}
		}
		mesh.Close()
	}
}
