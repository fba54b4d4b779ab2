// Package envoy tests how Envoy is installed. It holds no program: see the script
// install, and requirements.txt for the version.
package envoy
