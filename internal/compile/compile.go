package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Result is everything that follows from a snapshot.
type Result struct {
	// Tables become VirtualServices, SubsetRules DestinationRules.
	Tables      []route.Table
	SubsetRules []route.SubsetRule
	// Services reports on every Service of the snapshot, also those left alone.
	Services []Service
	// Policies says which OverridePolicies are in force.
	Policies    []PolicyReport
	Diagnostics []diag.Diagnostic
}

// Owners names what each object is made for: a Service, or a VirtualService of a user's.
func (r *Result) Owners() map[diag.Object]string {
	out := make(map[diag.Object]string, len(r.Tables)+len(r.SubsetRules))
	for i := range r.Tables {
		out[istio.TableObject(&r.Tables[i])] = r.Tables[i].Owner
	}
	for i := range r.SubsetRules {
		out[istio.RuleObject(&r.SubsetRules[i])] = r.SubsetRules[i].Owner
	}
	return out
}

// compiler is the state that the steps share.
type compiler struct {
	snapshot *model.Snapshot
	options  model.Options
	services []*service
	// byHost finds a Service by its fully qualified name.
	byHost   map[string]*service
	policies []PolicyReport
	tables   []route.Table
	rules    []route.SubsetRule
	foreign  map[diag.Object]bool
	mesh     *mesh.Mesh
	// islands are what decides about hosts, for every order of objects.
	islands map[string][]*mesh.Island
	// serviceRoutes finds Gateway API routes by the Service they are attached to.
	serviceRoutes map[[2]string]*model.ServiceRoute
	// fromGateways finds a VirtualService bound to a gateway by its destinations.
	fromGateways map[string]*model.VirtualService
	// refused is what a proof does not let pass.
	refused Rejected
	// withoutCarrier matches requests that carry no override; all tables share it.
	withoutCarrier []route.Match
	verdicts       verdicts
	// ofVersions has the subset of each version label and version: Services that have a
	// version of one name share it.
	ofVersions map[[2]string]route.Subset
	// checked are the shapes of pattern of which one was compiled.
	checked map[shape]bool
	diags   []diag.Diagnostic
}

// service is what the compiler knows of one Service.
type service struct {
	*model.Service
	host     string
	settings model.Settings
	// leftAlone is set where nothing is to be made; reason and why say why.
	leftAlone bool
	reason    diag.Code
	why       string
	backends  []backend
	released  released
	// memory is what is remembered of what was released; nil for nothing. chosen tells the
	// pods of a workload that a rule has chosen.
	memory   *model.Remembered
	chosen   func(*backend) bool
	versions []version
	isolated []isolated
	pin      pin
	rule     rule
	// others are the backends that are not released, once they were asked for.
	others []model.Backend
}

// active reports whether there is anything to make for s.
func (s *service) active() bool {
	return !s.leftAlone && (s.pin.needed || len(s.isolated) > 0 || s.hasOthers() || s.settings.Strict == model.StrictAlways)
}

// Compile returns the tables, subsets and diagnostics that follow from snapshot. What
// is written anywhere goes through a proof first: see package prove.
func Compile(snapshot *model.Snapshot) Result { return Without(snapshot, Rejected{}) }

// Without is [Compile] without what is refused.
func Without(snapshot *model.Snapshot, refused Rejected) Result {
	c := newCompiler(snapshot)
	c.refused = refused
	c.run()
	return c.result()
}

func newCompiler(snapshot *model.Snapshot) *compiler {
	c := &compiler{
		snapshot: snapshot, options: snapshot.Options,
		byHost: map[string]*service{}, foreign: map[diag.Object]bool{}, checked: map[shape]bool{}, ofVersions: map[[2]string]route.Subset{}, islands: map[string][]*mesh.Island{},
	}
	c.withoutCarrier = []route.Match{{WithoutHeaders: map[string]route.StringMatch{
		c.options.Header:      {Op: route.Present},
		grammar.BaggageHeader: {Op: route.Regex, Value: grammar.AnyBaggagePattern},
	}}}
	for _, object := range snapshot.Foreign {
		c.foreign[object] = true
	}
	for i := range snapshot.Services {
		s := &service{Service: &snapshot.Services[i]}
		s.host = c.fqdn(s.Name, s.Namespace)
		c.services = append(c.services, s)
		c.byHost[s.host] = s
	}
	c.mesh = mesh.New(snapshot)
	c.indexEntrances()
	return c
}

