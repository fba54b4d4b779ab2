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

// announcedWithin is how long after a route was written the operator that wrote it
// may have ended without having announced the version. Within it, one that follows
// says it, perhaps again.
const announcedWithin = time.Minute

// announced is a version that was said to be overridable.
type announced struct {
	// selector is that of its Service then; nil where that is not known.
	selector map[string]string
}

// inherit takes for announced what an earlier operator has: the versions of rows that are
// in place. Those that are wanted still may not have been, if they were written just now.
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
		young := t.Now.Sub(t.Written[o.Object]) < announcedWithin
		if o.Routes == nil {
			continue
		}
		for _, row := range o.Routes.Overrides {
			v, isWanted := wanted[o.Object][row.Name]
			if !isWanted {
				v = versionOf(row, subsets[row.To])
			}
			if _, routed := t.Planned.Routed[v]; v.Version != "" && (!isWanted || routed && !young) {
				t.out.Memory.announced[v] = t.announced(v)
			}
		}
	}
}

// subsets are the labels of the subsets that were in place.
func (t *teller) subsets() map[plan.Cluster]map[string]string {
	out := map[plan.Cluster]map[string]string{}
	for i := range t.Before {
		t.Before[i].Subsets.AddLabels(out)
	}
	return out
}

// versionOf says for which version a row is that nobody wants any more: that of the
// subset which it leads to. It is zero where that can't be told.
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

// versions says which versions requests may ask for now, and which not any more.
func (t *teller) versions() {
	routed, known := t.Planned.Routed, t.out.Memory.announced
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
	if len(begun)+len(ended) == 0 {
		return
	}
	known = maps.Clone(known) // the one before may be asked again
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
	t.out.Memory.announced = known
}

func (t *teller) say(v route.Version, reason, note string) {
	t.out.Events = append(t.out.Events, Event{Namespace: v.Namespace, Service: v.Service, Reason: reason, Note: note, Version: v})
}

// whyNot says why no request can ask for a version any more, and what becomes of those
// that do; nothing where these reach it all the same, or the Service is gone.
func (t *teller) whyNot(v route.Version, was announced) string {
	asked := fmt.Sprintf("requests for %s:%s", v.Service, v.Version)
	if t.Left[v.Namespace] {
		return fmt.Sprintf("version %s is not routed to, since namespace %s is not managed any more: %s are answered like any other", v.Version, v.Namespace, asked)
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

// whyNoRoute says why there is no route to a version of a Service that is looked after;
// nothing where none is needed.
func (t *teller) whyNoRoute(s *compile.Service, v route.Version, was announced) string {
	at := slices.IndexFunc(s.Versions, func(x compile.Version) bool { return x.Name == v.Version })
	if at < 0 {
		if now := t.service(v); now != nil && was.selector != nil && !maps.Equal(now.Selector, was.selector) {
			return fmt.Sprintf("version %s has no pod behind the Service, whose selector has changed (%s)", v.Version, strings.TrimSuffix(model.LabelString(now.Selector), ","))
		}
		return fmt.Sprintf("version %s has no pod behind the Service", v.Version)
	}
	x := &s.Versions[at]
	switch {
	case x.Ready == 0:
		return fmt.Sprintf("version %s has no ready pod (0 of %d)", v.Version, x.Pods)
	case s.State == compile.Idle || x.Released:
		return ""
	}
	for _, h := range t.Planned.Blocked {
		if h.Version == v && h.Reason == plan.Flapping {
			return fmt.Sprintf("version %s becomes ready and unready again and again, and has to stay ready until %s", v.Version, clock(h.Until))
		}
	}
	if t.wants(v) {
		return fmt.Sprintf("version %s has lost its route, which is written again as soon as proxies have what it leads to", v.Version)
	}
	return fmt.Sprintf("version %s can't have a route now, as the Warnings of the Service say", v.Version)
}

// wants reports whether a table has a row for a version, in place or not.
func (t *teller) wants(v route.Version) bool {
	return slices.ContainsFunc(t.Result.Tables, func(table route.Table) bool {
		return slices.ContainsFunc(table.Routes, func(r route.Route) bool { return r.Kind == route.Override && r.Version == v })
	})
}

// clock is the time of day, as people compare it with their logs.
func clock(at time.Time) string { return at.UTC().Format("15:04:05Z") }

func sorted(versions []route.Version) []route.Version {
	return slices.SortedFunc(slices.Values(versions), func(a, b route.Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version))
	})
}
