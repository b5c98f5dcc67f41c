//go:build unix && !linux

// Systems without /proc and subreapers: the processes of a program are those of its group.

package process

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func ownBinary() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func programSession() *syscall.SysProcAttr { return ownSession() }

func nameProcess() {}

// adoptOrphans does nothing: they become children of the system's first process.
func adoptOrphans() error { return nil }

func keepFromProgram() {
	for fd := controlFD; fd <= errorFD; fd++ {
		syscall.CloseOnExec(fd)
	}
}

// childrenOf selects the program: there are no other children.
func childrenOf(program int) int { return program }

func maxRSS(u *syscall.Rusage) int64 { return u.Maxrss }

func signalName(s syscall.Signal) string { return unix.SignalName(s) }

// signalAll sends a signal to the program's group.
func signalAll(program int, s syscall.Signal) { _ = unix.Kill(-program, s) }

// remaining returns the group's leader while the group has members.
func remaining(program int, _ string) []int {
	if program == 0 || unix.Kill(-program, 0) != nil {
		return nil
	}
	return []int{program}
}

// sweep kills what is left of the group. It returns the group's leader if members are left when the time is up.
func sweep(program int, mark string, until time.Time) []int {
	for {
		left := remaining(program, mark)
		if len(left) == 0 || time.Now().After(until) {
			return left
		}
		signalAll(program, syscall.SIGKILL)
		<-time.After(killInterval)
	}
}
