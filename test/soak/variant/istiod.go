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

// rights are the documents of a manifest that say who may do what.
var rights = regexp.MustCompile(`(?m)^kind: (Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$`)

// Rights applies what manifests say of who may do what, and leaves out all else: the
// operator is not run by the mesh.
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

// IstiodSync returns what the operator has to be told in order to ask istiod, which is
// reached from outside the mesh through a port of its own. The service account in
// whose name it asks must be there: see Rights.
func IstiodSync(ctx context.Context, mesh *localmesh.Mesh) ([]string, error) {
	address, err := mesh.Forward(ctx, localmesh.Pod{}, machine.NodeAddress+":15012")
	if err != nil {
		return nil, fmt.Errorf("forward to istiod: %w", err)
	}
	return []string{"--istiod-sync", "auto", "--istiod-address", address}, nil
}
