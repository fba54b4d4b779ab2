//go:build unix

package proxy

import "syscall"

// ownGroup puts a process into a group of its own, so that Ctrl-C reaches this
// program alone, and the others end in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
