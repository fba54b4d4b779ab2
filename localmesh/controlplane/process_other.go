//go:build !linux

package controlplane

import "syscall"

// childAttributes has nothing to ask for: programs of a process that was killed
// are left behind here.
func childAttributes() *syscall.SysProcAttr { return nil }
