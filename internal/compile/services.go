package compile

import (
	"github.com/overrides-mesh/overrides/internal/model"
)

// services are all Services of the snapshot. A step that gets them may look at more than
// one.
type services struct {
	// list is in the order of the snapshot.
	list   []*service
	byHost map[string]*service
}

func newServices(ix *index, settings []model.Settings) *services {
	given := ix.services()
	out := &services{list: make([]*service, 0, len(given)), byHost: make(map[string]*service, len(given))}
	for i := range given {
		s := &service{}
		s.Service, s.settings, s.host = &given[i], settings[i], ix.options.FQDN(given[i].Name, given[i].Namespace)
		out.list = append(out.list, s)
		out.byHost[s.host] = s
	}
	return out
}

// active returns the Service of a host; nil if there is none for which there is anything to
// make.
func (x *services) active(host string) *service {
	if s := x.byHost[host]; s != nil && s.active() {
		return s
	}
	return nil
}
