//go:build unix

package process

import "syscall"

// OwnGroup puts a program into a process group of its own, so that Ctrl-C reaches only
// this program, which ends the other one in order.
func OwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
