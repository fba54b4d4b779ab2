package closed

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
	typeapi "istio.io/api/type/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Version says how a version is closed.
type Version struct {
	Need
	// Objects are the AuthorizationPolicies; none if it can't be closed.
	Objects []encoded.Object
	// Callers says who is admitted, sorted; nil if nobody is.
	Callers     []string
	Diagnostics []diag.Diagnostic
}

// The ends of the names of the objects, and their annotations.
const (
	allowSuffix = "-allow-overrides"
	denySuffix  = "-deny-overrides"
	// VersionAnnotation names the version that an object closes, as SERVICE.NAMESPACE:VERSION.
	VersionAnnotation = "overrides.mesh/closes"
	// CallersAnnotation lists who is admitted, for review.
	CallersAnnotation = "overrides.mesh/callers"
)

// Closes reports whether an object of Overrides closes a version.
func Closes(o diag.Object) bool {
	return o.Kind == policyKind && (strings.HasSuffix(o.Name, allowSuffix) || strings.HasSuffix(o.Name, denySuffix))
}

const policyKind = "AuthorizationPolicy"

// SamePods reports whether two objects that close versions, as JSON, select the same pods.
func SamePods(a, b []byte) bool {
	selected := func(text []byte) map[string]string {
		var o struct {
			Spec struct {
				Selector struct{ MatchLabels map[string]string }
			}
		}
		if json.Unmarshal(text, &o) != nil {
			return nil
		}
		return o.Spec.Selector.MatchLabels
	}
	first := selected(a)
	return first != nil && maps.Equal(first, selected(b))
}

// Make returns how versions are closed, in their order. An error is a bug.
func Make(needs []Need, policies []model.AccessPolicy, options *model.Options) ([]Version, error) {
	out := make([]Version, len(needs))
	for i := range needs {
		v := &out[i]
		v.Need = needs[i]
		if v.Refused != "" {
			v.report(diag.ClosedImpossible, "version %s can't be closed, so no route leads to it: %s", v.Version.Version, v.Refused)
			continue
		}
		if err := v.close(policies, options); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// NotClosed returns the versions that can't be closed, as [model.Snapshot] has them.
func NotClosed(versions []Version) map[model.VersionName]bool {
	out := map[model.VersionName]bool{}
	for i := range versions {
		if v := &versions[i]; len(v.Objects) == 0 {
			out[v.Version] = false
		}
	}
	return out
}

func (v *Version) report(code diag.Code, format string, args ...any) {
	of := diag.Object{Kind: "Service", Namespace: v.Version.Namespace, Name: v.Version.Service}
	v.Diagnostics = append(v.Diagnostics, diag.New(code, of, format, args...).At(v.Origin))
}

// close makes the objects of a version.
func (v *Version) close(policies []model.AccessPolicy, options *model.Options) error {
	c := collect(&v.Need, policies, options.RootNamespace)
	c.deny = append(c.deny, v.strangers())
	allow, deny := c.allow, c.deny
	if !c.limited {
		allow = append(allow, v.everybody()...)
	}
	switch {
	case c.uncopied != "":
		allow, deny = nil, []*securityapi.Rule{{}}
		v.report(diag.ClosedToNobody, "version %s is closed to everybody: %s", v.Version.Version, c.uncopied)
	default:
		v.Callers = c.callers()
		v.report(diag.ClosedTo, "version %s is open to %s; callers without an identity of the mesh are refused", v.Version.Version, strings.Join(v.Callers, ", "))
	}
	for _, also := range c.wider {
		v.report(diag.ClosedWider, "AuthorizationPolicy %s/%s admits callers to version %s, and is not in force at the released pods", also.Namespace, also.Name, v.Version.Version)
	}
	add := func(suffix string, action securityapi.AuthorizationPolicy_Action, rules []*securityapi.Rule) error {
		meta := metav1.ObjectMeta{
			Namespace: v.Namespace, Name: v.Name + suffix,
			Labels: map[string]string{istio.ManagedByLabel: istio.ManagedBy, istio.OwnerLabel: istio.OwnerValue(v.Version.Service)},
			Annotations: map[string]string{
				VersionAnnotation: fmt.Sprintf("%s.%s:%s", v.Version.Service, v.Version.Namespace, v.Version.Version),
				CallersAnnotation: strings.Join(v.Callers, ", "),
			},
		}
		object, err := istio.Canonical(&meta, policyKind, &securityapi.AuthorizationPolicy{
			Selector: &typeapi.WorkloadSelector{MatchLabels: v.Selector}, Action: action, Rules: rules,
		})
		v.Objects = append(v.Objects, object)
		return err
	}
	if err := add(denySuffix, securityapi.AuthorizationPolicy_DENY, deny); err != nil {
		return err
	}
	if c.uncopied != "" || c.limited && !c.copied {
		return nil // the users' own policies with ALLOW are in force at the preview, too
	}
	return add(allowSuffix, securityapi.AuthorizationPolicy_ALLOW, allow)
}

// strangers refuses callers without an identity at the ports of the Service.
func (v *Version) strangers() *securityapi.Rule {
	out := &securityapi.Rule{From: []*securityapi.Rule_From{{Source: &securityapi.Source{NotPrincipals: []string{"*"}}}}}
	if len(v.Ports) > 0 {
		out.To = []*securityapi.Rule_To{{Operation: &securityapi.Operation{Ports: numbers(v.Ports)}}}
	}
	return out
}

// everybody admits callers with an identity, and all callers at other ports than those of the
// Service, such as a port for metrics: so do the released pods.
func (v *Version) everybody() []*securityapi.Rule {
	out := []*securityapi.Rule{{From: []*securityapi.Rule_From{{Source: &securityapi.Source{Principals: []string{"*"}}}}}}
	if len(v.Ports) > 0 {
		out = append(out, &securityapi.Rule{To: []*securityapi.Rule_To{{Operation: &securityapi.Operation{NotPorts: numbers(v.Ports)}}}})
	}
	return out
}

func numbers(ports []uint32) []string {
	out := make([]string, 0, len(ports))
	for _, p := range ports {
		out = append(out, strconv.FormatUint(uint64(p), 10))
	}
	return slices.Clip(out)
}
