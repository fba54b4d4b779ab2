package prove

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// sameAction describes how two routes differ apart from their match; "" if they don't.
func (p *pair) sameAction(before, after *mesh.Route) string {
	if after.Response != nil {
		return "Overrides would answer the request"
	}
	key := [2]*istioapi.HTTPRoute{before.HTTP, after.HTTP}
	field, known := p.fields[key]
	if !known {
		field = differentField(before.HTTP, after.HTTP)
		p.fields[key] = field
	}
	if field != "" {
		return field + " would change"
	}
	if before.HTTP.GetRedirect() != nil || before.HTTP.GetDirectResponse() != nil {
		return ""
	}
	if why := p.sameDestinations(before, after); why != "" {
		return why
	}
	if !p.sameRetrying(before, after) && !proto.Equal(retries(p.mesh, p.before, p.class, before), retries(p.mesh, p.after, p.class, after)) {
		return "retries would change"
	}
	return p.sameMirrors(before, after)
}

// sameRetrying reports whether everything that retries depend on is the same.
func (p *pair) sameRetrying(before, after *mesh.Route) bool {
	return proto.Equal(before.HTTP.GetRetries(), after.HTTP.GetRetries()) && kept(p.before, p.class, before) == kept(p.after, p.class, after)
}

// kept reports whether retries go where the request went before: to a single destination
// with a hash policy.
func kept(x *mesh.Island, class *mesh.Class, r *mesh.Route) bool {
	return !isOwn(r) && len(r.Destinations) == 1 && x.Hash(class, &r.Destinations[0], false) != nil
}

// retries returns the policy that is in force for a route. A route to a single
// destination with a hash policy retries the same host, unless it says otherwise; a
// Service's own route never does (pilot/pkg/networking/core/route/retry: ConvertPolicy).
func retries(m *mesh.Mesh, x *mesh.Island, class *mesh.Class, r *mesh.Route) *istioapi.HTTPRetry {
	policy := r.HTTP.GetRetries()
	if policy == nil {
		policy = m.DefaultRetries()
	}
	if policy.GetAttempts() <= 0 {
		return &istioapi.HTTPRetry{}
	}
	policy = proto.CloneOf(policy)
	if policy.RetryIgnorePreviousHosts == nil {
		policy.RetryIgnorePreviousHosts = wrapperspb.Bool(!kept(x, class, r))
	}
	if policy.GetRetryRemoteLocalities() != nil && !policy.GetRetryRemoteLocalities().GetValue() {
		policy.RetryRemoteLocalities = nil
	}
	return policy
}

// isOwn reports whether r is a Service's own route, as istiod makes it.
func isOwn(r *mesh.Route) bool { return r.HTTP == nil && r.Row() == nil }

// These are compared separately, or don't affect what a route does.
var notCompared = map[protoreflect.Name]bool{
	"name": true, "match": true, "route": true, "delegate": true, "mirror": true, "mirrors": true, "retries": true,
}

// differentField names the first field in which two routes of users differ. If a route
// has several answers, Istio uses the redirect, or else the direct response, and applies
// no rewrite to them.
func differentField(before, after *istioapi.HTTPRoute) string {
	skip := func(name protoreflect.Name) bool {
		return notCompared[name] ||
			(name == "direct_response" && before.GetRedirect() != nil) ||
			(name == "rewrite" && (before.GetRedirect() != nil || before.GetDirectResponse() != nil))
	}
	x, y := before.ProtoReflect(), after.ProtoReflect()
	fields := x.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if skip(field.Name()) || (!x.Has(field) && !y.Has(field)) {
			continue
		}
		if x.Has(field) != y.Has(field) || !x.Get(field).Equal(y.Get(field)) {
			return string(field.Name())
		}
	}
	return ""
}

// service is a Service that requests may go to on a port, with the changes of their
// headers.
type service struct {
	host    string
	port    uint32
	headers string
	// hash is the hash policy there.
	hash string
}

func (s service) compare(t service) int {
	return cmp.Or(cmp.Compare(s.host, t.host), cmp.Compare(s.port, t.port), cmp.Compare(s.headers, t.headers), cmp.Compare(s.hash, t.hash))
}

// share is the part of the requests that goes to a subset of a Service; with an empty
// name, to the whole Service.
type share struct {
	subset string
	part   float64
}

