package island

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// common is what every island sees of the cluster beyond its own objects:
//
//	namespaces, their revisions, the mesh configuration             from objects
//	Sidecars, Gateways, Kubernetes Gateways                         from objects
//	rules and ServiceEntries for hosts under a wildcard             from objects
//	OverrideGrants, if it has rows for them                         from objects
//	the namespaces that callers may be in, the callers, the pods
//	of gateways, and the policies about tokens                      from all islands
//	which filters proxies have                                      from the caller of the package
type common struct {
	// base is the snapshot of the objects, and found are its diagnostics.
	base  *model.Snapshot
	found []diag.Diagnostic
	// enforced is base with the pods of gateways of all islands, on which the policies of
	// Gateways depend.
	enforced model.Snapshot
	// callers and namespaces count the islands that have each. What came or went since the
	// last update is in newCallers, newBare and newNamespaces.
	callers                            map[model.Caller]int
	namespaces                         map[string]int
	newCallers, newBare, newNamespaces bool
	// gateways are the Gateways, and gatewayPods counts the islands with pods of these, by
	// [podKeys].
	gateways       []*istionetv1.Gateway
	gatewayPods    map[string]int
	newGatewayPods bool

	// allCallers and allNamespaces are those of all islands, bare the callers without a
	// sidecar, at which ordinary traffic is not kept from previews of any Service.
	// allCallers is nil until some island needs it.
	allCallers, bare []model.Caller
	allNamespaces    []string
	podsByKey        map[string]model.GatewayPods

	// tokens counts the islands with each policy about tokens, by keys with which policyByKey finds
	// it. filters are what proxies have the filter of.
	tokens      map[string]int
	policyByKey map[string]model.Policy
	newTokens   bool
	filters     []diag.Object
	newFilters  bool
}

func (c *common) init() {
	c.base, c.callers, c.namespaces = &model.Snapshot{}, map[model.Caller]int{}, map[string]int{}
	c.gatewayPods, c.podsByKey = map[string]int{}, map[string]model.GatewayPods{}
	c.tokens, c.policyByKey = map[string]int{}, map[string]model.Policy{}
	c.newNamespaces = true
}

// read makes the snapshot of the objects that count for all islands.
func (c *common) read(m *Map) {
	objects := &discover.Objects{Cluster: true, Part: true, Sliced: m.slices > 0}
	for n := range m.index.common {
		if n.object.Read != nil {
			objects.Put(n.object.Read)
		}
	}
	before := shareOf(c.base)
	c.base, c.found = objects.Snapshot(m.options.Model)
	c.newGatewayPods = true // the policies of Gateways depend on these
	c.gateways = objects.Gateways
	c.replace(before, shareOf(c.base))
}

// share is the part that an island has in what all islands see.
type share struct {
	callers    []model.Caller
	namespaces []string
	gateways   []model.GatewayPods
	tokens     []model.Policy
}

func shareOf(s *model.Snapshot) share {
	out := share{callers: s.Callers, namespaces: s.Namespaces, gateways: s.GatewayPods}
	for i := range s.Policies {
		if s.Policies[i].Settings.Access != nil {
			out.tokens = append(out.tokens, s.Policies[i])
		}
	}
	return out
}

// replace notes the share of an island.
func (c *common) replace(before, after share) {
	came := func(string) { c.newNamespaces = true }
	count(c.namespaces, after.namespaces, 1, came)
	count(c.namespaces, before.namespaces, -1, came)
	pods := func(string) { c.newGatewayPods = true }
	count(c.gatewayPods, c.podKeys(after.gateways), 1, pods)
	count(c.gatewayPods, c.podKeys(before.gateways), -1, pods)
	tokens := func(string) { c.newTokens = true }
	count(c.tokens, c.policyKeys(after.tokens), 1, tokens)
	count(c.tokens, c.policyKeys(before.tokens), -1, tokens)
	if slices.Equal(before.callers, after.callers) {
		return
	}
	moved := func(m model.Caller) {
		c.newCallers = true
		c.newBare = c.newBare || m.NoSidecar
	}
	count(c.callers, after.callers, 1, moved)
	count(c.callers, before.callers, -1, moved)
}

// podKeys returns keys of pods, by which podsByKey finds them.
func (c *common) podKeys(pods []model.GatewayPods) []string {
	out := make([]string, len(pods))
	for i, p := range pods {
		out[i] = p.Namespace + "/" + model.LabelString(p.Labels)
		c.podsByKey[out[i]] = p
	}
	return out
}

// policyKeys returns keys of policies about tokens, by which policyByKey finds them.
func (c *common) policyKeys(policies []model.Policy) []string {
	out := make([]string, len(policies))
	for i := range policies {
		p := &policies[i]
		out[i] = fmt.Sprintf("%s/%s %d %s", p.Namespace, p.Name, p.Created.UnixNano(), p.Settings.Access)
		c.policyByKey[out[i]] = *p
	}
	return out
}

