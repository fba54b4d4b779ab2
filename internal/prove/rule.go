package prove

import (
	"maps"

	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rule proves one DestinationRule: for every caller, the policy of users' rules for the
// host, and each of their subsets, stay the same.
func (c *checker) rule(r *route.SubsetRule) {
	object := istio.RuleObject(r)
	c.pairs(object, []string{r.Host}, func(p *pair) {
		if why := sameRule(p.before.Rule(p.class, r.Host), p.after.Rule(p.class, r.Host)); why != "" {
			p.fail("", nil, "%s", why)
		}
	})
}

func sameRule(before, after *mesh.Merged) string {
	switch {
	case before == nil && after == nil:
		return ""
	case before == nil:
		if after.Policy != nil && proto.Size(after.Policy) > 0 {
			return "there is no policy now, and there would be one"
		}
		return ""
	case after == nil:
		return objectNames(before.Objects()) + " would no longer be in force"
	case !proto.Equal(before.Policy, after.Policy) && proto.Size(before.Policy)+proto.Size(after.Policy) > 0:
		return "the policy of " + objectNames(before.Objects()) + " would no longer be in force"
	}
	for _, s := range before.Subsets {
		now, found := after.Subset(s.Name)
		if !found || !maps.Equal(s.Labels, now.Labels) || !proto.Equal(s.Policy, now.Policy) {
			return "subset " + s.Name + " of " + objectNames(before.Objects()) + " would change or be missing"
		}
	}
	return ""
}