// shares are those of one Service, sorted by subset.
type shares []share

// of returns the share of a subset, and whether there is one.
func (l shares) of(subset string) (float64, bool) {
	for _, s := range l {
		if s.subset == subset {
			return s.part, true
		}
	}
	return 0, false
}

// division is the distribution of requests among Services, sorted by these.
type division []served

type served struct {
	service
	shares
}

// of returns the shares of a Service; nil if there are none.
func (d division) of(s service) shares {
	for i := range d {
		if d[i].service == s {
			return d[i].shares
		}
	}
	return nil
}

// add adds to the share of a subset.
func (d *division) add(s service, subset string, part float64) {
	at, found := slices.BinarySearchFunc(*d, s, func(x served, s service) int { return x.compare(s) })
	if !found {
		*d = slices.Insert(*d, at, served{service: s})
	}
	of := &(*d)[at].shares
	i, found := slices.BinarySearchFunc(*of, subset, func(x share, subset string) int { return cmp.Compare(x.subset, subset) })
	if !found {
		*of = slices.Insert(*of, i, share{subset: subset})
	}
	(*of)[i].part += part
}

// tolerance is the difference of shares that is due to integer weights.
const tolerance = 1e-6

func differ(x, y float64) bool { return x-y > tolerance || y-x > tolerance }

// sameDestinations compares the shares of requests that go to each Service and subset.
// Pins count as the whole Service.
func (p *pair) sameDestinations(before, after *mesh.Route) string {
	theirs, why := sharesOf(p.before, p.class, before, func(d *route.Destination) mesh.Cluster { return p.before.Cluster(p.class, p.port, d) })
	if why != "" {
		return why
	}
	now, why := sharesOf(p.after, p.class, after, func(d *route.Destination) mesh.Cluster { return p.after.Cluster(p.class, p.port, d) })
	if why != "" {
		return why
	}
	for _, s := range now {
		want := theirs.of(s.service)
		if want == nil {
			return "requests would go to " + clusterName(mesh.Cluster{Host: s.host, Port: s.port})
		}
		if why := p.sameShares(s.service, want, s.shares); why != "" {
			return why
		}
	}
	for _, s := range theirs {
		if now.of(s.service) == nil {
			return "no requests would go to " + clusterName(mesh.Cluster{Host: s.host, Port: s.port})
		}
	}
	return ""
}

// sameShares compares the shares of a Service and its subsets. If the Service is pinned,
// the share of the whole is distributed among the subsets of the pin, in addition to the
// shares that the user gave to these.
func (p *pair) sameShares(s service, before, after shares) string {
	wholeBefore, _ := before.of("")
	wholeAfter, _ := after.of("")
	divided, pins := 0.0, 0
	for _, x := range after {
		subset, got := x.subset, x.part
		want, _ := before.of(subset)
		cluster := mesh.Cluster{Host: s.host, Subset: subset, Port: s.port}
		switch {
		case !differ(got, want):
		case subset == "" || got < want:
			return fmt.Sprintf("%s would get %.4g %% of the requests instead of %.4g %%", clusterName(cluster), 100*got, 100*want)
		default:
			if why := p.noPin(cluster); why != "" {
				return why
			}
			divided += got - want
			pins++
		}
	}
	for _, x := range before {
		if _, found := after.of(x.subset); !found && x.subset != "" {
			return fmt.Sprintf("%s would get nothing instead of %.4g %% of the requests", clusterName(mesh.Cluster{Host: s.host, Subset: x.subset, Port: s.port}), 100*x.part)
		}
	}
	if !differ(wholeAfter, wholeBefore) {
		return ""
	}
	if differ(divided, wholeBefore) {
		return fmt.Sprintf("%s would get %.4g %% of the requests instead of %.4g %%", clusterName(mesh.Cluster{Host: s.host, Port: s.port}), 100*divided, 100*wholeBefore)
	}
	if pins > 1 {
		p.keepsTogether(s.host, s.port)
	}
	return ""
}

