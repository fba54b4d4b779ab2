package current

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Input is the input of [Services] and [Warnings], which change nothing in it.
type Input struct {
	Snapshot *model.Snapshot
	Result   *compile.Result
	Planned  *plan.Output
	// Observed are the objects of Overrides in the cluster.
	Observed []plan.Observed
}

// Pinned says whether ordinary traffic is kept from previews at the moment.
type Pinned string

const (
	// NotNeeded means that there is no preview.
	NotNeeded Pinned = "not needed"
	// Everywhere means that it is, at every known door.
	Everywhere Pinned = "yes"
	// Partly means that it is where routes of Overrides are in force, but not at other
	// doors.
	Partly Pinned = "partly"
	// Nowhere means that it is not.
	Nowhere Pinned = "no"
)

// Place says whether a Service is as it should be.
type Place string

const (
	// Whole means that nothing needs to be written for it.
	Whole Place = "yes"
	// Served means that its versions are served and its ordinary traffic is where it
	// should be; objects that are no longer needed are removed later.
	Served Place = "served"
	// NotYet means that a write is due or waits.
	NotYet Place = "no"
)

// Service is the present state of a Service.
type Service struct {
	Namespace string
	Name      string
	Pinned    Pinned
	// To names the workloads that ordinary traffic reaches, with their versions. Ready and
	// Pods count their pods.
	To          []string
	Ready, Pods int
	// Open are the doors at which ordinary traffic reaches previews.
	Open []compile.Door
	// Waits are the writes that wait, and why.
	Waits []Wait
	Place Place
	// Routed is set if a table of Overrides is in place for it.
	Routed bool

	// elsewhere is set if ordinary traffic goes to a destination whose pods are not
	// known.
	elsewhere bool
}

