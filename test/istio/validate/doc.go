// Package validate holds YAML against everything that stands between an object
// and a cluster with Istio: the rules for object metadata, the schemas of
// Istio's CustomResourceDefinitions with their CEL rules, and the validation
// that Istio's webhook runs.
//
// In go YAML documents; out come errors, for which the API server would refuse
// an object, and warnings, which the webhook sends back to kubectl. It must
// never pass over an object silently: one of a kind that nothing here knows is
// an error.
package validate
