// Reads the system's counters of memory, written bytes and CPU time of this process.

package bench

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

// peakMemory returns the maximum resident memory of the process in bytes.
func peakMemory() (int64, error) {
	kilobytes, err := procField("/proc/self/status", "VmHWM:")
	return kilobytes << 10, err
}

// writtenBytes returns the number of bytes that the process has written to disks so far.
func writtenBytes() (int64, error) { return procField("/proc/self/io", "write_bytes:") }

// measure returns the seconds that do takes, and the number of bytes that the process writes meanwhile.
func measure(do func() error) (seconds float64, written int64, err error) {
	before, err := writtenBytes()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return 0, 0, err
	}
	seconds = time.Since(began).Seconds()
	after, err := writtenBytes()
	return seconds, after - before, err
}

// procField reads the number after a name in a file of Linux's proc file system.
func procField(path, name string) (n int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read counters of the process (Linux only): %w", err)
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			if _, err := fmt.Sscan(string(rest), &n); err != nil {
				return 0, fmt.Errorf("read %s of %s: %w", name, path, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("read %s: %s is missing", path, name)
}

// cpuSeconds returns the CPU time of this process.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}
