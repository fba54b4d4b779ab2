package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

func isAPIServer(in *skipInput) string {
	if in.service.Namespace == "default" && in.service.Name == "kubernetes" {
		return "it is the Service of the API server"
	}
	return ""
}

func isOptedOut(in *skipInput) string {
	if in.service.optedOut() {
		return "its settings ask for it"
	}
	return ""
}

// optedOut reports whether the settings ask to leave g alone.
func (g *given) optedOut() bool { return g.settings.Managed != nil && !*g.settings.Managed }

func isVersion(in *skipInput) string {
	if in.service.VersionOf != "" {
		return "it is a version of Service " + in.service.BaseText()
	}
	return ""
}

func isAlias(in *skipInput) string {
	if in.service.ExternalName != "" {
		return "it is an ExternalName"
	}
	return ""
}

// omitNamesake omits that an alias is one if it stands for the Service of its name in another
// namespace, as the aliases that preview makes do.
func omitNamesake(in *skipInput, _ *diag.Diagnostic) bool {
	rest, found := strings.CutPrefix(in.service.ExternalName, in.service.Name+".")
	namespace, domain, _ := strings.Cut(rest, ".")
	return !found || domain != "svc."+in.ix.options.ClusterDomain || namespace == in.service.Namespace
}

func hasNoSelector(in *skipInput) string {
	if len(in.service.Selector) == 0 {
		return "it has no selector"
	}
	return ""
}

func hasNoHTTPPort(in *skipInput) string {
	if slices.ContainsFunc(in.service.Ports, func(p model.Port) bool { return p.HTTP }) {
		return ""
	}
	return in.service.reaching("no port carries HTTP")
}

// isUnnameable asks [grammar.ValidateService], as parsers, patterns and tools do: what
// proxies followed, no tool could ask for. Kubernetes takes names that begin with a digit,
// which no RFC 9651 token does.
func isUnnameable(in *skipInput) string {
	if err := grammar.ValidateService(in.service.Name); err != nil {
		return fmt.Sprintf("overrides can't name it: %v", err)
	}
	return ""
}

// informIfAlone turns a warning into an info if there is nothing to override.
func informIfAlone(in *skipInput, d *diag.Diagnostic) bool {
	if len(in.service.backends) < 2 && len(in.service.isolated) == 0 {
		d.Severity, d.Fix = diag.Info, ""
	}
	return true
}

func isContested(in *skipInput) string {
	entries := objectNames(in.ix.contested(in.service.host))
	if len(entries) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s its host too", enumerate(entries), agree(entries, "has", "have"))
}

func isHeadless(in *skipInput) string {
	if !in.service.Headless || len(in.service.isolated) > 0 {
		return ""
	}
	return in.service.reaching("it is headless and has no isolated versions")
}

// reaching adds to a reason that ordinary traffic reaches previews, if it does.
func (g *given) reaching(why string) string {
	previews := g.namedPreviews()
	if len(previews) == 0 {
		return why
	}
	return fmt.Sprintf("%s, so ordinary traffic reaches %s, which %s not released", why, enumerate(previews), agree(previews, "is", "are"))
}

// warnOfPreviews makes a diagnostic a warning if ordinary traffic reaches previews.
func warnOfPreviews(in *skipInput, d *diag.Diagnostic) bool {
	if len(in.service.namedPreviews()) > 0 {
		d.Severity = diag.Warning
	}
	return true
}

