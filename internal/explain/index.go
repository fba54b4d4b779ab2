package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// index finds parts of a snapshot and of its result by name.
type index struct {
	snapshot *model.Snapshot
	result   *compile.Result
	services map[[2]string]*entry
	byName   map[string][]*entry
	byHost   map[string]*entry
	// tables are the tables of each host.
	tables map[string][]*route.Table
	// routing says which of them are in force, and for whom; nil if it is not needed.
	routing routing
}

// entry is a Service and its report.
type entry struct {
	*model.Service
	report *compile.Service
}

func newIndex(snapshot *model.Snapshot, result *compile.Result) *index {
	x := &index{
		snapshot: snapshot, result: result,
		services: map[[2]string]*entry{}, byName: map[string][]*entry{}, byHost: map[string]*entry{},
		tables: map[string][]*route.Table{},
	}
	for i := range snapshot.Services {
		s := &snapshot.Services[i]
		e := &entry{Service: s}
		x.services[[2]string{s.Namespace, s.Name}] = e
		x.byName[s.Name] = append(x.byName[s.Name], e)
	}
	for i := range result.Services {
		report := &result.Services[i]
		if e := x.services[[2]string{report.Namespace, report.Name}]; e != nil {
			e.report = report
			x.byHost[report.Host] = e
		}
	}
	for i := range result.Tables {
		if result.Tables[i].Gateways != nil || result.Tables[i].Attached != nil {
			continue // see gatewayOf
		}
		for _, host := range result.Tables[i].Hosts {
			host = strings.ToLower(host)
			x.tables[host] = append(x.tables[host], &result.Tables[i])
		}
	}
	return x
}

// target is a name in the query, resolved: a Service, or a host that has a table.
type target struct {
	// name is the name in the query, without a namespace.
	name, namespace, host string
	// service is the Service whose pods are reached: for an ExternalName Service the one
	// it is an alias for. It is nil for hosts that are not Services.
	service *entry
	// gateway is the gateway that has the host, and port its port there; nil for hosts that
	// sidecars have.
	gateway *caller
	port    uint32
}

// resolve finds the target of name. Without a namespace in it, it is in namespace; or, unless
// only is set, the only one of that name elsewhere.
func (x *index) resolve(name, namespace string, only bool) (*target, error) {
	name = strings.TrimSuffix(name, ".")
	host := strings.ToLower(name)
	if e := x.byHost[host]; e != nil {
		return x.targetOf(e), nil
	}
	short, rest, qualified := strings.Cut(name, ".")
	if qualified {
		wanted, domain, _ := strings.Cut(rest, ".")
		if e := x.services[[2]string{wanted, short}]; e != nil && (domain == "" || domain == "svc") {
			return x.targetOf(e), nil
		}
		if tables := x.tables[host]; len(tables) > 0 {
			return &target{name: name, namespace: tables[0].Namespace, host: host}, nil
		}
		return nil, x.unknown(short, wanted)
	}
	if e := x.services[[2]string{namespace, name}]; e != nil {
		return x.targetOf(e), nil
	}
	switch same := x.byName[name]; {
	case only:
		return nil, x.unknown(name, namespace)
	case len(same) == 0:
		return nil, x.unknown(name, "")
	case len(same) == 1:
		return x.targetOf(same[0]), nil
	default:
		return nil, fmt.Errorf("several Services are called %s: write %s", name, join(qualifiedNames(same), "or"))
	}
}

func (x *index) targetOf(e *entry) *target {
	out := &target{name: e.Name, namespace: e.Namespace, host: e.report.Host, service: e}
	if reached := x.byHost[e.report.Reaches]; reached != nil {
		out.service = reached
	}
	return out
}

func qualifiedNames(services []*entry) []string {
	var out []string
	for _, e := range services {
		out = append(out, e.Name+"."+e.Namespace)
	}
	slices.Sort(out)
	return out
}

// unknown returns the error for a Service that does not exist, with a suggestion.
func (x *index) unknown(name, namespace string) error {
	what := "there is no Service " + name
	if namespace != "" {
		what += " in namespace " + namespace
	}
	return fmt.Errorf("%s%s", what, x.suggest(name, namespace))
}

// suggest returns "; did you mean …?" or nothing.
func (x *index) suggest(name, namespace string) string {
	if same := x.byName[name]; len(same) > 0 && namespace != "" {
		return DidYouMean(join(qualifiedNames(same), "or"))
	}
	var here []string
	for _, e := range x.services {
		if namespace == "" || e.Namespace == namespace {
			here = append(here, e.Name)
		}
	}
	if near := Nearest(name, here); near != "" {
		return DidYouMean(near)
	}
	return DidYouMean(Nearest(name, slices.Collect(maps.Keys(x.byName))))
}
