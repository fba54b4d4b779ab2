package demo

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/demo/sample"
	"github.com/overrides-mesh/overrides/internal/demo/workload"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
)

// State is the content of manifests.
type State struct {
	Snapshot    *model.Snapshot
	Result      compile.Result
	Workloads   []workload.Workload
	Diagnostics []diag.Diagnostic
}

// Broken reports whether a part of the manifests could not be used, so that the state is
// not what their author wants.
func (s *State) Broken() bool {
	worst, _ := diag.Worst(s.Diagnostics)
	return worst == diag.Error
}

// Embedded reads the manifests in a folder of a file system, such as examples.Chain.
func Embedded(ctx context.Context, files fs.FS, folder string, options model.Options) (*State, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	var manifests []byte
	for _, e := range entries {
		data, err := fs.ReadFile(files, path.Join(folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		manifests = appendDocuments(manifests, data)
	}
	return read(ctx, []string{"-"}, manifests, options)
}

func appendDocuments(manifests, more []byte) []byte {
	return append(append(manifests, more...), "\n---\n"...)
}

// read reads manifests from paths, as source does, and compiles them. manifests is the
// same text, for the parts that only this package needs.
func read(ctx context.Context, paths []string, manifests []byte, options model.Options) (*State, error) {
	objects, diags, err := source.Read(ctx, paths, bytes.NewReader(manifests), source.FileOptions{})
	if err != nil {
		return nil, err
	}
	s := &State{Workloads: workload.Parse(manifests, defaultNamespace)}
	snapshot, found := objects.Snapshot(options)
	s.Snapshot = snapshot
	made, err := generate.From(snapshot)
	if err != nil {
		return nil, err
	}
	s.Result = made.Result
	_, refused := envoy.NewMesh(snapshot, &s.Result, nil)
	s.Diagnostics = diag.Sort(slices.Concat(diags, found, s.Result.Diagnostics, refused, s.checkWorkloads()))
	return s, nil
}

// checkWorkloads reports workloads that the sample server can't play.
func (s *State) checkWorkloads() []diag.Diagnostic {
	var out []diag.Diagnostic
	for i := range s.Workloads {
		w := &s.Workloads[i]
		if _, err := sample.Parse(w.Getenv(w.Pod(0), s.Snapshot.Options.VersionLabel)); err != nil {
			object := diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
			out = append(out, diag.New(diag.UndecodableObject, object, "the sample server can't use its environment: %v", err))
		}
	}
	return out
}

// defaultNamespace is the namespace of objects without one.
const defaultNamespace = "default"
