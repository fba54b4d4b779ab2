package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/carry"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/report"
	"github.com/overrides-mesh/overrides/internal/source"
)

// state is the input and everything computed from it.
type state struct {
	objects   *discover.Objects
	snapshot  *model.Snapshot
	result    compile.Result
	proof     prove.Report
	generated []istio.Unencoded
	// entries are the objects that policies of Gateways ask for, in the order in which to
	// apply them.
	entries []encoded.Object
	diags   []diag.Diagnostic
	// namespace is the only one to report on; empty for all. The input is all namespaces,
	// since objects in one have effects in others.
	namespace string
	// selected are the Services to report on; nil for all.
	selected *selection
}

// read reads the input and runs the whole core on it. Every command that reads anything
// calls it.
func (a *app) read(ctx context.Context, in *input) (*state, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s := &state{}
	var diags []diag.Diagnostic
	var err error
	if in.fromFiles() {
		if in.allNamespaces {
			return nil, usagef("--all-namespaces needs a cluster, and -f was given: without -n, all namespaces of the manifests count")
		}
		s.namespace = in.namespace
		if s.objects, diags, err = a.readFiles(ctx, in.filenames, source.FileOptions{Namespace: in.defaultNamespace(), Whole: in.whole}); err != nil {
			err = fmt.Errorf("-f: %w", err)
		}
	} else {
		s.objects, diags, err = a.readCluster(ctx, in, &s.namespace)
	}
	if err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return s, s.compile(in, diags)
}

// gcPercent is how much the heap may grow between two collections while manifests are read and
// compiled. Compared with Go's default, this saves a seventh of the memory (docs/benchmarks.md).
// A cluster is read with the default: its objects need less memory.
const gcPercent = 70

// readFiles reads manifests. It returns when ctx ends, even while the read waits for
// stdin: nothing interrupts a terminal.
func (a *app) readFiles(ctx context.Context, paths []string, options source.FileOptions) (*discover.Objects, []diag.Diagnostic, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	var objects *discover.Objects
	var diags []diag.Diagnostic
	done := make(chan error, 1)
	go func() {
		var err error
		objects, diags, err = source.Read(ctx, paths, a.In, options)
		done <- err
	}()
	select {
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	case err := <-done:
		switch {
		case errors.Is(err, source.ErrUsage):
			return nil, nil, &usageError{err}
		case err != nil:
			return nil, nil, err
		}
		return objects, diags, nil
	}
}

func (s *state) compile(in *input, diags []diag.Diagnostic) error {
	in.options.Static = in.options.Static || in.fromFiles()
	var groups island.Groups
	if in.divides() {
		groups = island.GroupsOf(s.objects, &in.options)
	}
	snapshot, found := s.objects.Snapshot(in.options)
	snapshot.Now = in.now
	diags = append(diags, found...)
	if len(snapshot.Services) == 0 && !hasError(diags) {
		what := "Service"
		if slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Code == diag.OtherKindOfService }) {
			what = "Kubernetes Service"
		}
		diags = append(diags, diag.New(diag.NoServices, diag.Object{}, "there is no %s in %s", what, in.place()))
	} else if d := in.nothingThere(snapshot); d != nil {
		diags = append(diags, *d)
	}
	s.snapshot = snapshot
	if in.forget {
		s.objects = &discover.Objects{Services: s.objects.Services}
	}
	made, err := in.generate(snapshot, groups)
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	s.result, s.proof, s.generated = made.Result, made.Proof, made.Objects
	entries, err := s.decideEntries()
	if err != nil {
		return err
	}
	for i := range made.Closed {
		s.entries = append(s.entries, made.Closed[i].Objects...)
		entries = append(entries, made.Closed[i].Diagnostics...)
	}
	diags = append(diags, entries...)
	s.result.Diagnostics = diag.Fold(slices.Concat(diags, explain.Suggest(snapshot, s.result.Diagnostics)))
	s.diags = slices.Clone(s.result.Diagnostics)
	if s.namespace != "" {
		s.generated = slices.DeleteFunc(s.generated, func(o istio.Unencoded) bool { return o.Namespace != s.namespace })
		s.entries = slices.DeleteFunc(s.entries, func(o encoded.Object) bool { return o.Namespace != s.namespace })
		s.diags = slices.DeleteFunc(s.diags, func(d diag.Diagnostic) bool {
			return d.Object.Namespace != "" && d.Object.Namespace != s.namespace
		})
	}
	if in.selector != "" {
		err = s.selectBy(in)
	}
	s.diags = diag.Sort(s.diags)
	return err
}