// namedPreviews names the workloads that are labelled as previews, run other versions than
// the settings say are released, are behind an isolated version of g too, or are not released
// behind another Service.
func (g *given) namedPreviews() []string {
	if g.onlyPreview() {
		return nil
	}
	out := slices.Clone(g.beside.unreleased)
	for _, b := range g.backends {
		named := g.settings.ReleasedVersions != nil && b.version != ""
		if b.preview || (named && !slices.Contains(g.settings.ReleasedVersions, b.version)) || g.isIsolated(&b) {
			out = append(out, b.Workload.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isIsolated reports whether pods are also those of an isolated version, while other pods
// behind g are not.
func (g *given) isIsolated(b *backend) bool {
	for _, iso := range g.isolated {
		if iso.has(g.Namespace, b.Workload) && slices.ContainsFunc(g.backends, func(o backend) bool { return !iso.service.HasWorkload(o.Workload) }) {
			return true
		}
	}
	return false
}

func awaitsRollout(in *skipInput) string {
	if !in.service.released.unknown {
		return ""
	}
	others := besideRollout(&in.service.given)
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("%s adds a hash to its selector, which then no longer matches %s", in.service.Steered, enumerate(others))
}

// omitIfDropped omits an info if [reportSteered] reports, for a Service of the same
// Rollout, which workloads the hash takes out of it.
func omitIfDropped(in *skipInput, d *diag.Diagnostic) bool {
	return d.Severity > diag.Info || !slices.ContainsFunc(in.all.list, func(o *service) bool {
		return o.Namespace == in.service.Namespace && o.Steered == in.service.Steered && len(o.DropOuts) > 0 && !o.optedOut()
	})
}

func isReleaseUnknown(in *skipInput) string {
	if !in.service.released.unknown {
		return ""
	}
	names := append(workloadNames(in.service.pods), unreadNames(in.service.Unread)...)
	return enumerate(names) + " are behind it, and nothing says which is released"
}

func adviseOnRelease(in *skipInput, d *diag.Diagnostic) bool {
	*d = adviseUnknown(*d, in.service)
	return true
}

func isRejected(in *skipInput) string { return in.ix.rejected.Objects[in.object] }

func isTaken(in *skipInput) string {
	if in.ix.foreign[in.object] {
		return in.object.Kind + " " + in.object.Name + " exists, and Overrides did not make it"
	}
	return ""
}

// hasInvalidRule finds a rule that Istio would refuse. In a mesh without its webhook Istio
// would merge the rule to make with it.
func hasInvalidRule(in *skipInput) string {
	for _, r := range in.rules {
		if why := in.ix.invalidRule(r.User); why != "" && len(r.User.Unknown) == 0 {
			return fmt.Sprintf("Istio refuses %s: %s", r.User.Object(), why)
		}
	}
	return ""
}

func hasUnmergeableRule(in *skipInput) string { return unmergeable(in.rules) }

// copies reports whether the rule to make has to copy one that it hides.
func (in *skipInput) copies() bool {
	return len(in.rules) > 0 && !merge(&in.service.given, in.rules)
}

func hasSeveralWildcards(in *skipInput) string {
	if !in.copies() || len(in.rules) == 1 {
		return ""
	}
	return fmt.Sprintf("%s and %s apply to it by a wildcard, and only one can be copied", in.rules[0].Object, in.rules[1].Object)
}

func hasUnknownRule(in *skipInput) string {
	if !in.copies() || len(in.rules[0].User.Unknown) == 0 {
		return ""
	}
	return fmt.Sprintf("%s applies to it and has unknown fields: %s", in.rules[0].Object, enumerate(in.rules[0].User.Unknown))
}

func hasInvalidCopy(in *skipInput) string {
	if !in.copies() {
		return ""
	}
	if why := in.ix.invalidCopy(in.rules[0].User, in.service.Namespace); why != "" {
		return fmt.Sprintf("%s applies to it and can't be copied into its namespace: %s", in.rules[0].Object, why)
	}
	return ""
}

func hasTooManyRuleCallers(in *skipInput) string {
	if len(in.ix.mesh.UserRules(in.service.host)) == 0 {
		return ""
	}
	for _, x := range in.ix.islandsOf(in.service.host) {
		if _, ok := x.Classes(); !ok {
			return tooManyCallers()
		}
	}
	return ""
}

func tooManyCallers() string {
	return fmt.Sprintf("more than %d kinds of callers are told apart by labels", mesh.MaxLabels)
}
