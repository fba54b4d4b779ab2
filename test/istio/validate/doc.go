// Package validate validates YAML by all rules that apply to an object in a cluster with
// Istio: the rules for object metadata, the schemas of Istio's CustomResourceDefinitions
// with their CEL rules, and the validation that Istio's webhook runs.
//
// Input: YAML documents. Output: errors, for which the API server would reject an object,
// and warnings, which the webhook returns to kubectl. The package never skips an object
// silently: an unknown kind is an error.
package validate