func (c *compiler) run() {
	c.resolveSettings()
	c.gatherIsolated()
	for _, s := range c.services {
		c.readBackends(s)
		if c.leaveAlone(s) {
			if s.VersionOf != "" {
				c.sayNothing(s)
			}
			continue
		}
		c.sayNothing(s)
		c.findReleased(s)
		c.listVersions(s)
		c.choosePin(s)
		c.planRule(s)
	}
	c.buildTables()
	for _, s := range c.services {
		c.saySteered(s)
	}
}

func (c *compiler) result() Result {
	slices.SortFunc(c.tables, func(a, b route.Table) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(c.rules, func(a, b route.SubsetRule) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	reports := make([]Service, 0, len(c.services))
	for _, s := range c.services {
		reports = append(reports, c.report(s))
	}
	return Result{
		Tables:      c.tables,
		SubsetRules: c.rules,
		Services:    reports,
		Policies:    c.policies,
		Diagnostics: diag.Sort(append(c.diags, AmbiguousNames(reports)...)),
	}
}

// say records a diagnostic about a Service.
func (c *compiler) say(s *service, code diag.Code, format string, args ...any) {
	c.add(diag.New(code, s.Object(), format, args...).At(s.Origin))
}

func (c *compiler) add(d diag.Diagnostic) { c.diags = append(c.diags, d) }

// indexEntrances notes which routes are attached to Services, and which hosts
// VirtualServices lead to from gateways.
func (c *compiler) indexEntrances() {
	c.serviceRoutes, c.fromGateways = map[[2]string]*model.ServiceRoute{}, map[string]*model.VirtualService{}
	for i := range c.snapshot.ServiceRoutes {
		r := &c.snapshot.ServiceRoutes[i]
		for _, s := range r.Services {
			c.serviceRoutes[s] = r
		}
	}
	for i := range c.snapshot.VirtualServices {
		v := &c.snapshot.VirtualServices[i]
		if !slices.ContainsFunc(v.Spec.GetGateways(), func(g string) bool { return g != meshGateway }) {
			continue
		}
		for _, h := range v.Spec.GetHttp() {
			for _, r := range h.GetRoute() {
				host := c.mesh.Concrete(c.mesh.Resolve(r.GetDestination().GetHost(), v.Namespace))
				if c.fromGateways[host] == nil {
					c.fromGateways[host] = v
				}
			}
		}
	}
}

// meshGateway is the name that stands for all sidecars.
const meshGateway = "mesh"

// fqdn returns the name under which the mesh knows a Service.
func (c *compiler) fqdn(name, namespace string) string {
	return c.options.FQDN(name, namespace)
}

// leave marks s as left alone and says why.
func (c *compiler) leave(s *service, code diag.Code, format string, args ...any) {
	c.add(s.leave(code, format, args...))
}

// leave marks s as left alone, and returns the diagnostic that says why: a warning where
// versions behind Services of their own can't be reached for that, unless nobody is to.
func (s *service) leave(code diag.Code, format string, args ...any) diag.Diagnostic {
	s.leftAlone, s.reason, s.why = true, code, fmt.Sprintf(format, args...)
	if len(s.isolated) == 0 || code == diag.OptedOut {
		return diag.New(code, s.Object(), "left alone: %s", s.why).At(s.Origin)
	}
	var behind []string
	for _, iso := range s.isolated {
		behind = append(behind, iso.service.Name)
	}
	slices.Sort(behind)
	d := diag.New(code, s.Object(), "left alone: %s; so no override reaches the pods behind Service %s", s.why, list(behind)).At(s.Origin)
	d.Severity = max(d.Severity, diag.Warning)
	return d
}
