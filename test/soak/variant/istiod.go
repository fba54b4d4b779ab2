package variant

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/machine"
)

// rights matches the RBAC documents of a manifest.
var rights = regexp.MustCompile(`(?m)^kind: (Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$`)

// Rights applies the RBAC objects of manifests, and nothing else: the mesh does not run
// the operator.
func Rights(ctx context.Context, mesh *localmesh.Mesh, manifests ...string) error {
	for _, manifest := range manifests {
		text, err := os.ReadFile(manifest)
		if err != nil {
			return fmt.Errorf("read rights: %w", err)
		}
		documents := slices.DeleteFunc(bytes.Split(text, []byte("\n---\n")), func(d []byte) bool { return !rights.Match(d) })
		if err := mesh.Apply(ctx, bytes.Join(documents, []byte("\n---\n"))); err != nil {
			return fmt.Errorf("apply the rights of %s: %w", manifest, err)
		}
	}
	return nil
}

// IstiodSync returns the operator's flags for asking istiod, which it reaches from
// outside the mesh through a port of its own. Its service account must exist: see Rights.
func IstiodSync(ctx context.Context, mesh *localmesh.Mesh) ([]string, error) {
	address, err := mesh.Forward(ctx, localmesh.Pod{}, machine.NodeAddress+":15012")
	if err != nil {
		return nil, fmt.Errorf("forward to istiod: %w", err)
	}
	return []string{"--istiod-sync", "auto", "--istiod-address", address}, nil
}
