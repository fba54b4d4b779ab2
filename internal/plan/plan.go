package plan

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Input is everything that a plan is made from. Nothing in it is changed.
type Input struct {
	// Snapshot is what Result was compiled from.
	Snapshot *model.Snapshot
	Result   *compile.Result
	// Observed are the objects of ours that are in the cluster.
	Observed []Observed
	// Backend makes the objects.
	Backend Backend
	// Memory is that of the plan before; the zero Memory knows nothing.
	Memory Memory
	// Now is when Observed was read, or later.
	Now time.Time
	// Settled are clusters that every proxy is known to have as they have been since a
	// time, as Young says it.
	Acked map[Cluster]time.Time
	// RoutesSettled are versions to which every proxy is known to have the routes that have
	// been in place since a time, as AwaitedRows says it.
	RoutesAcked map[route.Version]time.Time
	Options     Options
	// Gate is set where pods are held up until they may be ready: Early is asked for.
	Gate bool
}

// Observed is one object of ours as it is in the cluster.
type Observed struct {
	diag.Object
	// Managed is what of it is ours, encoded as the back end encodes it.
	Managed []byte
	// Routes are what an object made of a table names, and Subsets what one made of a rule
	// provides, as proxies see them; the other one is nil.
	Routes  *route.Placed
	Subsets *route.PlacedSubsets
}

// Options are the times that a plan waits.
type Options struct {
	// Wait is how long proxies may take to have what was written.
	PropagationDelay time.Duration
	// RouteWait is how long they may take to have a route; Wait if it is less.
	RoutePropagationDelay time.Duration
	// Keep is how long what nobody needs any more stays; Wait if it is less.
	DrainDelay time.Duration
	// Calm is how long a version that was lost twice must be ready to be routed to
	// again. It doubles with every further loss, up to MaxCalm.
	FlapBackoff, FlapBackoffMax time.Duration
	// Forgive is how long a version must be ready for its losses to be forgotten.
	FlapReset time.Duration
}

// DefaultOptions returns the times of an ordinary installation.
func DefaultOptions() Options {
	return Options{
		PropagationDelay: time.Second, DrainDelay: 10 * time.Second,
		FlapBackoff: time.Second, FlapBackoffMax: 30 * time.Second, FlapReset: time.Minute,
	}
}

// Action is what a step does.
type Action string

const (
	// Create makes an object that is not there.
	Create Action = "create"
	// Update changes one that is.
	Update Action = "update"
	// Delete removes one.
	Delete Action = "delete"
)

// Step is one write. Steps of a plan do not depend on one another: each may be
// taken although another one failed.
type Step struct {
	Action Action
	// Object is what to write; of one to delete the name only.
	Object encoded.Object
}

// String returns "update VirtualService shop/cart-overrides".
func (s Step) String() string { return fmt.Sprintf("%s %s", s.Action, s.Object.Object) }

// Output is a plan.
type Output struct {
	// Steps may be taken now, in this order.
	Steps []Step
	// Again is when to plan again though nothing has changed; zero for never.
	RequeueAt time.Time
	// Memory is for the next plan.
	Memory Memory
	// Held lists what differs from what is wanted and has to wait.
	Blocked []Blocked
	// Routed lists the versions that a route in place leads to.
	Routed map[route.Version]Routed
	// Early lists the pods that must not be ready yet, if they were asked for.
	Gated []GatedPods
	// Young lists the clusters that proxies may not have yet.
	PendingClusters []PendingCluster
	// AwaitedRows lists the override rows in place of which it can be told whether proxies have
	// them, until all are known to.
	PendingRows []PendingRow
	// Diagnostics tells of objects that are not written, and of ordinary traffic that
	// stays where it is.
	Diagnostics []diag.Diagnostic
}

// Routed is a version that a route in place leads to.
type Routed struct {
	// Since is when the route was first seen.
	Since time.Time
	// Settled is set when all proxies have it.
	Propagated bool
}

// Held is something that is not yet as it is wanted.
type Blocked struct {
	diag.Object
	// Version is set where a row is held back, and not the whole object.
	Version route.Version
	// Reason says what is waited for.
	Reason Reason
	// Until is when the wait ends at the latest; zero where that is not known yet.
	Until time.Time
}

// Reason is why a change is blocked.
type Reason string

const (
	// SubsetNotPropagated means that some proxies may not have a cluster yet that a route
	// is about to reference.
	SubsetNotPropagated Reason = "SubsetNotPropagated"
	// Flapping means that the version has repeatedly lost its last ready pod.
	Flapping Reason = "Flapping"
	// UnreleasedPodsDraining means that the Service had unreleased pods a moment ago.
	UnreleasedPodsDraining Reason = "UnreleasedPodsDraining"
	// ReleasedNotReady means that the wanted pin has no ready pod, while pods are ready
	// where ordinary traffic goes now.
	ReleasedNotReady Reason = "ReleasedNotReady"
	// ReleasedNotFound means that no pod matches what is named as released, while pods are
	// ready where ordinary traffic is pinned now.
	ReleasedNotFound Reason = "ReleasedNotFound"
	// SubsetInUse means that a route referenced the subset a moment ago.
	SubsetInUse Reason = "SubsetInUse"
)

