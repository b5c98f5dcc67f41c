// Servers end with their test's process, even if that is killed.

package mailtest

import (
	"os/exec"
	"syscall"
)

func endWithParent(process *exec.Cmd) {
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
