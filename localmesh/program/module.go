package program

import (
	"context"
	"crypto/sha256"
	_ "embed" // the modules' go.mod and go.sum
	"encoding/hex"
	"fmt"
	"runtime"
)

// KubernetesVersion is the version that kubernetes.mod requires, and that the API server
// reports.
const KubernetesVersion = "v1." + KubernetesMinor + ".2"

// KubernetesMinor is the minor version in KubernetesVersion.
const KubernetesMinor = "37"

var (
	//go:embed kubernetes.mod
	kubernetesMod []byte
	//go:embed kubernetes.sum
	kubernetesSum []byte
)

// Module is a Go module that some programs are built in.
type Module struct {
	// Name is for messages and names of folders.
	Name string
	// Mod and Sum are the contents of its go.mod and go.sum.
	Mod, Sum []byte
	Programs []Program
	// resolve completes Mod and Sum, in a folder with their contents, and returns the
	// programs to build there; nil if they pin everything.
	resolve func(ctx context.Context, dir string) ([]Program, error)
}

// Program is one main package.
type Program struct {
	// Name is the name of the executable.
	Name string
	// Package is its import path.
	Package string
	// Flags are passed to "go build" after those that all programs share.
	Flags []string
}

// Kubernetes returns the module of etcd, kube-apiserver and
// kube-controller-manager.
func Kubernetes() Module {
	const version = "k8s.io/component-base/version."
	// Without a version, the programs would report a much older one.
	versioned := []string{"-ldflags=-s -w -X " + version + "gitVersion=" + KubernetesVersion +
		" -X " + version + "gitMajor=1 -X " + version + "gitMinor=" + KubernetesMinor + " -X " + version + "gitTreeState=clean"}
	return Module{
		Name: "kubernetes",
		Mod:  kubernetesMod,
		Sum:  kubernetesSum,
		Programs: []Program{
			{Name: "etcd", Package: "go.etcd.io/etcd/server/v3", Flags: stripped},
			{Name: "kube-apiserver", Package: "k8s.io/kubernetes/cmd/kube-apiserver", Flags: versioned},
			{Name: "kube-controller-manager", Package: "k8s.io/kubernetes/cmd/kube-controller-manager", Flags: versioned},
		},
	}
}

// stripped leaves out symbols that only a debugger reads.
var stripped = []string{"-ldflags=-s -w"}

// sharedFlags are the flags of every build.
func sharedFlags() []string { return []string{"-mod=readonly", "-trimpath", "-buildvcs=false"} }

// key names what m builds: it changes with everything that the result depends on.
func (m Module) key() string {
	hash := sha256.New()
	add := func(data []byte) { fmt.Fprintf(hash, "%d:%s\n", len(data), data) }
	add(m.Mod)
	add(m.Sum)
	for _, word := range append(sharedFlags(), runtime.Version(), runtime.GOOS, runtime.GOARCH) {
		add([]byte(word))
	}
	for _, program := range m.Programs {
		for _, word := range append([]string{program.Name, program.Package}, program.Flags...) {
			add([]byte(word))
		}
	}
	return m.Name + "-" + hex.EncodeToString(hash.Sum(nil))[:16]
}
