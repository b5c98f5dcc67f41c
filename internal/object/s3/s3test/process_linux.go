// Servers end with their test's process, even if that is killed.

package s3test

import (
	"os/exec"
	"syscall"
)

func endWithParent(process *exec.Cmd) {
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
