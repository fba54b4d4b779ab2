//go:build !linux

package process

import "syscall"

// attributes can't ask for more than a group: if this program is killed, those that it
// runs are left behind here.
func attributes() *syscall.SysProcAttr { return OwnGroup() }
