package edge

import (
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Writes is the input of [Next].
type Writes struct {
	Wanted   []encoded.Object
	Observed []plan.Observed
	// Written is when an object was last written or deleted; Started is used for others.
	Written map[diag.Object]time.Time
	Started time.Time
	Now     time.Time
	// Delay is how long proxies may take to receive an object.
	Delay time.Duration
	// Needed is when each of some objects was last needed as it is, although something else is
	// wanted, see [Needed]. Those that are needed now are neither written nor deleted.
	Needed map[diag.Object]time.Time
}

// stage is a part of the objects of one gateway.
type stage int

const (
	wantedGuards stage = iota
	filters
	otherGuards
	stages
)

// Next returns the writes that may be made now, and when to call it again; zero for never.
// For each gateway there are three stages. Each begins when proxies have received the writes
// of the one before:
//
//	guards that are wanted       made first, so that no header is made without them
//	filters                      written if different; deleted if not wanted
//	guards that are not wanted   deleted last, when nothing makes headers for them, and when
//	                             routes ask for what they asked for
//
// A filter that is not wanted goes when proxies have received those that are wanted in its
// namespace: one of these may replace it, under the name of another Gateway with the same pods.
//
// A filter and its guards are in the same listener of a proxy. So a connection that is open
// while they change has the old ones or the new ones, and never a filter without its guard.
func Next(in *Writes) ([]plan.Step, time.Time) {
	var requeueAt time.Time
	wait := func(until time.Time) {
		if requeueAt.IsZero() || until.Before(requeueAt) {
			requeueAt = until
		}
	}
	var steps []plan.Step
	for key, group := range in.groups(wait) {
		if at := in.arrives(group[filters]); in.Now.Before(at) {
			group[filters] = slices.DeleteFunc(group[filters], func(s plan.Step) bool { return s.Action == plan.Delete })
			group[otherGuards] = nil
			wait(at)
		}
		first := slices.IndexFunc(group[:], func(list []plan.Step) bool { return len(list) > 0 })
		if first < 0 {
			continue
		}
		if at := in.received(key, stage(first)); in.Now.Before(at) {
			wait(at)
			continue
		}
		steps = append(steps, group[first]...)
	}
	slices.SortFunc(steps, func(a, b plan.Step) int { return a.Object.Compare(b.Object.Object) })
	return steps, requeueAt
}

// groups lists the steps of each gateway by stage, without those for objects that stay as they are.
func (in *Writes) groups(wait func(until time.Time)) map[string]*[stages][]plan.Step {
	groups := map[string]*[stages][]plan.Step{}
	add := func(s stage, action plan.Action, o encoded.Object) {
		if in.stays(o.Object, wait) {
			return
		}
		key := gatewayOf(o.Object)
		if groups[key] == nil {
			groups[key] = &[stages][]plan.Step{}
		}
		groups[key][s] = append(groups[key][s], plan.Step{Action: action, Object: o})
	}
	observed, wanted := map[diag.Object][]byte{}, map[diag.Object]bool{}
	for i := range in.Observed {
		observed[in.Observed[i].Object] = in.Observed[i].Managed
	}
	for _, o := range in.Wanted {
		wanted[o.Object] = true
		switch managed, exists := observed[o.Object]; {
		case !exists:
			add(stageOf(o.Object), plan.Create, o)
		case string(managed) != string(o.JSON):
			add(stageOf(o.Object), plan.Update, o)
		}
	}
	for i := range in.Observed {
		o := encoded.Object{Object: in.Observed[i].Object}
		if wanted[o.Object] {
			continue
		}
		s := otherGuards
		if o.Kind == filterKind {
			s = filters
		}
		add(s, plan.Delete, o)
	}
	return groups
}

// stays reports whether an object is needed as it is, or proxies may not have received yet what
// replaces it.
func (in *Writes) stays(o diag.Object, wait func(until time.Time)) bool {
	last := in.Needed[o]
	if last.IsZero() || !in.Now.Before(last.Add(in.Delay)) {
		return false
	}
	if in.Now.After(last) {
		wait(last.Add(in.Delay))
	}
	return true
}

// arrives returns when proxies have received the wanted filters in the namespace of those that
// are to be deleted; zero if there are none.
func (in *Writes) arrives(steps []plan.Step) time.Time {
	var last time.Time
	for _, s := range steps {
		for _, o := range in.Wanted {
			if s.Action != plan.Delete || o.Kind != filterKind || o.Namespace != s.Object.Namespace {
				continue
			}
			at := in.Written[o.Object]
			if !slices.ContainsFunc(in.Observed, func(seen plan.Observed) bool {
				return seen.Object == o.Object && string(seen.Managed) == string(o.JSON)
			}) {
				at = in.Now
			}
			if !at.IsZero() && at.Add(in.Delay).After(last) {
				last = at.Add(in.Delay)
			}
		}
	}
	return last
}

// received returns when proxies have received what was written for a gateway in the stages
// before s. A guard that is wanted waits for nothing.
func (in *Writes) received(gateway string, s stage) time.Time {
	var last time.Time
	if s == wantedGuards {
		return last
	}
	note := func(o diag.Object, at time.Time) {
		if gatewayOf(o) == gateway && (s == otherGuards || o.Kind != filterKind) && at.After(last) {
			last = at
		}
	}
	for o, at := range in.Written {
		note(o, at)
	}
	for i := range in.Observed {
		if o := in.Observed[i].Object; in.Written[o].IsZero() {
			note(o, in.Started)
		}
	}
	if last.IsZero() {
		return last
	}
	return last.Add(in.Delay)
}

const (
	filterKind = "EnvoyFilter"
	guardKind  = "AuthorizationPolicy"
)

// Kinds are the kinds of the objects that are written for policies of gateways.
var Kinds = []string{guardKind, filterKind}

func stageOf(o diag.Object) stage {
	if o.Kind == filterKind {
		return filters
	}
	return wantedGuards
}

// The ends of the names of objects, after the name of the Gateway.
const (
	filterSuffix    = "-edge-overrides"
	requireSuffix   = "-require-overrides"
	authorizeSuffix = "-authorize-overrides"
)

// RefusesWithoutClaim reports whether an object is the guard that refuses requests without the
// required claim: all requests with an override, where nothing checks tokens.
func RefusesWithoutClaim(o diag.Object) bool {
	return o.Kind != filterKind && strings.HasSuffix(o.Name, requireSuffix)
}

// gatewayOf returns the namespace of an object, and the name of the Gateway that it is for.
func gatewayOf(o diag.Object) string {
	name := o.Name
	for _, s := range []string{filterSuffix, requireSuffix, authorizeSuffix} {
		name = strings.TrimSuffix(name, s)
	}
	return o.Namespace + "/" + name
}
