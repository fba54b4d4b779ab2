// Package envoy tests the installation of Envoy. It has no program: see the script
// install, and requirements.txt for the version.
package envoy
