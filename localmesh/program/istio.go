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

// IstioVersion is the version that istiod and istioctl report. istio.mod pins the commit,
// which has no semantic version tag for Go.
const IstioVersion = "1.31.0"

// IstioVariable is the environment variable for another version of the Go module
// istio.io/istio, such as v0.0.0-20260423205519-b01690e6db7d.
const IstioVariable = "OVERRIDES_ISTIO"

const istioPath = "istio.io/istio"

var (
	//go:embed istio.mod
	istioMod []byte
	//go:embed istio.sum
	istioSum []byte
)

// Istio returns the module of pilot-discovery, which is istiod, and istioctl, in the
// version in IstioVariable, else the pinned version.
func Istio() Module { return IstioAt(os.Getenv(IstioVariable)) }

// IstioAt returns the same in a version of the Go module istio.io/istio; in the pinned
// version if version is empty.
//
// Go selects the versions of another version's dependencies, always the same ones. Its
// own go.sum verifies their contents, and Go's checksum database the rest.
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

// istioPrograms returns the programs, whose identity the linker's flags set.
func istioPrograms(identity string) []Program {
	// Istio's own images also leave this out: generated code replaces it.
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
	// The tag of its image tells proxies their version.
	const set = " -X " + istioBuild
	identity := set + "buildVersion=" + release + set + "buildTag=" + release + set + "buildHub=docker.io/istio"
	return istioPrograms(identity), nil
}

var releaseNumber = regexp.MustCompile(`^v(\d+\.\d+\.\d+)`)

// istioRelease returns the release that a version of Istio is or precedes: the release of
// its API.
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