// setFilters notes what proxies have the filter of.
func (c *common) setFilters(filters []diag.Object) {
	if !slices.Equal(c.filters, filters) {
		c.filters, c.newFilters = filters, true
	}
}

// count adds n to the count of each key. It calls moved with each key that came or went.
func count[K comparable](counts map[K]int, keys []K, n int, moved func(K)) {
	for _, key := range keys {
		was := counts[key]
		if counts[key] = was + n; was+n == 0 {
			delete(counts, key)
		}
		if was == 0 || was+n == 0 {
			moved(key)
		}
	}
}

// settle brings the lists up to date. It reports whether all islands see something else
// now, and whether those with rows for callers do.
func (c *common) settle() (all, callers bool) {
	if c.newNamespaces {
		now := slices.Sorted(maps.Keys(c.namespaces))
		all = !slices.Equal(now, c.allNamespaces)
		c.allNamespaces = now
	}
	if c.newTokens {
		for key := range c.policyByKey {
			if c.tokens[key] == 0 {
				delete(c.policyByKey, key)
			}
		}
	}
	if c.newGatewayPods || c.newTokens {
		for key := range c.podsByKey {
			if c.gatewayPods[key] == 0 {
				delete(c.podsByKey, key)
			}
		}
		now := slices.SortedFunc(maps.Values(c.podsByKey), model.GatewayPods.Compare)
		all = all || !slices.EqualFunc(now, c.enforced.GatewayPods, func(a, b model.GatewayPods) bool { return a.Compare(b) == 0 })
		before := c.enforced.TokenNamespaces
		c.enforced = *c.base
		c.enforced.GatewayPods = now
		discover.EnforceGatewayPolicies(&c.enforced)
		discover.EnforceTokens(&c.enforced, slices.Collect(maps.Values(c.policyByKey)))
		all = all || !reflect.DeepEqual(before, c.enforced.TokenNamespaces)
	}
	if c.newBare {
		now := c.listCallers(func(m model.Caller) bool { return m.NoSidecar })
		all = all || !slices.Equal(now, c.bare)
		c.bare = now
	}
	if callers = c.newCallers; callers {
		c.allCallers = nil
	}
	all = all || c.newFilters
	c.newCallers, c.newBare, c.newNamespaces, c.newGatewayPods, c.newTokens, c.newFilters = false, false, false, false, false, false
	return all, callers
}

// listCallers lists some callers, sorted.
func (c *common) listCallers(some func(model.Caller) bool) []model.Caller {
	var out []model.Caller
	for m := range c.callers {
		if some(m) {
			out = append(out, m)
		}
	}
	return discover.CompactCallers(out)
}

// around returns the snapshot of an island with what it sees of the rest of the cluster. Of
// the callers of others it sees those without a sidecar, unless it has rows for callers.
func (c *common) around(own *model.Snapshot, near map[[2]string]*model.Near, asks bool) *model.Snapshot {
	out := *own
	if len(near) > 0 {
		out.Services = slices.Clone(own.Services)
		for i := range out.Services {
			out.Services[i].Near = near[[2]string{out.Services[i].Namespace, out.Services[i].Name}]
		}
	}
	b := c.base
	out.Options, out.Mesh = b.Options, b.Mesh
	out.Namespaces, out.AllNamespaces, out.Callers = c.allNamespaces, b.AllNamespaces, c.bare
	if asks {
		if c.allCallers == nil {
			c.allCallers = c.listCallers(func(model.Caller) bool { return true })
		}
		out.Callers = c.allCallers
	}
	out.Revisions, out.Tags, out.Uninjected, out.Sidecars = b.Revisions, b.Tags, b.Uninjected, b.Sidecars
	out.Gateways, out.GatewayPods, out.KubernetesGateways = c.enforced.Gateways, c.enforced.GatewayPods, c.enforced.KubernetesGateways
	out.TokenNamespaces, out.Filters = c.enforced.TokenNamespaces, c.filters
	out.Grants, out.OverrideGrants = b.Grants, b.OverrideGrants
	out.DestinationRules = merged(own.DestinationRules, b.DestinationRules, func(x, y model.DestinationRule) int { return x.Object().Compare(y.Object()) })
	out.ServiceEntries = merged(own.ServiceEntries, b.ServiceEntries, func(x, y model.ServiceEntry) int { return x.Object().Compare(y.Object()) })
	out.Foreign = merged(own.Foreign, b.Foreign, diag.Object.Compare)
	return &out
}

// merged returns two sorted lists as one.
func merged[T any](own, base []T, compare func(a, b T) int) []T {
	if len(base) == 0 {
		return own
	}
	out := slices.Concat(own, base)
	slices.SortFunc(out, compare)
	return out
}

// asksCallers reports whether any setting of a snapshot asks for rows for callers.
func asksCallers(s *model.Snapshot) bool {
	return slices.ContainsFunc(s.Services, func(s model.Service) bool { return len(s.Settings.Conditions) > 0 }) ||
		slices.ContainsFunc(s.Policies, func(p model.Policy) bool { return len(p.Settings.Conditions) > 0 })
}
