package istio

import (
	"cmp"
	"encoding/json"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Object is an object to write.
type Object = encoded.Object

// MaxObjectBytes is the maximum size of an object. etcd refuses requests over 1.5 MiB, to
// which the API server adds its own data.
const MaxObjectBytes = 1_300_000

// Unencoded is an object that is encoded when it is needed, since its JSON takes as much
// memory as what it is made of.
type Unencoded struct {
	diag.Object

	table *route.Table
	rule  *route.SubsetRule
	// packed is the object if a [Packer] has packed it.
	packed []byte
}

// Encode encodes the object.
func (u *Unencoded) Encode() (Object, error) {
	if u.packed != nil {
		return u.unpack()
	}
	if u.rule != nil {
		rule := DestinationRule(u.rule)
		return Canonical(&rule.ObjectMeta, rule.Kind, &rule.Spec)
	}
	if u.table.Attached != nil {
		return encodeHTTPRoute(u.table)
	}
	service := VirtualService(u.table)
	return Canonical(&service.ObjectMeta, service.Kind, &service.Spec)
}

// YAML returns the object as one YAML document without a separator.
func (u *Unencoded) YAML() ([]byte, error) {
	object, err := u.Encode()
	if err != nil {
		return nil, err
	}
	return object.YAML()
}

// Translate translates tables and rules into objects, sorted by kind, namespace and name:
// all DestinationRules come before the VirtualServices that name their subsets. An object
// that the API server or Istio would refuse is left out with a diagnostic, and so are
// objects that need it.
func Translate(tables []route.Table, rules []route.SubsetRule) ([]Unencoded, []diag.Diagnostic, error) {
	c := collector{objects: make([]Unencoded, 0, len(rules)+len(tables)), left: map[diag.Object]bool{}}
	for i := range rules {
		rule := DestinationRule(&rules[i])
		object := Unencoded{Object: RuleObject(&rules[i]), rule: &rules[i]}
		if err := c.add(object, &rule.ObjectMeta, &rule.Spec, c.checker.DestinationRule(&rule.Spec, rule.Namespace)); err != nil {
			return nil, nil, err
		}
	}
	for i := range tables {
		object := Unencoded{Object: TableObject(&tables[i]), table: &tables[i]}
		if tables[i].Attached != nil {
			if err := c.addHTTPRoute(object); err != nil {
				return nil, nil, err
			}
			continue
		}
		service := VirtualService(&tables[i])
		if err := c.add(object, &service.ObjectMeta, &service.Spec, c.checker.VirtualService(&service.Spec, service.Namespace)); err != nil {
			return nil, nil, err
		}
	}
	c.leaveOut(tables, rules)
	return c.objects, c.diags, nil
}

// Objects is [Translate], and encodes the objects.
func Objects(tables []route.Table, rules []route.SubsetRule) ([]Object, []diag.Diagnostic, error) {
	unencoded, diags, err := Translate(tables, rules)
	if err != nil {
		return nil, nil, err
	}
	objects, err := Encode(unencoded)
	return objects, diags, err
}

// Encode encodes objects.
func Encode(unencoded []Unencoded) ([]Object, error) {
	out := make([]Object, len(unencoded))
	for i := range unencoded {
		object, err := unencoded[i].Encode()
		if err != nil {
			return nil, err
		}
		out[i] = object
	}
	return out, nil
}

// apiVersions are those of the kinds that are not of [apiVersion].
var apiVersions = map[string]string{
	"EnvoyFilter": "networking.istio.io/v1alpha3", "AuthorizationPolicy": "security.istio.io/v1", HTTPRouteKind: GatewayAPIVersion,
}

// encode returns an object of Istio's as JSON.
func encode(meta *metav1.ObjectMeta, kind string, spec proto.Message) ([]byte, error) {
	whole, err := specification(spec)
	if err != nil {
		return nil, err
	}
	return encodeObject(meta, kind, whole)
}

// encodeObject returns an object as JSON, without the empty fields that Kubernetes' types
// print.
func encodeObject(meta *metav1.ObjectMeta, kind string, spec json.RawMessage) ([]byte, error) {
	type metadata struct {
		Annotations map[string]string `json:"annotations,omitempty"`
		Labels      map[string]string `json:"labels,omitempty"`
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
	}
	return json.Marshal(struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   metadata        `json:"metadata"`
		Spec       json.RawMessage `json:"spec"`
	}{cmp.Or(apiVersions[kind], apiVersion), kind, metadata{meta.Annotations, meta.Labels, meta.Name, meta.Namespace}, spec})
}
