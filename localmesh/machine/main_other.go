//go:build !linux

package machine

// Main runs the process. It returns its exit code.
func Main() int { return 1 }
