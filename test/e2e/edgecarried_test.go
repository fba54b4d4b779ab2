package e2e_test

import (
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestEdgeCarried compares what explain says that the filter of a gateway makes of a request
// with what arrives behind a real gateway, as TestEdge requires it. It needs no mesh.
func TestEdgeCarried(t *testing.T) {
	t.Parallel()
	preview, err := edge.ParsePreviewHost("*" + edgePreview + "=" + edgeShop)
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range []edge.Policy{edge.Strip, edge.Trust} {
		out, err := edge.Make(&model.Snapshot{Options: model.DefaultOptions()}, &edge.Request{
			Gateway: "public", Namespace: edgeNamespace, Selector: map[string]string{"app": "gateway"}, PodNamespaces: []string{edgeNamespace},
			Policy: policy, PreviewHosts: []edge.PreviewHost{preview}, Cookie: "x-override",
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range atEdgeCases() {
			in := &edge.Incoming{Method: "GET", Host: c.host, Path: "/", Header: map[string][]string{}}
			for name, lines := range c.lines {
				name = strings.ToLower(name)
				in.Header[name] = append(in.Header[name], lines...)
			}
			got, _ := out.Filter.Carried(in)
			header, baggage := c.want(string(policy))
			if joined(got["x-override"]) != header || joined(got["baggage"]) != baggage {
				t.Errorf("%s %s %q carries %q %q, want %q %q", policy, c.host, c.lines, got["x-override"], got["baggage"], header, baggage)
			}
		}
	}
}
