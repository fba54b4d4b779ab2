// Package istio translates route tables and subsets into Istio's objects.
//
// What comes out is meant to be read by people as well: route names say what a
// route is for (they appear in access logs), everything is sorted, and
// [Marshal] prints the same bytes for the same object. [Check] holds an object
// against those limits of Istio and of the API server that the input can
// exceed; Istio's own validation is run on everything in tests.
package istio
