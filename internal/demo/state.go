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

// State is what manifests ask for.
type State struct {
	Snapshot    *model.Snapshot
	Result      compile.Result
	Workloads   []workload.Workload
	Diagnostics []diag.Diagnostic
}

// Broken reports whether something in the manifests could not be used, so that
// the state is not what their author meant.
func (s *State) Broken() bool {
	worst, _ := diag.Worst(s.Diagnostics)
	return worst == diag.Error
}

// Embedded reads the manifests of a folder of a file system, such as
// examples.Chain.
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

// read reads manifests, as source reads them from paths, and compiles them. The
// same text is given for what only this package wants to know.
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

// checkWorkloads says which workloads the sample server can't play.
func (s *State) checkWorkloads() []diag.Diagnostic {
	var out []diag.Diagnostic
	for i := range s.Workloads {
		w := &s.Workloads[i]
		if _, err := sample.Parse(w.Getenv(w.Pod(0), s.Snapshot.Options.VersionLabel)); err != nil {
			object := diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
			out = append(out, diag.New(diag.UndecodableObject, object, "its environment is none for the sample server: %v", err))
		}
	}
	return out
}

// defaultNamespace is that of objects that name none.
const defaultNamespace = "default"
