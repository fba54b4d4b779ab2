// Package istio translates route tables and subsets into Istio's objects.
//
// People read the output too: route names say what a route is for (they appear in access
// logs), everything is sorted, and [encoded.Object] prints the same bytes for the same
// object. [Objects] checks each object with Istio's rules and the limits of the API
// server (see package valid), and leaves out those that would be refused.
package istio
