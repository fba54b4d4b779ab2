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

// Input is everything that a plan depends on. Plan changes nothing in it.
type Input struct {
	// Result was compiled from Snapshot.
	Snapshot *model.Snapshot
	Result   *compile.Result
	// Observed lists the generated objects in the cluster.
	Observed []Observed
	// Backend encodes objects.
	Backend Backend
	// Memory comes from the previous plan; the zero Memory knows nothing.
	Memory Memory
	// Now is the time at which Observed was read, or later.
	Now time.Time
	// Acked maps clusters that every proxy has acknowledged to the PendingCluster.Since of
	// the definition that they acknowledged.
	Acked map[Cluster]time.Time
	// RoutesAcked maps versions whose routes every proxy has acknowledged to the
	// PendingRow.Since of these routes.
	RoutesAcked map[route.Version]time.Time
	Options     Options
	// Gate asks for Output.Gated: a readiness gate holds up pods.
	Gate bool
}

// Observed is a generated object as it is in the cluster.
type Observed struct {
	diag.Object
	// Managed holds the fields that Overrides manages, as the back end encodes them.
	Managed []byte
	// Routes lists what an object made from a table references, Subsets what an object made
	// from a rule provides, as proxies see them. One of the two is nil.
	Routes  *route.Placed
	Subsets *route.PlacedSubsets
}

// Options are the delays that a plan respects.
type Options struct {
	// PropagationDelay is how long proxies may take to receive what was written.
	PropagationDelay time.Duration
	// RoutePropagationDelay is how long they may take to receive a route; at least
	// PropagationDelay.
	RoutePropagationDelay time.Duration
	// DrainDelay is how long an unused subset or pin stays; at least PropagationDelay.
	DrainDelay time.Duration
	// FlapBackoff is how long a version that has lost its last ready pod twice must be ready
	// before it gets a route again. It doubles with every further loss, up to FlapBackoffMax.
	FlapBackoff, FlapBackoffMax time.Duration
	// FlapReset is how long a version must be ready before its losses are forgotten.
	FlapReset time.Duration
}

// DefaultOptions returns the delays of an ordinary installation.
func DefaultOptions() Options {
	return Options{
		PropagationDelay: time.Second, DrainDelay: 10 * time.Second,
		FlapBackoff: time.Second, FlapBackoffMax: 30 * time.Second, FlapReset: time.Minute,
	}
}

// Action is what a step does.
type Action string

const (
	// Create writes an object that does not exist.
	Create Action = "create"
	// Update changes an existing object.
	Update Action = "update"
	// Delete removes an object.
	Delete Action = "delete"
)

// Step is one write. The steps of a plan are independent: each may be taken even if
// another one failed.
type Step struct {
	Action Action
	// Object is the object to write. A deletion has only the name.
	Object encoded.Object
}

// String returns "update VirtualService shop/cart-overrides".
func (s Step) String() string { return fmt.Sprintf("%s %s", s.Action, s.Object.Object) }

// Output is a plan.
type Output struct {
	// Steps may be taken now, in this order.
	Steps []Step
	// RequeueAt is when to plan again even if nothing changes; zero for never.
	RequeueAt time.Time
	// Memory is the input of the next plan.
	Memory Memory
	// Blocked lists the changes that have to wait.
	Blocked []Blocked
	// Routed lists the versions that a stored route leads to.
	Routed map[route.Version]Routed
	// Gated lists the pods that must not be ready yet, if Input.Gate asks for them.
	Gated []GatedPods
	// PendingClusters lists the clusters that some proxies may not have received yet.
	PendingClusters []PendingCluster
	// PendingRows lists the stored override rows that proxies may not have received yet, as
	// far as istiod can tell who has them.
	PendingRows []PendingRow
	// Diagnostics reports objects that are not written, and ordinary traffic that stays
	// where it is.
	Diagnostics []diag.Diagnostic
}

// Routed is a version that a stored route leads to.
type Routed struct {
	// Since is when a plan first saw the route.
	Since time.Time
	// Propagated is set when all proxies have the route.
	Propagated bool
}

