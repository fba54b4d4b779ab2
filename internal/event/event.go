package event

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Reasons of Events, beside the codes of diagnostics.
const (
	// VersionOverridable says that requests may ask for a version.
	VersionOverridable = "VersionOverridable"
	// VersionNotOverridable says that they can't any more, and why.
	VersionNotOverridable = "VersionNotOverridable"
	// Resolved says that what a Warning said is not so any more.
	Resolved = "Resolved"
)

// Event is one that is to be said of a Service.
type Event struct {
	Namespace, Service string
	Warning            bool
	Reason, Note       string
	// Version is that which the Event is about; zero for others.
	Version route.Version
	// About is the object that a Warning is about, or that is Resolved; zero for versions.
	About diag.Object
}

// Input is what Events follow from. Nothing in it is changed.
type Input struct {
	Now      time.Time
	Snapshot *model.Snapshot
	Result   *compile.Result
	Planned  *plan.Output
	// Observed are the objects of ours that are in the cluster.
	Observed []plan.Observed
	// Before are these before the look has changed any, and Written is when each was written
	// last. They are read only where Memory is that of one that has just started.
	Before  []plan.Observed
	Written map[diag.Object]time.Time
	// Left are namespaces that are not managed any more.
	Left map[string]bool
	// Diagnostics are all that were found.
	Diagnostics []diag.Diagnostic
	// Memory is that of the call before; the zero Memory knows nothing, as that of an
	// operator that has just started.
	Memory Memory
}

// Output is what follows.
type Output struct {
	Events []Event
	// Begun and Ended are the warnings that began and ended since the call before.
	Begun, Ended []diag.Diagnostic
	// Young are those that are not told before they have lasted.
	Young []diag.Diagnostic
	// Again is when to ask again though nothing has changed; zero for never.
	Again  time.Time
	Memory Memory
}

// teller is one call in the making.
type teller struct {
	*Input

	reports map[[2]string]*compile.Service
	// owners are those of our objects that are wanted.
	owners map[diag.Object]string
	out    Output
}

// Tell says what has changed since the call before.
func Tell(in Input) Output {
	t := &teller{Input: &in, reports: map[[2]string]*compile.Service{}}
	for i := range in.Result.Services {
		s := &in.Result.Services[i]
		t.reports[[2]string{s.Namespace, s.Name}] = s
	}
	t.out.Memory = Memory{
		told: true, announced: in.Memory.announced, left: map[[2]string]diag.Diagnostic{},
		since: map[diag.Diagnostic]time.Time{}, said: map[diag.Diagnostic]time.Time{}, warned: map[diag.Diagnostic]bool{}, paces: map[topic]pace{},
	}
	if !in.Memory.told {
		t.out.Memory.announced = map[route.Version]announced{}
		t.inherit()
	}
	t.versions()
	t.warnings(t.lasting(slices.Concat(in.Diagnostics, t.leftServices())))
	return t.out
}

// wake asks for another call at a time.
func (t *teller) wake(at time.Time) {
	if t.out.Again.IsZero() || at.Before(t.out.Again) {
		t.out.Again = at
	}
}
