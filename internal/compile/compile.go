package compile

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
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

// Compile returns the tables, subsets and diagnostics that follow from snapshot. Before
// anything is written, it goes through a proof: see package prove.
func Compile(snapshot *model.Snapshot) Result { return Without(snapshot, Rejected{}) }

// Without is [Compile] without the objects that a proof rejects.
func Without(snapshot *model.Snapshot, rejected Rejected) Result {
	_, out := run(newIndex(snapshot, rejected))
	return out
}

// run runs the steps: those for each Service, then those for tables.
func run(ix *index) (*services, Result) {
	r := &reporter{}
	settings, policies := resolveSettings(ix, r)
	all := newServices(ix, settings)
	resolveAccess(ix, all, r)
	findIsolated(ix, all, r)
	findBeside(all)
	for _, s := range all.list {
		compileService(ix, all, s, r)
		reportForwarding(ix, s, r)
	}
	drafts := resolveTargets(ix, all, draftTables(ix, all, r), r)
	tables := buildTables(ix, all, drafts, r)
	ordinary := ordinaryOf(ix, tables)
	for _, s := range all.list {
		reportSteered(ix, s, ordinary, r)
		reportUninjected(ix, s, r)
	}
	tables = append(tables, attachTables(ix, all, r)...)
	reports := serviceReports(ix, all)
	return all, Result{
		Tables: tables, SubsetRules: subsetRules(all), Services: reports, Policies: policies,
		Diagnostics: diag.Sort(append(r.diags, AmbiguousNames(reports)...)),
	}
}

// subsetRules lists the DestinationRules to make.
func subsetRules(all *services) []route.SubsetRule {
	var out []route.SubsetRule
	for _, s := range all.list {
		if s.active() && s.subsets.own != nil {
			out = append(out, *s.subsets.own)
		}
	}
	slices.SortFunc(out, func(a, b route.SubsetRule) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}