// Object names the Service for diagnostics.
func (s *Service) Object() diag.Object {
	return diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// Wait is a write that waits.
type Wait struct {
	// What waits, and for what, as a sentence.
	What   string      `json:"what"`
	Reason plan.Reason `json:"reason"`
	// Until is when the wait ends at the latest; nil if that is not known.
	Until *time.Time `json:"until,omitempty"`
}

// finder holds the state of [Services].
type finder struct {
	*Input

	byHost map[string]*model.Service
	// ordinary has the clusters that a Service's own table sends ordinary traffic to.
	ordinary map[[2]string][]plan.Cluster
	labels   map[plan.Cluster]map[string]string
	objects  map[[2]string]bool
	owners   map[diag.Object]string
	waits    map[[2]string][]Wait
	// steps are the Services with writes that are due, helds those with writes that wait
	// for more than cleaning up.
	steps, helds map[[2]string]bool
}

// Services returns the state of each Service that has previews or objects of Overrides,
// in the order of the result.
func Services(in Input) []Service {
	f := &finder{
		Input: &in, byHost: map[string]*model.Service{}, ordinary: map[[2]string][]plan.Cluster{}, labels: map[plan.Cluster]map[string]string{},
		objects: map[[2]string]bool{}, owners: map[diag.Object]string{}, waits: map[[2]string][]Wait{}, steps: map[[2]string]bool{}, helds: map[[2]string]bool{},
	}
	f.index()
	var out []Service
	for i := range in.Result.Services {
		s := &in.Result.Services[i]
		name := [2]string{s.Namespace, s.Name}
		if f.objects[name] || f.steps[name] || len(s.Previews) > 0 {
			out = append(out, f.service(s))
		}
	}
	return out
}

func (f *finder) index() {
	for i := range f.Snapshot.Services {
		s := &f.Snapshot.Services[i]
		f.byHost[f.Snapshot.Options.FQDN(s.Name, s.Namespace)] = s
	}
	for i := range f.Result.Tables {
		t := &f.Result.Tables[i]
		f.owners[istio.TableObject(t)] = t.Owner
	}
	users := istio.Backend{}.UsersSubsets(f.Snapshot)
	for i := range users {
		users[i].AddLabels(f.labels)
	}
	for i := range f.Observed {
		o := &f.Observed[i]
		f.objects[f.owner(o.Object)] = true
		o.Subsets.AddLabels(f.labels)
		if name, own := strings.CutSuffix(o.Name, compile.ObjectSuffix); own && o.Routes != nil {
			f.ordinary[[2]string{o.Namespace, name}] = o.Routes.Ordinary
		}
	}
	for i := range f.Planned.Steps {
		f.steps[f.owner(f.Planned.Steps[i].Object.Object)] = true
	}
	for _, h := range f.Planned.Blocked {
		name := f.owner(h.Object)
		f.waits[name] = append(f.waits[name], WaitOf(h))
		f.helds[name] = f.helds[name] || !h.Reason.CleanupOnly()
	}
}

// owner names the Service that an object of Overrides is for, or the VirtualService if
// there is no such Service.
func (f *finder) owner(o diag.Object) [2]string {
	if owner, wanted := f.owners[o]; wanted {
		return [2]string{o.Namespace, owner}
	}
	return [2]string{o.Namespace, strings.TrimSuffix(o.Name, compile.ObjectSuffix)}
}

func (f *finder) service(s *compile.Service) Service {
	name := [2]string{s.Namespace, s.Name}
	out := Service{Namespace: s.Namespace, Name: s.Name, Waits: f.waits[name], Place: Whole}
	switch {
	case f.steps[name] || f.helds[name]:
		out.Place = NotYet
	case len(out.Waits) > 0:
		out.Place = Served
	}
	for _, d := range s.Doors {
		if !d.Pinned {
			out.Open = append(out.Open, d)
		}
	}
	reached := f.reach(s, &out)
	out.Pinned = f.pinned(s, &out, reached)
	return out
}

// reach returns the pods of s that ordinary traffic reaches through the objects in the
// cluster. It also notes pods of other Services that this traffic goes to.
func (f *finder) reach(s *compile.Service, out *Service) []*model.Backend {
	to := f.ordinary[[2]string{s.Namespace, s.Name}]
	if out.Routed = len(to) > 0; !out.Routed {
		to = []plan.Cluster{{Host: s.Host}}
	}
	var own []*model.Backend
	for _, c := range to {
		behind, labels := f.byHost[c.Host], f.labels[c]
		if behind == nil || c.Subset != "" && labels == nil && c.Host != s.Host {
			out.elsewhere = true
			continue
		}
		if c.Subset != "" && labels == nil {
			continue // a subset that does not exist: its requests fail
		}
		for i := range behind.Backends {
			b := &behind.Backends[i]
			if b.Pods == 0 || !model.HasLabels(b.Labels, labels) {
				continue
			}
			out.Pods, out.Ready = out.Pods+b.Pods, out.Ready+b.Ready
			out.To = append(out.To, describe(b, s.Settings.VersionLabel))
			if c.Host == s.Host {
				own = append(own, b)
			}
		}
	}
	slices.Sort(out.To)
	out.To = slices.Compact(out.To)
	return own
}

// describe returns "Deployment/cart-v1 (version v1)".
func describe(b *model.Backend, label string) string {
	if v := b.Labels[label]; v != "" {
		return b.Workload.String() + " (version " + v + ")"
	}
	return b.Workload.String()
}

// pinned says whether ordinary traffic is kept from previews, if it reaches some of the
// pods of s.
func (f *finder) pinned(s *compile.Service, out *Service, reached []*model.Backend) Pinned {
	if !slices.ContainsFunc(s.Previews, func(b model.Backend) bool { return b.Pods > 0 }) {
		return NotNeeded
	}
	shared := false
	if out.Routed {
		shared = f.shared(s, out, reached)
	} else {
		// Then a user's own routes may keep it from previews, but future routes don't.
		shared = out.Place == NotYet || slices.ContainsFunc(out.Open, func(d compile.Door) bool { return d.Kind == compile.DoorSidecars })
	}
	switch {
	case shared:
		return Nowhere
	case len(out.Open) > 0:
		return Partly
	}
	return Everywhere
}

// shared reports whether the table in place lets ordinary traffic reach previews. While a
// pin waits to be moved, the pods that it selects are no longer released.
func (f *finder) shared(s *compile.Service, out *Service, reached []*model.Backend) bool {
	released, others := false, false
	for _, b := range reached {
		isPreview := slices.ContainsFunc(s.Previews, func(p model.Backend) bool { return p.Workload == b.Workload && maps.Equal(p.Labels, b.Labels) })
		released, others = released || !isPreview, others || isPreview
	}
	whole := slices.Contains(f.ordinary[[2]string{s.Namespace, s.Name}], plan.Cluster{Host: s.Host})
	return others && (released || whole || out.Place != NotYet)
}

// WaitOf describes a blocked write.
func WaitOf(h plan.Blocked) Wait {
	out := Wait{Reason: h.Reason}
	if !h.Until.IsZero() {
		out.Until = &h.Until
	}
	what := "ordinary traffic"
	if h.Version.Version != "" {
		what = "the route to version " + h.Version.Version
	}
	switch h.Reason {
	case plan.SubsetNotPropagated:
		out.What = what + " waits until all proxies have the subset"
	case plan.Flapping:
		out.What = what + " waits until its pods stay ready"
	case plan.UnreleasedPodsDraining:
		out.What = "the pin stays until proxies have dropped pods that are not released"
	case plan.SubsetInUse:
		out.What = "subsets that are no longer needed stay until no proxy has a route to them"
	case plan.ReleasedNotReady:
		out.What = "ordinary traffic stays where it is, since no released pod is ready"
	case plan.ReleasedNotFound:
		out.What = "ordinary traffic stays where it is, since no pod of the version or workload that is named as released exists"
	default:
		out.What = cmp.Or(h.String(), what) + " waits"
	}
	return out
}
