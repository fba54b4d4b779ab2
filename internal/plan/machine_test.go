package plan_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// TestNoRequestIsLost is a state machine. Versions come, get ready, crash, recover and go;
// released versions are rolled; users change their objects; the operator crashes. Proxies
// receive every object late and in any order. After each tick every proxy sends every kind
// of request.
func TestNoRequestIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(3)
		w.draw = t
		w.ordered = rapid.Bool().Draw(t, "endpoints first")
		w.gate, w.istiodTells = rapid.Bool().Draw(t, "gate"), rapid.Bool().Draw(t, "told what proxies have")
		w.steer(primary)
		w.deploy("cart-v1", "v1", rapid.Bool().Draw(t, "own selector"))
		w.workloads["cart-v1"].pods, w.workloads["cart-v1"].ready = 2, 2
		for range ticks(5 * bound) {
			w.step(t, false, false)
		}
		w.checking = true
		for range rapid.IntRange(10, 80).Draw(t, "events") {
			w.event(t)
			for range rapid.SampledFrom([]int{1, 1, 2, 5, 12}).Draw(t, "ticks") {
				w.step(t, false, true)
			}
		}
		w.converge(t)
	})
}

// event makes something happen that changes the desired objects.
func (w *world) event(t *rapid.T) {
	disturbed := false
	name := rapid.SampledFrom([]string{"cart-v1", "cart-v2", "cart-v3", "cart-next"}).Draw(t, "workload")
	x := w.workloads[name]
	switch rapid.IntRange(0, 11).Draw(t, "event") {
	case 0, 1, 2:
		switch {
		case x == nil && name == "cart-next":
			// Another version whose name begins with that of the first.
			w.deploy(name, "v1.1", rapid.Bool().Draw(t, "own selector"))
		case x == nil && w.serving(name[len("cart-"):]):
		case x == nil:
			w.deploy(name, name[len("cart-"):], rapid.Bool().Draw(t, "own selector"))
		case x.ready > 0:
			x.ready-- // a crash
		case x.pods > 0 && w.mayBeReady(x):
			x.ready = x.pods
		}
	case 3, 4:
		if x != nil && x.pods > 0 && w.mayBeReady(x) {
			x.ready = x.pods
		}
	case 5:
		if x == nil || !rapid.Bool().Draw(t, "made anew") {
			delete(w.workloads, name)
			break
		}
		w.workloads[name] = w.recreated(t, x)
		w.admit(w.workloads[name])
	case 6:
		if x != nil {
			x.pods, x.ready, x.watched = 1-min(x.pods, 1), 0, 0
			w.admit(x)
		}
	case 7:
		w.settings.ReleasedVersions = rapid.SampledFrom([][]string{nil, {"v1"}, {"v2"}, {"v1", "v1.1"}, {"v1", "v2"}}).Draw(t, "released")
	case 8:
		disturbed = w.userChanges(t)
	case 9:
		w.memory, w.crashed = plan.Memory{}, true
		// A crash costs a wait, so pods that come up meanwhile get no pin in time.
		for _, x := range w.workloads {
			x.watched = 0
		}
		w.memoryLost = true
		w.down = rapid.IntRange(0, 15).Draw(t, "down")
	case 10, 11:
		if version := rapid.SampledFrom([]string{"v1", "v2", "v3"}).Draw(t, "rolled to"); w.roll(x, version) && rapid.Bool().Draw(t, "promoted") {
			w.settings.ReleasedVersions = []string{version}
		}
	}
	w.step(t, disturbed, true)
}

// mayBeReady reports whether pods may become ready. Pods with a gate may once it is open.
// Others may once they have existed long enough for the pin to reach the proxies before a
// preview can get requests; released pods at any time.
func (w *world) mayBeReady(x *workload) bool {
	if w.gate && x.gated {
		return x.open
	}
	n := len(w.past)
	return n == 0 || w.past[n-1].released[x.version] || x.watched > ticks(3*bound)
}

func ticks(d time.Duration) int { return int(d / tick) }

// step advances by one tick: the operator runs first, then the proxies.
func (w *world) step(t rapid.TB, disturbed, mayFail bool) {
	w.now = w.now.Add(tick)
	w.readyEager()
	w.finishRollouts()
	w.noteEndpoints()
	ran := w.down == 0
	w.forgetEligible()
	w.acknowledge()
	if ran {
		ran = w.operate(t, mayFail)
		w.openGates()
		for _, x := range w.workloads {
			if x.pods > 0 && ran {
				x.watched++
			}
		}
	} else {
		w.down--
	}
	w.truth(disturbed, ran)
	t.Logf("%v %s", w.now.Sub(epoch), w.story())
	for _, p := range w.proxies {
		p.deliver(w)
		if w.checking {
			w.check(t, p.namespace, p.view(&w.log))
		}
	}
}

func (w *world) noteEndpoints() {
	var ready []map[string]string
	for _, name := range slices.Sorted(maps.Keys(w.workloads)) {
		for x := w.workloads[name]; x != nil; x = x.former {
			if x.ready > 0 {
				ready = append(ready, x.labels())
			}
		}
	}
	if n := len(w.log.endpoints); n == 0 || !reflect.DeepEqual(w.log.endpoints[n-1].labels, ready) {
		w.log.endpoints = append(w.log.endpoints, endpoints{at: w.now, labels: ready})
	}
}

