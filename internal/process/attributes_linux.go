package process

import "syscall"

// attributes have the kernel end a program if this one is killed.
func attributes() *syscall.SysProcAttr {
	out := OwnGroup()
	out.Pdeathsig = syscall.SIGTERM
	return out
}
