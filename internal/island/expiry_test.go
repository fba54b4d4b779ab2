package island_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

const shopOf = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": %[1]q, "namespace": "shop"},
"spec": {"selector": {"app": %[1]q}, "ports": [{"name": "http", "port": 80}]}}`

const previewOf = `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "%[1]s-%[2]s", "namespace": "shop", "annotations": {%[3]s}},
"spec": {"selector": {"matchLabels": {"app": %[1]q, "version": %[2]q}}, "template": {"metadata": {"labels": {"app": %[1]q, "version": %[2]q}}}}}`

// previews is a map with Services, each of which has a version v1 and a preview.
type previews struct {
	*island.Map
	t *testing.T
}

func (p *previews) put(kind, name, text string) {
	p.t.Helper()
	parsed := discover.Parse([]byte(text), "", diag.Origin{})
	if parsed.Only() == nil {
		p.t.Fatalf("%v", parsed.Diagnostics)
	}
	p.Put(diag.Object{Kind: kind, Namespace: "shop", Name: name}, island.Object{Read: parsed.Only()})
}

// expires puts the preview of a Service with a time of expiry; none if that is empty.
func (p *previews) expires(service, at string) {
	p.t.Helper()
	annotation := ""
	if at != "" {
		annotation = fmt.Sprintf("%q: %q", discover.ExpiresAnnotation, at)
	}
	p.put("Deployment", service+"-pr-118", fmt.Sprintf(previewOf, service, "pr-118", annotation))
}

// changes fails unless an update at a time changes the islands of just these Services, and
// says when the next version expires.
func (p *previews) changes(what string, now, next time.Time, want ...string) {
	p.t.Helper()
	p.Advance(now)
	got := []string{}
	for _, i := range p.Update().Changed {
		for j := range i.Result.Services {
			s := &i.Result.Services[j]
			at := slices.IndexFunc(i.Result.Tables, func(x route.Table) bool { return x.Owner == s.Name })
			state := " expired"
			if at >= 0 && slices.ContainsFunc(i.Result.Tables[at].Routes, func(r route.Route) bool { return r.Version.Version == "pr-118" }) {
				state = " routed"
			}
			got = append(got, s.Name+state)
		}
	}
	if want == nil {
		want = []string{}
	}
	if d := cmp.Diff(want, got); d != "" {
		p.t.Errorf("%s: islands (-want +got):\n%s", what, d)
	}
	if at := p.NextExpiry(); !at.Equal(next) {
		p.t.Errorf("%s: the next version expires at %v, want %v", what, at, next)
	}
}

// TestExpiry: an update compiles the islands of which a version has expired, once, and no
// others; a changed annotation counts at once.
func TestExpiry(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	fill := func(p *previews) {
		for _, name := range []string{"cart", "checkout", "web"} {
			p.put("Service", name, fmt.Sprintf(shopOf, name))
			p.put("Deployment", name+"-v1", fmt.Sprintf(previewOf, name, "v1", ""))
		}
		p.expires("cart", "2026-11-30T12:10:00Z")
		p.expires("checkout", "2026-11-30T12:20:00Z")
		p.expires("web", "")
	}
	p := &previews{island.NewMap(island.Options{Model: model.DefaultOptions()}), t}
	fill(p)
	p.readyAll()
	p.changes("all are new", at(0), at(10), "cart routed", "checkout routed", "web routed")
	p.changes("too early", at(9), at(10))
	p.changes("cart expires", at(10), at(20), "cart expired")
	p.changes("once", at(11), at(20))
	p.expires("cart", "2026-11-30T12:15:00Z")
	p.changes("later", at(12), at(15), "cart routed")
	p.expires("checkout", "2026-11-30T12:11:00Z")
	p.changes("earlier, and past", at(13), at(15), "checkout expired")
	p.expires("checkout", "")
	p.changes("removed", at(13), at(15), "checkout routed")
	p.Remove(diag.Object{Kind: "Deployment", Namespace: "shop", Name: "cart-pr-118"})
	p.Remove(diag.Object{Kind: "Pod", Namespace: "shop", Name: "cart-pr-118"})
	p.changes("deleted", at(14), time.Time{}, "cart expired")

	again := &previews{island.NewMap(island.Options{Model: model.DefaultOptions()}), t}
	fill(again)
	again.readyAll()
	again.changes("a start after the expiry", at(15), at(20), "cart expired", "checkout routed", "web routed")
}

// readyAll puts a ready pod for each workload.
func (p *previews) readyAll() {
	p.t.Helper()
	for _, service := range []string{"cart", "checkout", "web"} {
		for _, version := range []string{"v1", "pr-118"} {
			p.ready(service, version)
		}
	}
}

// ready puts a ready pod of a version.
func (p *previews) ready(service, version string) {
	p.t.Helper()
	name := service + "-" + version
	p.put("Pod", name, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q, "namespace": "shop", "labels": {"app": %q, "version": %q, "pod-template-hash": "x"},
"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "%s-x", "controller": true}]}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}`, name, service, version, name))
}