// planner is one plan in the making.
type planner struct {
	*Input
	index

	keep time.Duration
	// tablesOf are the tables that send ordinary traffic to a host; made when asked.
	tablesOf map[string][]*route.Table
	// rulesOf are the rules for a host; made when asked.
	rulesOf map[string][]*route.SubsetRule
	// subsetsOfHost are the subsets that are placed; made when asked.
	subsetsOfHost map[string][]Cluster
	// awaited are the clusters that something is to name, and may not yet.
	awaited map[Cluster]bool
	// untold are the versions of which it can't be told whether proxies have the routes.
	untold map[route.Version]bool
	// pinsAt are the subsets of hosts that ordinary traffic is pinned to; made when asked.
	pinsAt map[string][]Cluster
	// told are the Services of which it was said where their ordinary traffic stays.
	told map[string]bool
	// twice are the names under which two objects are wanted.
	twice map[diag.Object]bool
	next  Memory
	out   Output
	last  []Step
}

// Plan returns the steps that may be taken now. An error is a bug: something
// that can't be encoded.
func Plan(in Input) (Output, error) {
	p := &planner{Input: &in, index: newIndex(), keep: max(in.Options.DrainDelay, in.Options.PropagationDelay), next: newMemory(&in.Memory)}
	p.out.Routed, p.awaited = make(map[route.Version]Routed, len(in.Memory.routed)), map[Cluster]bool{}
	p.untold = map[route.Version]bool{}
	p.findTwice()
	p.look()
	p.place()
	p.watchAudiences()
	p.watchNames()
	p.watchPins()
	p.watchVersions()
	p.entitle()
	p.keepSubsets()
	if p.Gate {
		p.findEarly()
	}
	if err := p.rules(); err != nil {
		return Output{}, err
	}
	if err := p.tables(); err != nil {
		return Output{}, err
	}
	p.out.Steps = append(p.out.Steps, p.last...)
	p.out.Memory, p.out.PendingClusters = p.next, p.young()
	slices.SortStableFunc(p.out.Blocked, func(a, b Blocked) int {
		return cmp.Or(a.Compare(b.Object), compareVersions(a.Version, b.Version))
	})
	return p.out, nil
}

func compareVersions(a, b route.Version) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version))
}

// make plans the object that one table or one rule becomes. Nothing is encoded
// twice: what was made from the same before is taken from memory.
func (p *planner) make(name diag.Object, table *route.Table, rule *route.SubsetRule) error {
	m, err := p.encode(name, table, rule)
	if err != nil || m.json == nil {
		return err
	}
	if seen := p.observed[name]; seen != nil && bytes.Equal(seen.Managed, m.json) {
		m.json = seen.Managed // one copy is enough
	}
	p.next.made[name] = m
	p.write(encoded.Object{Object: name, JSON: m.json})
	return nil
}

// encode encodes an object, unless what it is made from is equal to what it was made
// from before.
func (p *planner) encode(name diag.Object, table *route.Table, rule *route.SubsetRule) (made, error) {
	of, err := digest(&p.digester, &struct {
		Table *route.Table
		Rule  *route.SubsetRule
	}{table, rule})
	if err != nil {
		return made{}, err
	}
	m, ok := p.Memory.made[name]
	if !ok || m.of != of {
		var data []byte
		var diags []diag.Diagnostic
		if table != nil {
			data, diags, err = p.Backend.EncodeTable(table)
		} else {
			data, diags, err = p.Backend.EncodeRule(rule)
		}
		p.out.Diagnostics = append(p.out.Diagnostics, diags...)
		if err != nil || data == nil {
			return made{}, err
		}
		m = made{of: of, json: data}
	}
	return m, nil
}

// write adds the step that makes an object what it is to be, if it isn't.
func (p *planner) write(object encoded.Object) {
	seen := p.observed[object.Object]
	switch {
	case seen == nil:
		p.out.Steps = append(p.out.Steps, Step{Create, object})
	case !bytes.Equal(seen.Managed, object.JSON):
		p.out.Steps = append(p.out.Steps, Step{Update, object})
	}
}

// remove adds the step that deletes an object, after all others.
func (p *planner) remove(object diag.Object) {
	p.last = append(p.last, Step{Delete, encoded.Object{Object: object}})
}

// hold notes that something waits, until a time that may not be known yet.
func (p *planner) hold(h Blocked) {
	p.out.Blocked = append(p.out.Blocked, h)
	p.wake(h.Until)
}

// wake asks for another plan at a time.
func (p *planner) wake(at time.Time) {
	if !at.IsZero() && (p.out.RequeueAt.IsZero() || at.Before(p.out.RequeueAt)) {
		p.out.RequeueAt = at
	}
}

// settled reports whether every proxy has what has been so since a time, for all
// that waiting says. See [planner.has] for clusters.
func (p *planner) settled(since time.Time) bool {
	return p.Now.Sub(since) >= p.Options.PropagationDelay
}

// CleanupOnly reports whether only the removal of something is blocked: all versions are
// served, and ordinary traffic goes where it should.
func (r Reason) CleanupOnly() bool { return r == SubsetInUse || r == UnreleasedPodsDraining }
