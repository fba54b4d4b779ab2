package controlplane

import "syscall"

// childAttributes put a program into a group of its own, so that Ctrl-C reaches
// us alone and programs end in order, and end it if we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
