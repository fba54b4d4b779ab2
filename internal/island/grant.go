package island

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// regrant has islands compiled whose rows list the live grants, if these are others now.
func (u *updating) regrant() {
	if u.common.readGrants(u.Map) {
		for i := range u.granted {
			u.due[i] = struct{}{}
		}
	}
}

// readGrants reads the OverrideGrants alone. It reports whether others are live now.
func (c *common) readGrants(m *Map) bool {
	objects := &discover.Objects{Cluster: true, Part: true}
	for n := range m.index.common {
		if n.grant && n.object.Read != nil {
			objects.Put(n.object.Read)
		}
	}
	read, _ := objects.Snapshot(m.options.Model)
	if slices.EqualFunc(read.OverrideGrants, c.base.OverrideGrants, model.OverrideGrant.Equal) {
		return false
	}
	base := *c.base
	base.OverrideGrants = read.OverrideGrants
	c.base = &base
	return true
}
