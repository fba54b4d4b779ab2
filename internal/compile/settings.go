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

// PolicyTarget is one Service that a policy names. Reason is empty where the
// policy is in force for it.
type PolicyTarget struct {
	Service string
	Reason  diag.Code
}

// defaultMethods have rows where a Service has the condition "method" and does
// not say which.
var defaultMethods = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}

// resolveSettings gives each Service its settings. What an OverridePolicy says
// takes precedence over the Service's annotations, field by field; of several
// policies for one Service the oldest is in force.
func (c *compiler) resolveSettings() {
	governing := map[*service]*model.Policy{}
	policies := make([]*model.Policy, 0, len(c.snapshot.Policies))
	for i := range c.snapshot.Policies {
		policies = append(policies, &c.snapshot.Policies[i])
	}
	slices.SortStableFunc(policies, func(a, b *model.Policy) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range policies {
		c.policies = append(c.policies, c.attach(p, governing))
	}
	slices.SortFunc(c.policies, func(a, b PolicyReport) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for _, s := range c.services {
		s.settings = s.Settings
		if p := governing[s]; p != nil {
			s.settings = overlay(s.Settings, p.Settings)
		}
		if s.settings.VersionLabel == "" {
			s.settings.VersionLabel = c.options.VersionLabel
		}
		if len(s.settings.Methods) == 0 && slices.Contains(s.settings.Conditions, "method") {
			s.settings.Methods = slices.Clone(defaultMethods)
		}
	}
}

func (c *compiler) attach(p *model.Policy, governing map[*service]*model.Policy) PolicyReport {
	report := PolicyReport{Namespace: p.Namespace, Name: p.Name}
	for _, name := range p.Services {
		target := PolicyTarget{Service: name}
		named := diag.Object{Kind: "Service", Namespace: p.Namespace, Name: name}
		s := c.byHost[c.fqdn(name, p.Namespace)]
		switch {
		case s == nil:
			target.Reason = diag.PolicyTargetNotFound
			c.add(diag.New(target.Reason, p.Object(), "there is no Service %s in namespace %s", name, p.Namespace).
				For(named).At(p.Origin))
		case governing[s] != nil:
			target.Reason = diag.PolicyConflict
			c.add(diag.New(target.Reason, p.Object(), "Service %s is governed by OverridePolicy %s already", name, governing[s].Name).
				For(named).At(p.Origin))
		default:
			governing[s] = p
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
	return out
}
