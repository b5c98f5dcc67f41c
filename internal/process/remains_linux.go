// Finds the processes of a program: the descendants of its guard, and those that have the mark in their environment.

package process

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ownBinary is this process's binary, even if its file was replaced meanwhile.
func ownBinary() string { return "/proc/self/exe" }

func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// programSession also kills the program if its guard is killed.
func programSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// nameProcess replaces the name that is shown where arguments are not.
func nameProcess() { _ = os.WriteFile("/proc/self/comm", []byte("bursar-guard"), 0) }

// adoptOrphans makes this process the parent of descendants whose own parent ends.
func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// keepFromProgram closes all files for the program but those that it is given: also those that a library has opened without care. Kernels
// before 5.11 can't; there it is those of the guard.
func keepFromProgram() {
	if unix.CloseRange(controlFD, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	for fd := controlFD; fd <= errorFD; fd++ {
		syscall.CloseOnExec(fd)
	}
}

// childrenOf selects all children, among them orphans, whatever the program did.
func childrenOf(int) int { return -1 }

func maxRSS(u *syscall.Rusage) int64 { return u.Maxrss << 10 }

func signalName(s syscall.Signal) string { return unix.SignalName(s) }

// running is a process as /proc describes it.
type running struct{ pid, parent, group int }

// signalAll sends a signal to every descendant of this process. It goes to groups, because no process can be started in a group unseen while it
// gets a signal. All groups of descendants are the program's: its session is its own.
func signalAll(program int, s syscall.Signal) {
	groups := map[int]bool{program: true}
	for _, p := range descendants(processes(), os.Getpid()) {
		groups[p.group] = true
	}
	delete(groups, unix.Getpgrp())
	for group := range groups {
		_ = unix.Kill(-group, s)
	}
}

// remaining returns the processes that could not be killed.
func remaining(_ int, mark string) []int {
	all := processes()
	pids := marked(all, mark)
	for _, p := range descendants(all, os.Getpid()) {
		pids = append(pids, p.pid)
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// sweep kills the processes that have the mark, and their descendants, wherever they are: those that another process has started for the
// program, such as a terminal server; or all, if the guard is dead. It returns those that are left when the time is up.
func sweep(_ int, mark string, until time.Time) []int {
	for {
		all := processes()
		pids := marked(all, mark)
		if len(pids) == 0 || time.Now().After(until) {
			return pids
		}
		for _, pid := range pids {
			for _, p := range append(descendants(all, pid), running{pid: pid}) {
				_ = unix.Kill(p.pid, unix.SIGKILL)
			}
		}
		<-time.After(killInterval)
	}
}

// marked returns the processes whose environment has the mark.
func marked(all []running, mark string) (pids []int) {
	entry := []byte(Mark + "=" + mark)
	for _, p := range all {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
		if err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(e []byte) bool { return bytes.Equal(e, entry) }) {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// processes returns all that /proc lists. Those that end meanwhile are left out.
func processes() (all []running) {
	names, err := readNames("/proc")
	if err != nil {
		return nil
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, is := readProcess(pid); is {
				all = append(all, p)
			}
		}
	}
	return all
}

func readNames(folder string) ([]string, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// readProcess reads "pid (name) state parent group …". The name may contain anything.
func readProcess(pid int) (running, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return running{}, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return running{}, false
	}
	parent, err1 := strconv.Atoi(string(fields[1]))
	group, err2 := strconv.Atoi(string(fields[2]))
	return running{pid: pid, parent: parent, group: group}, err1 == nil && err2 == nil
}

// descendants returns the children of a process, and theirs.
func descendants(all []running, root int) (found []running) {
	children := make(map[int][]running, len(all))
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
	}
	for next := children[root]; len(next) > 0; next = next[1:] {
		found = append(found, next[0])
		next = append(next, children[next[0].pid]...)
	}
	return found
}
