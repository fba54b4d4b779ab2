package program

import _ "embed" // the modules' go.mod and go.sum

// Modules of the controllers that tests run beside Overrides, and the paths of their
// CustomResourceDefinitions in their sources.
const (
	FlaggerPath = "github.com/fluxcd/flagger"
	FlaggerCRDs = "artifacts/flagger/crd.yaml"
	ArgoPath    = "github.com/argoproj/argo-rollouts"
	ArgoCRDs    = "manifests/crds"
)

var (
	//go:embed flagger.mod
	flaggerMod []byte
	//go:embed flagger.sum
	flaggerSum []byte
	//go:embed argo.mod
	argoMod []byte
	//go:embed argo.sum
	argoSum []byte
)

// Flagger returns the module of flagger. The program's name is also its field manager.
func Flagger() Module {
	return Module{
		Name: "flagger", Mod: flaggerMod, Sum: flaggerSum,
		Programs: []Program{{Name: "flagger", Package: FlaggerPath + "/cmd/flagger", Flags: stripped}},
	}
}

// ArgoRollouts returns the module of rollouts-controller, whose name is also its field
// manager.
func ArgoRollouts() Module {
	return Module{
		Name: "argo-rollouts", Mod: argoMod, Sum: argoSum,
		Programs: []Program{{Name: "rollouts-controller", Package: ArgoPath + "/cmd/rollouts-controller", Flags: stripped}},
	}
}