// sharesOf sums the destinations of a route by their clusters. If there are several,
// those with weight 0 get nothing.
func sharesOf(x *mesh.Island, class *mesh.Class, r *mesh.Route, cluster func(*route.Destination) mesh.Cluster) (division, string) {
	in := r.Destinations
	out, sum := division(nil), 0.0
	for i := range in {
		d := &in[i]
		weight := float64(d.Weight)
		if len(in) == 1 {
			weight = 1
		}
		if weight == 0 {
			continue
		}
		to := cluster(d)
		key := service{host: to.Host, port: to.Port}
		if d.Headers != nil {
			text, err := proto.MarshalOptions{Deterministic: true}.Marshal(d.Headers)
			if err != nil {
				return nil, "its headers can't be read"
			}
			key.headers = string(text)
		}
		if hash := x.Hash(class, d, isOwn(r)); hash != nil {
			text, err := proto.MarshalOptions{Deterministic: true}.Marshal(hash)
			if err != nil {
				return nil, "its hash policy can't be read"
			}
			key.hash = string(text) + "."
		}
		out.add(key, to.Subset, weight)
		sum += weight
	}
	for _, s := range out {
		for i := range s.shares {
			s.shares[i].part /= sum
		}
	}
	return out, ""
}

// noPin says why a subset can't replace the whole Service: a pin has pods of the Service,
// none of which must be kept from ordinary requests, and the policy of the whole.
func (p *pair) noPin(c mesh.Cluster) string {
	subset, found := p.after.Rule(p.class, c.Host).Subset(c.Subset)
	if !found {
		return clusterName(c) + " does not exist"
	}
	unreleased := p.unreleased[c.Host]
	if b := model.FirstWithLabels(unreleased, subset.Labels); b != nil {
		return fmt.Sprintf("%s has pods of %s, which is not released", clusterName(c), b.Workload)
	}
	s := p.service(c.Host)
	switch {
	case s == nil, len(unreleased) == 0 && !p.pinStays[c.Host]:
		return clusterName(c) + " would replace the whole Service, which has no other pods"
	case model.FirstWithLabels(s.Backends, subset.Labels) == nil && !onlyPreviews(s.Backends):
		return clusterName(c) + " has no pod"
	case subset.Policy != nil:
		return clusterName(c) + " has a policy of its own"
	}
	return ""
}

// onlyPreviews reports whether all pods are labelled as previews, which ordinary requests
// must not reach: a pin with none of them is correct.
func onlyPreviews(backends []model.Backend) bool {
	return !slices.ContainsFunc(backends, func(b model.Backend) bool { return b.Labels[compile.PreviewLabel] != "true" })
}

// keepsTogether records that a pin of several parts divides requests with a hash policy:
// a proxy chooses a part for each request.
func (p *pair) keepsTogether(host string, port uint32) {
	rule := p.after.Rule(p.class, host)
	if rule == nil || !consistent(rule.Policy, port) {
		return
	}
	for _, from := range rule.From {
		if from.Policy != nil {
			p.split[Split{host, from.Object.String()}] = true
			return
		}
	}
}

func consistent(policy *istioapi.TrafficPolicy, port uint32) bool {
	for _, l := range policy.GetPortLevelSettings() {
		if l.GetPort().GetNumber() == port && l.GetLoadBalancer().GetConsistentHash() != nil {
			return true
		}
	}
	return policy.GetLoadBalancer().GetConsistentHash() != nil
}

// sameMirrors compares the mirrors of two routes. For a pin of several parts, only one of
// them gets copies.
func (p *pair) sameMirrors(before, after *mesh.Route) string {
	if len(before.Mirrors) != len(after.Mirrors) {
		return "mirrors would change"
	}
	for i := range before.Mirrors {
		want := p.before.Cluster(p.class, p.port, &before.Mirrors[i])
		got := p.after.Cluster(p.class, p.port, &after.Mirrors[i])
		if got == want {
			continue
		}
		whole := got
		whole.Subset = ""
		if whole != want {
			return fmt.Sprintf("mirrored requests would go to %s instead of %s", clusterName(got), clusterName(want))
		}
		if why := p.noPin(got); why != "" {
			return why
		}
	}
	x, y := before.HTTP.GetMirrors(), after.HTTP.GetMirrors()
	for i := range min(len(x), len(y)) {
		if !proto.Equal(x[i].GetPercentage(), y[i].GetPercentage()) {
			return "the mirrored share of requests would change"
		}
	}
	return ""
}
