// Package istio translates route tables and subsets into Istio's objects.
//
// What comes out is meant to be read by people as well: route names say what a
// route is for (they appear in access logs), everything is sorted, and
// [encoded.Object] prints the same bytes for the same object. [Objects] holds each
// object against Istio's rules and the limits of the API server (see the package
// valid), and leaves out what would be refused.
package istio
