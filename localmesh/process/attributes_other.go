//go:build !linux

package process

import "syscall"

// attributes has nothing to ask for: programs of a process that was killed are
// left behind here.
func attributes() *syscall.SysProcAttr { return nil }
