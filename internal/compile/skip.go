package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
)

// skip says why a Service is left alone.
type skip struct {
	// code is empty for a Service that is a version of another: it is part of that one.
	code diag.Code
	why  string
}

// stage is how far the steps have come with a Service when they look for a reason to skip
// it.
type stage int

const (
	// asGiven: only the Service, its settings and the pods behind it are known.
	asGiven stage = iota
	// afterReleased: the rules were asked which pods are released.
	afterReleased
	// besideRules: the user's DestinationRules in force for the Service are known.
	besideRules
	// withRule: a DestinationRule has to be made, of a name.
	withRule
	// withTable: a VirtualService has to be made, of a name.
	withTable
	// inForceNow: it is known whose routes are in force for its callers.
	inForceNow
	// adopting: the routes in force are those of a user's VirtualService.
	adopting
	// adopted: those routes were read.
	adopted
	// withName: nothing but the name of the VirtualService is left to check.
	withName
	// withScope: it is known which namespaces could see the VirtualService.
	withScope
)

// skipInput is what is known at a stage; each stage adds to it.
type skipInput struct {
	ix  *index
	all *services
	// service is nil for hosts that are no Services, from the stage adopting on.
	service *service
	// rules are the user's DestinationRules in force.
	rules []*mesh.Rule
	// object is the object to make.
	object diag.Object
	// routes says whose routes are in force.
	routes *routesInForce
	// source is the user's VirtualService to adopt, and read are its routes.
	source *mesh.Source
	read   *routesRead
}

// skipReason is a reason to skip a Service.
type skipReason struct {
	at   stage
	code diag.Code
	// when says when the reason applies, for people.
	when string
	// find says why the reason applies; empty if it does not.
	find func(*skipInput) string
	// adjust changes the diagnostic, and reports whether it is worth reporting; nil if it is
	// as the code has it.
	adjust func(*skipInput, *diag.Diagnostic) bool
}

// skipReasons are all reasons to leave a Service alone, in order: the first that applies
// counts. Those of the stages adopting and adopted are also reasons not to adopt a
// VirtualService for hosts that are no Services.
var skipReasons = []skipReason{
	{asGiven, diag.KubernetesService, "it is the Service of the API server", isAPIServer, nil},
	{asGiven, diag.OptedOut, "its annotations or an OverridePolicy ask for it", isOptedOut, nil},
	{asGiven, "", "it is an isolated version of another Service: it is part of that one", isVersion, nil},
	{asGiven, diag.ExternalNameService, "it is an ExternalName, an alias without pods", isAlias, omitNamesake},
	{asGiven, diag.NoSelector, "it has no selector, so that its pods are not known", hasNoSelector, nil},
	{asGiven, diag.NoHTTPPort, "none of its ports carries HTTP", hasNoHTTPPort, warnOfPreviews},
	{asGiven, diag.ServiceNameUnsupported, "no member of a carrier can name it", isUnnameable, informIfAlone},
	{asGiven, diag.HostContested, "a ServiceEntry has its host too", isContested, nil},
	{asGiven, diag.HeadlessService, "it is headless and has no isolated versions: its callers choose the pod", isHeadless, adjustHeadless},

	{afterReleased, diag.RolloutService, "Argo Rollouts will add a hash to its selector, which then no longer matches other pods", awaitsRollout, omitIfDropped},
	{afterReleased, diag.ReleasedUnknown, "nothing says which of several workloads behind it is released", isReleaseUnknown, adviseOnRelease},

	{besideRules, diag.DestinationRuleInvalid, "Istio would refuse a DestinationRule that is in force for it", hasInvalidRule, nil},
	{besideRules, diag.DestinationRuleUnmergeable, "Istio would not merge another DestinationRule with one that is in force for it", hasUnmergeableRule, nil},
	{besideRules, diag.DestinationRuleUnmergeable, "several DestinationRules apply to it by a wildcard: only one can be copied", hasSeveralWildcards, nil},
	{besideRules, diag.DestinationRuleUnmergeable, "a DestinationRule that has to be copied has fields that this version of Overrides does not know", hasUnknownRule, nil},
	{besideRules, diag.DestinationRuleUnmergeable, "Istio would refuse the copy of a DestinationRule in its namespace", hasInvalidCopy, nil},
	{besideRules, diag.TooManyCallers, "DestinationRules for it tell too many kinds of callers apart by labels", hasTooManyRuleCallers, nil},

	{withRule, diag.OrdinaryTrafficWouldChange, "the proof finds that its DestinationRule would change ordinary requests", isRejected, nil},
	{withRule, diag.NameTaken, "somebody else made a DestinationRule of the name that its own would have", isTaken, nil},

	{withTable, diag.OrdinaryTrafficWouldChange, "the proof finds that its VirtualService would change ordinary requests", isRejected, nil},
	{withTable, diag.ServiceRouteInTheWay, "a route of the Gateway API is attached to it", hasServiceRoute, nil},

	{inForceNow, diag.TooManyCallers, "objects of Istio for it tell too many kinds of callers apart by labels", hasTooManyCallers, nil},
	{inForceNow, diag.VirtualServiceScoped, "no namespace is known in which callers get its routes", hasNoCallers, nil},
	{inForceNow, diag.VirtualServiceScoped, "a VirtualService exports its routes to namespaces in which another one could not take its place", isScopedElsewhere, nil},
	{inForceNow, diag.VirtualServiceAmbiguous, "several VirtualServices are for its host, and none of them is known to be in force for all callers and ports", isAmbiguous, nil},

	{adopting, diag.DelegateNotFound, "the VirtualService in force delegates to one that does not exist", delegates(diag.DelegateNotFound), nil},
	{adopting, diag.VirtualServiceUnknownField, "the VirtualService in force delegates to one with fields that this version of Overrides does not know", delegates(diag.VirtualServiceUnknownField), nil},
	{adopting, diag.VirtualServiceInvalid, "the VirtualService in force delegates to one that Istio would refuse", delegates(diag.VirtualServiceInvalid), nil},
	{adopting, diag.VirtualServiceUnknownField, "the VirtualService in force has fields that this version of Overrides does not know", hasUnknownFields, nil},
	{adopting, diag.VirtualServiceNotHTTP, "the VirtualService in force has TCP or TLS routes", hasOtherRoutes, nil},
	{adopting, diag.VirtualServiceInvalid, "Istio would refuse the VirtualService in force", isInvalid, nil},
	{adopting, diag.VirtualServiceInvalid, "the VirtualService in force has no routes", hasNoRoutes, nil},
	{adopting, diag.VirtualServiceInvalid, "Istio would refuse a match of the VirtualService in force", hasInvalidMatch, nil},

	{adopted, diag.VirtualServiceInvalid, "a route of the VirtualService in force has no action, or several that exclude each other", hasInvalidAction, nil},
	{adopted, diag.VirtualServiceUsesCarrier, "the VirtualService in force matches the override header itself", usesCarrier, nil},

	{withName, diag.NameTaken, "somebody else made a VirtualService of the name that its own would have", isTaken, nil},

	{withScope, diag.OrdinaryTrafficWouldChange, "the proof finds that its VirtualService would change ordinary requests from every namespace", isRejectedEverywhere, nil},
	{withScope, diag.DestinationRuleOfCaller, "every namespace that could call it has DestinationRules of its own", isSeenNowhere, nil},
}