// selectBy selects the Services that -l is for.
func (s *state) selectBy(in *input) error {
	selector, err := in.readSelector()
	if err != nil {
		return err
	}
	s.selectServices(selector)
	if len(s.selected.services) == 0 && len(s.snapshot.Services) > 0 {
		s.diags = append(s.diags, diag.New(diag.NoServices, diag.Object{}, "no Service of %s has the labels %s", in.place(), in.selector).
			WithFix("correct -l, or leave it out: it selects by the labels of Services, not by those of pods"))
	}
	return nil
}

// decideEntries decides what policies ask for besides routes, and returns the diagnostics.
func (s *state) decideEntries() ([]diag.Diagnostic, error) {
	entries, err := edge.Decide(s.snapshot)
	if err != nil {
		return nil, fmt.Errorf("decide about policies of gateways: %w", err)
	}
	var diags []diag.Diagnostic
	for i := range entries {
		diags = append(diags, entries[i].Diagnostics...)
		for _, o := range entries[i].Objects {
			s.entries = append(s.entries, o)
			if o.Kind == "EnvoyFilter" {
				diags = append(diags, diag.New(diag.EdgeCutsStreams, o.Object, "%s", edge.Cost).At(entries[i].Policy.Origin))
			}
		}
	}
	for _, sidecars := range []struct {
		make func(*model.Snapshot) ([]encoded.Object, error)
		cost diag.Code
	}{{access.Make, diag.AccessCutsStreams}, {carry.Make, diag.ForwardingCutsStreams}} {
		filters, err := sidecars.make(s.snapshot)
		if err != nil {
			return nil, err
		}
		for _, o := range filters {
			s.entries = append(s.entries, o)
			diags = append(diags, diag.New(sidecars.cost, o.Object, "%s", access.Cost))
		}
	}
	return diags, nil
}

// nothingThere returns a diagnostic if -n names a namespace without Services; nil if it does
// not.
func (in *input) nothingThere(snapshot *model.Snapshot) *diag.Diagnostic {
	var namespaces []string
	for i := range snapshot.Services {
		namespaces = append(namespaces, snapshot.Services[i].Namespace)
	}
	if in.namespace == "" || len(namespaces) == 0 || slices.Contains(namespaces, in.namespace) {
		return nil
	}
	meant := explain.DidYouMean(explain.Nearest(in.namespace, namespaces))
	d := diag.New(diag.NoServices, diag.Object{}, "there is no Service in namespace %s of %s%s", in.namespace, in.place(), meant).
		WithFix("correct -n, or leave it out")
	return &d
}

func hasError(list []diag.Diagnostic) bool {
	worst, _ := diag.Worst(list)
	return worst == diag.Error
}

// wanted returns the diagnostics to print.
func (in *input) wanted(list []diag.Diagnostic) []diag.Diagnostic {
	if !in.quiet {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(d diag.Diagnostic) bool { return d.Severity == diag.Info })
}

// tell writes diagnostics to stderr.
func (a *app) tell(in *input, list []diag.Diagnostic) {
	// If stderr can't be written to, there is nowhere to report that.
	_ = report.Text(a.Err, in.wanted(list))
}

// about returns the diagnostics that matter if only these Services are asked for: those
// about them, input that could not be read, and objects in their namespaces that replaced
// others. Without Services, when none was found, all of the latter may matter.
func about(list []diag.Diagnostic, services map[diag.Object]bool) []diag.Diagnostic {
	namespaces := map[string]bool{"": true}
	for s := range services {
		namespaces[s.Namespace] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(d diag.Diagnostic) bool {
		switch {
		case d.Severity == diag.Error, d.Object.Name == "", services[d.Object], services[d.Target]:
			return false
		case d.Code != diag.DuplicateObject && d.Code != diag.OtherKindOfService:
			return true
		case len(services) == 0:
			return false
		}
		return d.Code == diag.OtherKindOfService || d.Object.Kind == "Service" || !namespaces[d.Object.Namespace]
	})
}
