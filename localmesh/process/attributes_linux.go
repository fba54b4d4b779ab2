package process

import "syscall"

// attributes put a program into a group of its own, so that Ctrl-C reaches us
// alone and programs end in order, and end it if we are killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