// Reason is a reason to leave a Service alone, for people.
type Reason struct {
	// Code is empty for a Service that is a version of another.
	Code diag.Code
	// When says when the reason applies, as the end of a sentence.
	When string
}

// Reasons lists the reasons to leave a Service alone, in the order in which they are looked
// for.
func Reasons() []Reason {
	out := make([]Reason, 0, len(skipReasons))
	for i := range skipReasons {
		out = append(out, Reason{skipReasons[i].code, skipReasons[i].when})
	}
	return out
}

// firstReason reports and returns the first reason of a stage that applies; nil for none.
func firstReason(at stage, in *skipInput, r *reporter) *skip {
	for i := range skipReasons {
		reason := &skipReasons[i]
		if reason.at != at {
			continue
		}
		why := reason.find(in)
		switch {
		case why == "":
			continue
		case reason.code == "":
			return &skip{}
		case in.service == nil:
			r.reject(in.source.User, reason.code, "%s", why)
		default:
			d := in.service.leftAlone(reason.code, why)
			if reason.adjust == nil || reason.adjust(in, &d) {
				r.add(d)
			}
		}
		return &skip{code: reason.code, why: why}
	}
	return nil
}

// leftAlone returns the diagnostic for a Service that is left alone: a warning where
// isolated versions can't be reached for that, unless the settings ask for it.
func (g *given) leftAlone(code diag.Code, why string) diag.Diagnostic {
	if len(g.isolated) == 0 || code == diag.OptedOut {
		return diag.New(code, g.Object(), "left alone: %s", why).At(g.Origin)
	}
	var behind []string
	for _, iso := range g.isolated {
		behind = append(behind, iso.service.Name)
	}
	slices.Sort(behind)
	d := diag.New(code, g.Object(), "left alone: %s; so no override reaches the pods behind Service %s", why, enumerate(behind)).At(g.Origin)
	d.Severity = max(d.Severity, diag.Warning)
	return d
}