// check sends every kind of request.
func (w *world) check(t rapid.TB, from string, v view) {
	window := w.window(ticks(3*bound) + 2)
	hidden := from == elsewhere && slices.ContainsFunc(window, func(m moment) bool { return m.hidden })
	disturbed := slices.ContainsFunc(window, func(m moment) bool { return m.disturbed })
	fail := func(header string, o outcome, why string) {
		t.Helper()
		t.Fatalf("%q: %s: %s\n%s", header, why, o, v.describe())
	}
	for _, version := range []string{"", "v1", "v2", "v3", "v1.1", "none"} {
		header := ""
		if version != "" {
			header = service + ":" + version
		}
		o := v.send(header)
		if set := v.send("*:" + version); version != "" && !sameAs(o, set) {
			fail(header, o, "a set for the version is treated otherwise: "+set.String())
		}
		overridden := v.overridden(o)
		switch {
		case disturbed:
		case o.noCluster != "" && (overridden || w.servable(window)):
			fail(header, o, "the proxy has no cluster")
		case overridden && o.noEndpoint != "" && !w.changed(w.window(ticks(bound)+1), version):
			fail(header, o, "no endpoint")
		case overridden && slices.ContainsFunc(o.versions, func(served string) bool { return served != version }):
			fail(header, o, "another version served it")
		case hidden:
			// Callers there get what they would get without Overrides, by their own rule.
		case !overridden && version != "" && w.announced(version):
			fail(header, o, "the version is announced, but did not serve")
		case !overridden:
			w.checkReleased(window, o, func(why string) { fail(header, o, why) })
		}
	}
}

// sameAs reports whether a request for a set went where the one for the version did: both
// rows of a version come and go together.
func sameAs(named, set outcome) bool {
	set.route = strings.Replace(set.route, "override.*.", "override.", 1)
	return reflect.DeepEqual(named, set)
}

// announced reports whether a version was announced a tick ago and is still ready: then the
// announcement must hold.
func (w *world) announced(version string) bool {
	return always(w.past[len(w.past)-2:], func(m moment) bool { return m.ready[version] && m.announced[version] })
}

// changed reports whether a version has ceased to be ready; or has become ready, if
// proxies receive endpoints as late as everything else.
func (w *world) changed(window []moment, version string) bool {
	for i := 1; i < len(window); i++ {
		before, after := window[i-1].ready[version], window[i].ready[version]
		if before && !after || !before && after && !w.ordered {
			return true
		}
	}
	return false
}

// checkReleased checks a request that is not overridden: an eligible version served it, and
// it did not fail if such a version was ready all the time.
func (w *world) checkReleased(window []moment, o outcome, fail func(string)) {
	if o.noEndpoint != "" && w.servable(window) {
		fail("no endpoint, although the pods that must serve it are ready")
	}
	delegates := slices.ContainsFunc(window, func(m moment) bool { return m.delegates })
	for _, served := range o.versions {
		if always(window, func(m moment) bool { return m.previews[served] }) {
			fail("pods labelled as previews served it: " + served)
		}
		if always(window, func(m moment) bool {
			return m.eligible != nil && !m.eligible[served] && (!delegates || !m.steered[served])
		}) {
			fail("an unreleased version served it: " + served)
		}
	}
}

// servable reports whether an ordinary request can't fail: every version that had to serve
// it has been ready from then on; or all the time, if proxies receive endpoints as late as
// everything else. All of them have to be ready, since each has a share of the requests.
func (w *world) servable(window []moment) bool {
	must := map[string]bool{}
	for _, m := range window {
		if len(m.mustServe) == 0 {
			return false
		}
		maps.Copy(must, m.mustServe)
		for v := range must {
			if w.ordered && !m.ready[v] {
				return false
			}
		}
	}
	return w.ordered || always(window, func(m moment) bool {
		for v := range must {
			if !m.ready[v] {
				return false
			}
		}
		return true
	})
}

func always(window []moment, so func(moment) bool) bool {
	return !slices.ContainsFunc(window, func(m moment) bool { return !so(m) })
}

// overridden reports whether the route taken is an override row.
func (v *view) overridden(o outcome) bool {
	return len(o.route) > 9 && o.route[:9] == "override."
}

// window lists the last moments, back to when the operator had run for a number of ticks
// without losing its memory.
func (w *world) window(ticks int) []moment {
	i := len(w.past)
	for ran := 0; i > 0 && ran < ticks; {
		i--
		switch {
		case w.past[i].crashed:
			ran = 0
		case w.past[i].ran:
			ran++
		}
	}
	return w.past[i:]
}

// converge waits until nothing is left to do, and compares the stored objects with those
// that generate prints.
func (w *world) converge(t rapid.TB) {
	w.down = 0
	for n := 0; ; n++ {
		w.recoverReleased()
		w.step(t, false, false)
		out := w.plan(t)
		if len(out.Steps) == 0 && out.RequeueAt.IsZero() && !slices.ContainsFunc(out.Blocked, retainsOrdinary) {
			break
		}
		if n > ticks(20*bound) {
			for name, o := range w.stored {
				t.Logf("%s is\n%s", name, o.JSON)
			}
			t.Fatalf("still not done: %v, blocked %v, %v", out.Steps, out.Blocked, out.Diagnostics)
		}
	}
	want, _, err := istio.Objects(w.result.Tables, w.result.SubsetRules)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(w.stored) {
		t.Fatalf("%d objects, want %d", len(w.stored), len(want))
	}
	for _, o := range want {
		if got := string(w.stored[o.Object].JSON); got != string(o.JSON) {
			t.Fatalf("%s is\n%s\nwant\n%s", o.Object, got, o.JSON)
		}
	}
	w.now = w.now.Add(time.Hour)
	if out := w.plan(t); len(out.Steps) > 0 {
		t.Fatalf("not idle: %v", out.Steps)
	}
}
