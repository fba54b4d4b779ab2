// Package stage has the data planes on which the cases of package conform are
// played: the sidecars of a local mesh under the real istiod ([Mesh]), and Envoys
// that package internal/envoy configures ([Embedded]).
//
// In go worlds and cases, out come observations, and for each world what was
// compiled from it. It must never know what a case is expected to give.
package stage
