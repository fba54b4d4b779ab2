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

// Input is what is known at this moment. Nothing in it is changed.
type Input struct {
	Snapshot *model.Snapshot
	Result   *compile.Result
	Planned  *plan.Output
	// Observed are the objects of ours that are in the cluster.
	Observed []plan.Observed
}

// Pinned says whether ordinary traffic is kept from previews at this moment.
type Pinned string

const (
	// NotNeeded is that there is no preview.
	NotNeeded Pinned = "not needed"
	// Everywhere is that it is, at every door that is known.
	Everywhere Pinned = "yes"
	// Partly is that it is where routes of ours are in force, and not at other doors.
	Partly Pinned = "partly"
	// Nowhere is that it is not.
	Nowhere Pinned = "no"
)

// Place says how far a Service is as it is to be.
type Place string

const (
	// Whole is that nothing is to be written for it.
	Whole Place = "yes"
	// Served is that its versions are served and its ordinary traffic is where it is to
	// be; what nobody needs any more is removed later.
	Served Place = "served"
	// NotYet is that something is to be written, or waits.
	NotYet Place = "no"
)

// Service is what is so of a Service.
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
	// Waits is what is not as it is to be, and why.
	Waits []Wait
	Place Place
	// Routed is set where a table of ours is in place for it.
	Routed bool

	// elsewhere is set where ordinary traffic goes to something whose pods are not known.
	elsewhere bool
}

// Object names the Service for diagnostics.
func (s *Service) Object() diag.Object {
	return diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// Wait is something that is not yet as it is to be.
type Wait struct {
	// What waits, and for what, as a sentence.
	What   string      `json:"what"`
	Reason plan.Reason `json:"reason"`
	// Until is when the wait ends at the latest; nil where that is not known.
	Until *time.Time `json:"until,omitempty"`
}

// finder finds out what is so.
type finder struct {
	*Input

	byHost map[string]*model.Service
	// ordinary has the clusters that the own table of a Service sends ordinary traffic to.
	ordinary map[[2]string][]plan.Cluster
	labels   map[plan.Cluster]map[string]string
	objects  map[[2]string]bool
	owners   map[diag.Object]string
	waits    map[[2]string][]Wait
	// steps are the Services for which something is to be written now, helds those for
	// which more than cleaning up waits.
	steps, helds map[[2]string]bool
}

// Services says what is so of each Service that has previews or objects of ours, in the
// order of the result.
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

// owner names the Service that an object of ours is for, or the VirtualService where
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

// reach finds the pods behind s that ordinary traffic reaches by the objects in place,
// and notes them with those behind other Services that it goes to.
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
			continue // a subset that is not there: its requests fail
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

// pinned says whether ordinary traffic is kept from previews, where it reaches some of the
// pods behind s.
func (f *finder) pinned(s *compile.Service, out *Service, reached []*model.Backend) Pinned {
	if !slices.ContainsFunc(s.Previews, func(b model.Backend) bool { return b.Pods > 0 }) {
		return NotNeeded
	}
	shared := false
	if out.Routed {
		shared = f.shared(s, out, reached)
	} else {
		// Then a user's own routes may keep it from previews, but none that are to come.
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

// shared reports whether the table in place lets previews have ordinary traffic. While a
// pin waits to be moved, what is pinned is not released any more.
func (f *finder) shared(s *compile.Service, out *Service, reached []*model.Backend) bool {
	released, others := false, false
	for _, b := range reached {
		isPreview := slices.ContainsFunc(s.Previews, func(p model.Backend) bool { return p.Workload == b.Workload && maps.Equal(p.Labels, b.Labels) })
		released, others = released || !isPreview, others || isPreview
	}
	whole := slices.Contains(f.ordinary[[2]string{s.Namespace, s.Name}], plan.Cluster{Host: s.Host})
	return others && (released || whole || out.Place != NotYet)
}

// WaitOf says what waits for what.
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
		out.What = "the pin stays until proxies have forgotten pods that are not released"
	case plan.SubsetInUse:
		out.What = "subsets that nobody needs any more stay until no proxy has a route to them"
	case plan.ReleasedNotReady:
		out.What = "ordinary traffic stays where it is, since no released pod is ready"
	case plan.ReleasedNotFound:
		out.What = "ordinary traffic stays where it is, since what is named as released is not there"
	default:
		out.What = cmp.Or(h.String(), what) + " waits"
	}
	return out
}
