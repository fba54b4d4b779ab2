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

// Reasons of Events, in addition to the codes of diagnostics.
const (
	// VersionOverridable says that requests may ask for a version.
	VersionOverridable = "VersionOverridable"
	// VersionNotOverridable says that requests can no longer ask for it, and why.
	VersionNotOverridable = "VersionNotOverridable"
	// Resolved says that a Warning no longer applies.
	Resolved = "Resolved"
)

// Event is an Event to write on a Service.
type Event struct {
	Namespace, Service string
	Warning            bool
	Reason, Note       string
	// Version is the version that the Event is about; zero for other Events.
	Version route.Version
	// About is the object of a Warning, or of one that is Resolved; zero for versions.
	About diag.Object
}

// Input is the input of [Tell], which changes nothing in it.
type Input struct {
	Now      time.Time
	Snapshot *model.Snapshot
	Result   *compile.Result
	Planned  *plan.Output
	// Observed are the objects of Overrides in the cluster.
	Observed []plan.Observed
	// Before are these objects before this cycle changed any, and Written is when each
	// was last written. Both are read only if Memory is that of an operator that has just
	// started.
	Before  []plan.Observed
	Written map[diag.Object]time.Time
	// Left are namespaces that are no longer managed.
	Left map[string]bool
	// Diagnostics are all diagnostics.
	Diagnostics []diag.Diagnostic
	// Memory is that of the previous call; the zero Memory is that of an operator that
	// has just started.
	Memory Memory
}

// Output is the result of [Tell].
type Output struct {
	Events []Event
	// Begun and Ended are the warnings that began and ended since the previous call.
	Begun, Ended []diag.Diagnostic
	// Pending are the warnings that have not lasted long enough to be reported.
	Pending []diag.Diagnostic
	// RequeueAt is when to call again even if nothing has changed; zero for never.
	RequeueAt time.Time
	Memory    Memory
}

// teller is the state of one call.
type teller struct {
	*Input

	reports map[[2]string]*compile.Service
	// owners are the owners of the objects of Overrides that are wanted.
	owners map[diag.Object]string
	// before is the memory of the previous call, next that of the next.
	before, next memory
	out          Output
}

// Tell returns the Events about changes since the previous call.
func Tell(in Input) Output {
	t := &teller{Input: &in, before: in.Memory.unpack(), reports: map[[2]string]*compile.Service{}}
	for i := range in.Result.Services {
		s := &in.Result.Services[i]
		t.reports[[2]string{s.Namespace, s.Name}] = s
	}
	t.next = (&Memory{}).unpack()
	if in.Memory.told {
		t.next.announced = t.before.announced
	} else {
		t.inherit()
	}
	t.versions()
	t.warnings(t.lasting(slices.Concat(in.Diagnostics, t.leftServices())))
	t.out.Memory = t.next.pack()
	return t.out
}

// wake requests another call at a time.
func (t *teller) wake(at time.Time) {
	if t.out.RequeueAt.IsZero() || at.Before(t.out.RequeueAt) {
		t.out.RequeueAt = at
	}
}
