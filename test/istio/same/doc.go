// Package same returns how two meshes differ for a request: the users' mesh, and the one
// with Overrides' additions. For an ordinary request only one difference is allowed:
// fewer pods may get it, those of the pin.
//
// Input: two answers of package oracle. Output: sentences. It compares everything that
// istiod wrote for the request, field by field, including unknown fields: the virtual
// host, the route with its destinations and their shares, and the clusters behind it.
// Both are first normalized so that the pin of a host is the host. It ignores on purpose:
// the route's match (both took the request), names of routes and of statistics, names in
// traces (decorators), and metadata that names the source object.
package same
