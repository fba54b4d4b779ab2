package program

import (
	"bytes"
	"context"
	_ "embed" // the module's go.mod and go.sum
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// IstioVersion is what istiod and istioctl say they are. istio.mod pins the
// commit, which has no tag of its own in Go's terms.
const IstioVersion = "1.31.0"

// IstioVariable is the variable of the environment that names another version of
// the Go module istio.io/istio, such as v0.0.0-20260423205519-b01690e6db7d.
const IstioVariable = "OVERRIDES_ISTIO"

const istioPath = "istio.io/istio"

var (
	//go:embed istio.mod
	istioMod []byte
	//go:embed istio.sum
	istioSum []byte
)

// Istio returns the module of pilot-discovery, which is istiod, and istioctl: of
// the version that IstioVariable names, else of the one that is pinned here.
func Istio() Module { return IstioAt(os.Getenv(IstioVariable)) }

// IstioAt returns the same of a version of the Go module istio.io/istio; of the one
// that is pinned here if version is empty.
//
// The versions of what another version depends on are those that Go selects for it,
// which are the same at any time. Its own go.sum vouches for their contents, and
// Go's checksum database for what is not in that.
func IstioAt(version string) Module {
	if version == "" || bytes.Contains(istioMod, []byte(istioPath+" "+version+" ")) {
		return Module{Name: "istio", Mod: istioMod, Sum: istioSum, Programs: istioPrograms("-X " + istioBuild + "buildVersion=" + IstioVersion)}
	}
	return Module{
		Name:     "istio",
		Mod:      fmt.Appendf(nil, "module github.com/overrides-mesh/overrides/localmesh/program/istio\n\ngo 1.26.8\n\nrequire %s %s\n", istioPath, version),
		Programs: istioPrograms(""),
		resolve:  func(ctx context.Context, dir string) ([]Program, error) { return resolveIstio(ctx, dir, version) },
	}
}

const istioBuild = istioPath + "/pkg/version."

// istioPrograms returns the programs, which are told by flags of the linker what
// they are.
func istioPrograms(identity string) []Program {
	// Istio leaves out what its own images do: generated code takes its place.
	flags := []string{"-tags=vtprotobuf,disable_pgv", "-ldflags=-s -w " + identity}
	return []Program{
		{Name: "pilot-discovery", Package: istioPath + "/pilot/cmd/pilot-discovery", Flags: flags},
		{Name: "istioctl", Package: istioPath + "/istioctl/cmd/istioctl", Flags: flags},
	}
}

// resolveIstio adds all requirements of a version of Istio to the go.mod in dir.
func resolveIstio(ctx context.Context, dir, version string) ([]Program, error) {
	source, err := download(ctx, dir, istioPath)
	if err != nil {
		return nil, err
	}
	sums, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return nil, fmt.Errorf("read the checksums of Istio: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		return nil, fmt.Errorf("write checksums: %w", err)
	}
	args := []string{"get", "-tool"}
	for _, p := range istioPrograms("") {
		args = append(args, p.Package+"@"+version)
	}
	if output, err := goCommand(ctx, dir, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("find what Istio %s requires: %w: %s", version, err, output)
	}
	release, err := istioRelease(ctx, dir)
	if err != nil {
		return nil, err
	}
	// The tag of its image tells proxies which version they are.
	const set = " -X " + istioBuild
	identity := set + "buildVersion=" + release + set + "buildTag=" + release + set + "buildHub=docker.io/istio"
	return istioPrograms(identity), nil
}

var releaseNumber = regexp.MustCompile(`^v(\d+\.\d+\.\d+)`)

// istioRelease returns the release that a version of Istio is, or is about to be:
// that of its API.
func istioRelease(ctx context.Context, dir string) (string, error) {
	output, err := goCommand(ctx, dir, "list", "-m", "-json", "istio.io/api").Output()
	if err != nil {
		return "", fmt.Errorf("find the version of Istio's API: %w", err)
	}
	var module struct{ Version string }
	if err := json.Unmarshal(output, &module); err != nil {
		return "", fmt.Errorf("find the version of Istio's API: %w", err)
	}
	found := releaseNumber.FindStringSubmatch(module.Version)
	if found == nil {
		return "", fmt.Errorf("version %s of Istio's API is no release", module.Version)
	}
	return found[1], nil
}
