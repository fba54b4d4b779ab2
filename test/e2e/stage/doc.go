// Package stage has the data planes that play the cases of package conform: the sidecars
// of a local mesh under the real istiod ([Mesh]), and Envoys that package internal/envoy
// configures ([Embedded]).
//
// Input: worlds and cases. Output: observations, and the compiled result of each world.
// It must not know the expectation of a case.
package stage
