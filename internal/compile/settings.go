package compile

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// PolicyReport says for one OverridePolicy which of its targets it governs.
type PolicyReport struct {
	Namespace, Name string
	Targets         []PolicyTarget
}

// PolicyTarget is one Service that a policy names. Reason is empty if the
// policy is in force for it.
type PolicyTarget struct {
	Service string
	Reason  diag.Code
}

// defaultMethods are the methods of a Service with the condition "method" that names none.
var defaultMethods = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}

// resolveSettings returns the settings of each Service, in the order of the snapshot, and
// says which policies are in force. An OverridePolicy takes precedence over the Service's
// annotations, field by field; of several policies for one Service the oldest is in force.
func resolveSettings(ix *index, r *reporter) ([]model.Settings, []PolicyReport) {
	governing, reports := attachPolicies(ix, r)
	given := ix.services()
	out := make([]model.Settings, 0, len(given))
	for i := range given {
		s := given[i].Settings
		if p := governing[&given[i]]; p != nil {
			s = overlay(s, p.Settings)
		}
		if s.VersionLabel == "" {
			s.VersionLabel = ix.options.VersionLabel
		}
		if len(s.Methods) == 0 && slices.Contains(s.Conditions, "method") {
			s.Methods = slices.Clone(defaultMethods)
		}
		out = append(out, s)
	}
	return out, reports
}

// attachPolicies returns the policy that is in force for each Service.
func attachPolicies(ix *index, r *reporter) (map[*model.Service]*model.Policy, []PolicyReport) {
	given := ix.policies()
	if len(given) == 0 {
		return nil, nil
	}
	policies := make([]*model.Policy, 0, len(given))
	for i := range given {
		policies = append(policies, &given[i])
	}
	slices.SortStableFunc(policies, func(a, b *model.Policy) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	governing := map[*model.Service]*model.Policy{}
	var reports []PolicyReport
	for _, p := range policies {
		reports = append(reports, attach(ix, p, governing, r))
	}
	slices.SortFunc(reports, func(a, b PolicyReport) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return governing, reports
}

// attach adds the targets of a policy to governing, but for those that an older one has.
func attach(ix *index, p *model.Policy, governing map[*model.Service]*model.Policy, r *reporter) PolicyReport {
	report := PolicyReport{Namespace: p.Namespace, Name: p.Name}
	for _, name := range p.Services {
		target := PolicyTarget{Service: name}
		named := diag.Object{Kind: "Service", Namespace: p.Namespace, Name: name}
		s := ix.service(name, p.Namespace)
		switch {
		case s == nil:
			target.Reason = diag.PolicyTargetNotFound
			r.add(diag.New(target.Reason, p.Object(), "there is no Service %s in namespace %s", name, p.Namespace).
				For(named).At(p.Origin))
		case governing[s] != nil:
			target.Reason = diag.PolicyConflict
			r.add(diag.New(target.Reason, p.Object(), "OverridePolicy %s already applies to Service %s", governing[s].Name, name).
				For(named).At(p.Origin))
		default:
			governing[s] = p
			if p.Invalid {
				target.Reason = diag.InvalidPolicy
			}
		}
		report.Targets = append(report.Targets, target)
	}
	return report
}

// overlay returns base with every field that over sets.
func overlay(base, over model.Settings) model.Settings {
	out := base
	if over.Managed != nil {
		out.Managed = over.Managed
	}
	if over.Closed != nil {
		out.Closed = over.Closed
	}
	if over.ServedHeader != nil {
		out.ServedHeader = over.ServedHeader
	}
	if over.VersionLabel != "" {
		out.VersionLabel = over.VersionLabel
	}
	if over.ReleasedVersions != nil || over.ReleasedWorkload != nil {
		out.ReleasedVersions, out.ReleasedWorkload = over.ReleasedVersions, over.ReleasedWorkload
	}
	if over.Conditions != nil {
		out.Conditions = over.Conditions
	}
	if over.Methods != nil {
		out.Methods = over.Methods
	}
	if over.Callers != nil {
		out.Callers = over.Callers
	}
	if over.CallerNamespaces != nil {
		out.CallerNamespaces = over.CallerNamespaces
	}
	if over.Strict != "" {
		out.Strict = over.Strict
	}
	if over.Previews != nil {
		out.Previews = over.Previews
	}
	out.Access, out.Forwarding = over.Access, over.Forwarding
	return out
}