// Blocked is a change that has to wait.
type Blocked struct {
	diag.Object
	// Version is set if only the row of that version waits, and not the whole object.
	Version route.Version
	Reason  Reason
	// Until is when the wait ends at the latest; zero if that is not known yet.
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

// planner holds the state of one plan while it is made.
type planner struct {
	*Input
	index

	drainDelay time.Duration
	// tablesByHost has the tables that send ordinary traffic to each host; built on demand.
	tablesByHost map[string][]*route.Table
	// rulesByHost has the rules for each host; built on demand.
	rulesByHost map[string][]*route.SubsetRule
	// subsetsByHost has the placed subsets of each host; built on demand.
	subsetsByHost map[string][]Cluster
	// blocking has the clusters that a blocked change waits for.
	blocking map[Cluster]bool
	// unobservable has the versions for which istiod can't tell which proxies have the routes.
	unobservable map[route.Version]bool
	// pinnedSubsets has the subsets that stored objects pin ordinary traffic to, by host;
	// built on demand.
	pinnedSubsets map[string][]Cluster
	// diagnosed has the hosts with a diagnostic about their ordinary traffic.
	diagnosed map[string]bool
	// duplicates has the names that two desired objects share.
	duplicates map[diag.Object]bool
	// before is the memory of the previous plan, next that of the next.
	before, next memory
	out          Output
	deletions    []Step
}

// Plan returns the steps that may be taken now. An error is a bug: an object can't be
// encoded.
func Plan(in Input) (Output, error) {
	p := &planner{Input: &in, index: newIndex(), drainDelay: max(in.Options.DrainDelay, in.Options.PropagationDelay), before: in.Memory.unpack()}
	p.next = (&Memory{known: true}).unpack()
	p.out.Routed, p.blocking = make(map[route.Version]Routed, len(p.before.routed)), map[Cluster]bool{}
	p.unobservable = map[route.Version]bool{}
	p.findDuplicates()
	p.indexObserved()
	p.indexClusters()
	p.trackVisibility()
	p.trackReferences()
	p.trackPins()
	p.trackVersions()
	p.trackEligible()
	p.retainSubsets()
	if p.Gate {
		p.findGatedPods()
	}
	if err := p.planRules(); err != nil {
		return Output{}, err
	}
	if err := p.planTables(); err != nil {
		return Output{}, err
	}
	p.out.Steps = append(p.out.Steps, p.deletions...)
	p.out.Memory, p.out.PendingClusters = p.next.pack(), p.pendingClusters()
	slices.SortStableFunc(p.out.Blocked, func(a, b Blocked) int {
		return cmp.Or(a.Compare(b.Object), compareVersions(a.Version, b.Version))
	})
	return p.out, nil
}

func compareVersions(a, b route.Version) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version))
}

// render plans the object of one table or one rule. It encodes an object only if the
// table or rule has changed since the previous plan.
func (p *planner) render(name diag.Object, table *route.Table, rule *route.SubsetRule) error {
	m, err := p.encode(name, table, rule)
	if err != nil || m.json == nil {
		return err
	}
	if seen := p.observed[name]; seen != nil && bytes.Equal(seen.Managed, m.json) {
		m.json = seen.Managed // so that memory holds one copy
	}
	p.next.rendered[name] = m
	p.write(encoded.Object{Object: name, JSON: m.json})
	return nil
}

// encode encodes an object, or takes it from memory if its table or rule is unchanged.
func (p *planner) encode(name diag.Object, table *route.Table, rule *route.SubsetRule) (rendered, error) {
	sum, err := digest(&p.digester, &struct {
		Table *route.Table
		Rule  *route.SubsetRule
	}{table, rule})
	if err != nil {
		return rendered{}, err
	}
	m, ok := p.before.rendered[name]
	if !ok || m.digest != sum {
		var data []byte
		var diags []diag.Diagnostic
		if table != nil {
			data, diags, err = p.Backend.EncodeTable(table)
		} else {
			data, diags, err = p.Backend.EncodeRule(rule)
		}
		p.out.Diagnostics = append(p.out.Diagnostics, diags...)
		if err != nil || data == nil {
			return rendered{}, err
		}
		m = rendered{digest: sum, json: data}
	}
	return m, nil
}

// write adds the step that creates or updates an object, if the stored one differs.
func (p *planner) write(object encoded.Object) {
	seen := p.observed[object.Object]
	switch {
	case seen == nil:
		p.out.Steps = append(p.out.Steps, Step{Create, object})
	case !bytes.Equal(seen.Managed, object.JSON):
		p.out.Steps = append(p.out.Steps, Step{Update, object})
	}
}

// remove adds the step that deletes an object. Deletions come after all other steps.
func (p *planner) remove(object diag.Object) {
	p.deletions = append(p.deletions, Step{Delete, encoded.Object{Object: object}})
}

// block records a change that has to wait, and requeues for the end of the wait if that
// is known.
func (p *planner) block(b Blocked) {
	p.out.Blocked = append(p.out.Blocked, b)
	p.requeueAt(b.Until)
}

// requeueAt asks for another plan at a time, unless that is zero.
func (p *planner) requeueAt(at time.Time) {
	if !at.IsZero() && (p.out.RequeueAt.IsZero() || at.Before(p.out.RequeueAt)) {
		p.out.RequeueAt = at
	}
}

// propagationElapsed reports whether the propagation delay is over for something written
// at a time. For clusters see [planner.propagated], which knows acknowledgements too.
func (p *planner) propagationElapsed(since time.Time) bool {
	return p.Now.Sub(since) >= p.Options.PropagationDelay
}

// CleanupOnly reports whether only the removal of something is blocked: all versions are
// served, and ordinary traffic goes where it should.
func (r Reason) CleanupOnly() bool { return r == SubsetInUse || r == UnreleasedPodsDraining }
