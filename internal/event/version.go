package event

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// announcedWithin is how long after it wrote a route an operator may have ended without
// announcing the version. During this time, the next operator announces it, perhaps
// again.
const announcedWithin = time.Minute

// announced is a version that was reported as overridable.
type announced struct {
	// selector is the selector of its Service at that time; nil if it is not known.
	selector map[string]string
}

// inherit assumes that an earlier operator has announced the versions of rows that are in
// place. Those that are still wanted may not have been announced if they were written
// just now.
func (t *teller) inherit() {
	wanted := map[diag.Object]map[string]route.Version{}
	for i := range t.Result.Tables {
		table := &t.Result.Tables[i]
		rows := map[string]route.Version{}
		for j := range table.Routes {
			if r := &table.Routes[j]; r.Kind == route.Override {
				rows[r.Name] = r.Version
			}
		}
		wanted[istio.TableObject(table)] = rows
	}
	subsets := t.subsets()
	for i := range t.Before {
		o := &t.Before[i]
		recentlyWritten := t.Now.Sub(t.Written[o.Object]) < announcedWithin
		if o.Routes == nil {
			continue
		}
		for _, row := range o.Routes.Overrides {
			v, isWanted := wanted[o.Object][row.Name]
			if !isWanted {
				v = versionOf(row, subsets[row.To])
			}
			if _, routed := t.Planned.Routed[v]; v.Version != "" && (!isWanted || routed && !recentlyWritten) {
				t.next.announced[v] = t.announced(v)
			}
		}
	}
}

// subsets returns the labels of the subsets in the cluster.
func (t *teller) subsets() map[plan.Cluster]map[string]string {
	out := map[plan.Cluster]map[string]string{}
	for i := range t.Before {
		t.Before[i].Subsets.AddLabels(out)
	}
	return out
}

// versionOf returns the version of a row that is no longer wanted, by the subset that it
// routes to. It is zero if that can't be told.
func versionOf(row route.PlacedOverride, labels map[string]string) route.Version {
	host := strings.SplitN(row.To.Host, ".", 3)
	if len(host) < 3 || len(labels) != 1 {
		return route.Version{}
	}
	for _, version := range labels {
		if strings.HasPrefix(row.Name, string(route.Override)+"."+host[0]+"."+version) {
			return route.Version{Service: host[0], Namespace: host[1], Version: version}
		}
	}
	return route.Version{}
}

func (t *teller) announced(v route.Version) announced {
	if s := t.service(v); s != nil {
		return announced{selector: s.Selector}
	}
	return announced{}
}

func (t *teller) service(v route.Version) *model.Service {
	if t.Snapshot == nil {
		return nil
	}
	at := slices.IndexFunc(t.Snapshot.Services, func(s model.Service) bool { return s.Namespace == v.Namespace && s.Name == v.Service })
	if at < 0 {
		return nil
	}
	return &t.Snapshot.Services[at]
}

// versions reports which versions requests may ask for now, and which no longer.
func (t *teller) versions() {
	routed, known := t.Planned.Routed, t.next.announced
	var begun, ended []route.Version
	for v, r := range routed {
		if _, was := known[v]; !was && r.Propagated {
			begun = append(begun, v)
		}
	}
	for v := range known {
		if _, still := routed[v]; !still {
			ended = append(ended, v)
		}
	}
	for _, v := range sorted(begun) {
		known[v] = t.announced(v)
		t.say(v, VersionOverridable, fmt.Sprintf("version %s is reached by requests for %s:%s", v.Version, v.Service, v.Version))
	}
	for _, v := range sorted(ended) {
		if why := t.whyNot(v, known[v]); why != "" {
			t.say(v, VersionNotOverridable, why)
		}
		delete(known, v)
	}
}

// say adds an Event about a version. Programs read the version from its note, which begins
// with "version NAME ".
func (t *teller) say(v route.Version, reason, note string) {
	t.out.Events = append(t.out.Events, Event{Namespace: v.Namespace, Service: v.Service, Reason: reason, Note: note, Version: v})
}

// whyNot says why requests can no longer ask for a version, and what happens to those that
// do; empty if they still reach it, or the Service is gone.
func (t *teller) whyNot(v route.Version, was announced) string {
	asked := fmt.Sprintf("requests for %s:%s", v.Service, v.Version)
	if t.Left[v.Namespace] {
		return fmt.Sprintf("version %s is not routed to, since namespace %s is no longer managed: %s are answered like any other", v.Version, v.Namespace, asked)
	}
	s := t.reports[[2]string{v.Namespace, v.Service}]
	switch {
	case s == nil:
		return ""
	case s.State == compile.Skipped && s.Reason == diag.OptedOut:
		return fmt.Sprintf("version %s is not routed to, since the Service asks to be left alone: %s are answered like any other", v.Version, asked)
	case s.State == compile.Skipped:
		return fmt.Sprintf("version %s is not routed to, since the Service is left alone (%s): %s are answered like any other", v.Version, s.Reason, asked)
	}
	get := " get the released version"
	if s.Pinned == compile.NotPinned || s.Pinned == compile.PinnedNowhere {
		get = " are answered like any other"
	}
	why := t.whyNoRoute(s, v, was)
	if why == "" {
		return ""
	}
	return why + ": " + asked + get
}

// whyNoRoute says why there is no route to a version of a managed Service; empty if none
// is needed.
func (t *teller) whyNoRoute(s *compile.Service, v route.Version, was announced) string {
	at := slices.IndexFunc(s.Versions, func(x compile.Version) bool { return x.Name == v.Version })
	if at < 0 {
		if now := t.service(v); now != nil && was.selector != nil && !maps.Equal(now.Selector, was.selector) {
			return fmt.Sprintf("version %s has no pod that the Service selects, since its selector has changed (%s)", v.Version, strings.TrimSuffix(model.LabelString(now.Selector), ","))
		}
		return fmt.Sprintf("version %s has no pod that the Service selects", v.Version)
	}
	x := &s.Versions[at]
	switch {
	case x.Expired:
		return fmt.Sprintf("version %s expired at %s", v.Version, x.Expires.Format(time.RFC3339))
	case x.Ready == 0:
		return fmt.Sprintf("version %s has no ready pod (0 of %d)", v.Version, x.Pods)
	case s.State == compile.Idle || x.Released:
		return ""
	}
	for _, h := range t.Planned.Blocked {
		if h.Version == v && h.Reason == plan.Flapping {
			return fmt.Sprintf("version %s alternates between ready and unready, and must stay ready until %s", v.Version, clock(h.Until))
		}
	}
	if t.wants(v) {
		return fmt.Sprintf("version %s has lost its route, which is written again as soon as proxies have received its subset", v.Version)
	}
	return fmt.Sprintf("version %s can't have a route now: see the Warnings of the Service", v.Version)
}

// wants reports whether a table has a row for a version, in place or not.
func (t *teller) wants(v route.Version) bool {
	return slices.ContainsFunc(t.Result.Tables, func(table route.Table) bool {
		return slices.ContainsFunc(table.Routes, func(r route.Route) bool { return r.Kind == route.Override && r.Version == v })
	})
}

// clock formats a time of day in UTC, as in logs.
func clock(at time.Time) string { return at.UTC().Format("15:04:05Z") }

func sorted(versions []route.Version) []route.Version {
	return slices.SortedFunc(slices.Values(versions), func(a, b route.Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version))
	})
}
