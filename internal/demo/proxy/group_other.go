//go:build !unix

package proxy

import "syscall"

// ownGroup asks for nothing where there are no groups. There is no shell for the
// guard either, so that the demo does not start there.
func ownGroup() *syscall.SysProcAttr { return nil }
