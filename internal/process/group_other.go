//go:build !unix

package process

import "syscall"

// OwnGroup asks for nothing here: there are no process groups.
func OwnGroup() *syscall.SysProcAttr { return nil }
