package istio

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/route"
)

const (
	// ManagedByLabel marks every object that Overrides makes, with ManagedBy.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of ManagedByLabel.
	ManagedBy = "overrides"
	// OwnerLabel names the Service or VirtualService that an object was made for.
	OwnerLabel = "overrides.mesh/owner"
	// RevisionLabel is Istio's label for the revision of the only istiod that reads an
	// object.
	RevisionLabel = "istio.io/rev"
	// AdoptedAnnotation names the user's VirtualServices whose routes an object has, with
	// ", " between them.
	AdoptedAnnotation = "overrides.mesh/adopted"
	// InstanceAnnotation names the installation of Overrides that writes an object; the
	// operator adds it. Generated objects have none.
	InstanceAnnotation = "overrides.mesh/instance"
	// ReleasedAnnotation records what is released of the Service that an object is made
	// for: the text of a [model.Remembered].
	ReleasedAnnotation = "overrides.mesh/was-released"

	// FormAnnotation says which form an object has, for people and later programs.
	FormAnnotation = "overrides.mesh/form"
	// Form is the form of all objects made now: the names of rows and of subsets, and the
	// annotations. Objects without the annotation have form 1, without
	// [ReleasedAnnotation]; an operator takes them over unchanged, and then step by step.
	Form = "2"

	apiVersion = "networking.istio.io/v1"
)

// VirtualService translates a table.
func VirtualService(table *route.Table) *istionetv1.VirtualService {
	out := &istionetv1.VirtualService{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiVersion, Kind: "VirtualService"},
		ObjectMeta: objectMeta(table.Namespace, table.Name, table.Owner),
	}
	if table.Revision != "" {
		out.Labels[RevisionLabel] = table.Revision
	}
	annotate(&out.ObjectMeta, AdoptedAnnotation, strings.Join(table.Adopted, ", "))
	annotate(&out.ObjectMeta, ReleasedAnnotation, table.Released)
	out.Spec.Hosts, out.Spec.Gateways = table.Hosts, table.Gateways
	out.Spec.ExportTo = table.ExportTo
	for i := 0; i < len(table.Routes); i++ {
		if d := table.DelegationAt(i); d != nil {
			out.Spec.Http = append(out.Spec.Http, Delegating(d))
			i += d.Rows - 1
			continue
		}
		out.Spec.Http = append(out.Spec.Http, httpRoute(&table.Routes[i]))
	}
	return out
}

// annotate adds an annotation to an object, if it has a value.
func annotate(meta *metav1.ObjectMeta, key, value string) {
	if value != "" {
		meta.Annotations[key] = value
	}
}

// Delegating translates a delegation.
func Delegating(d *route.Delegation) *istioapi.HTTPRoute {
	out := d.Base.DeepCopy()
	out.Name, out.Match = d.Name, nil
	for i := range d.Matches {
		out.Match = append(out.Match, matchRequest(&d.Matches[i]))
	}
	out.Delegate = &istioapi.Delegate{Name: d.Delegate, Namespace: d.Namespace}
	return out
}

func objectMeta(namespace, name, owner string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace,
		Name:      name,
		Labels: map[string]string{
			ManagedByLabel: ManagedBy,
			OwnerLabel:     OwnerValue(owner),
		},
		Annotations: map[string]string{FormAnnotation: Form},
	}
}

// OwnerValue returns the value of OwnerLabel for an owner: its name or, if that is too
// long for a label value, as much of it as fits with a hash of the whole. Two owners have
// different values, and an API server accepts each.
func OwnerValue(owner string) string {
	const longest, digits = 63, 10
	if len(owner) <= longest {
		return owner
	}
	sum := sha256.Sum256([]byte(owner))
	return strings.TrimRight(owner[:longest-digits-1], "-._") + "-" + hex.EncodeToString(sum[:])[:digits]
}

// httpRoute translates one row. It copies the fields that the user wrote, other than
// matches and destinations.
func httpRoute(r *route.Route) *istioapi.HTTPRoute {
	out := &istioapi.HTTPRoute{}
	if r.Base != nil {
		out = r.Base.DeepCopy()
	}
	out.Name = r.Name
	out.Match = nil
	out.Route = nil
	out.Delegate = nil
	for i := range r.Matches {
		out.Match = append(out.Match, matchRequest(&r.Matches[i]))
	}
	for _, d := range r.Destinations {
		out.Route = append(out.Route, destination(d))
	}
	if r.Response != nil {
		out.DirectResponse = &istioapi.HTTPDirectResponse{
			Status: r.Response.Status,
			Body:   &istioapi.HTTPBody{Specifier: &istioapi.HTTPBody_String_{String_: r.Response.Body}},
		}
		out.Headers = &istioapi.Headers{Response: &istioapi.Headers_HeaderOperations{
			Set: map[string]string{r.Response.Header: r.Response.Value},
		}}
	}
	if r.Served {
		out.Headers = withServed(out.Headers, r)
	}
	return out
}

func destination(d route.Destination) *istioapi.HTTPRouteDestination {
	out := &istioapi.HTTPRouteDestination{
		Destination: &istioapi.Destination{Host: d.Host, Subset: d.Subset},
		Weight:      d.Weight,
		Headers:     d.Headers.DeepCopy(),
	}
	if d.Port != 0 {
		out.Destination.Port = &istioapi.PortSelector{Number: d.Port}
	}
	return out
}

func matchRequest(m *route.Match) *istioapi.HTTPMatchRequest {
	return &istioapi.HTTPMatchRequest{
		Name:            m.Name,
		StatPrefix:      m.StatPrefix,
		Uri:             optionalString(m.URI),
		IgnoreUriCase:   m.IgnoreURICase,
		Scheme:          optionalString(m.Scheme),
		Method:          optionalString(m.Method),
		Authority:       optionalString(m.Authority),
		Headers:         stringMatches(m.Headers),
		WithoutHeaders:  stringMatches(m.WithoutHeaders),
		QueryParams:     stringMatches(m.QueryParams),
		Port:            m.Port,
		SourceLabels:    m.SourceLabels,
		SourceNamespace: m.SourceNamespace,
	}
}

func optionalString(m *route.StringMatch) *istioapi.StringMatch {
	if m == nil {
		return nil
	}
	return stringMatch(*m)
}

func stringMatches(in route.Matchers) map[string]*istioapi.StringMatch {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]*istioapi.StringMatch, len(in))
	for _, m := range in {
		out[m.Name] = stringMatch(m.StringMatch)
	}
	return out
}

// stringMatch translates m; an empty one means presence.
func stringMatch(m route.StringMatch) *istioapi.StringMatch {
	switch m.Op {
	case route.Exact:
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Exact{Exact: m.Value}}
	case route.Prefix, route.PathPrefix: // the latter is in HTTPRoutes only
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: m.Value}}
	case route.Regex:
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Regex{Regex: m.Value}}
	case route.Present:
	}
	return &istioapi.StringMatch{}
}
