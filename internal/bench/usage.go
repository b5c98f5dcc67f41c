// What a process has used, as the system counts it.

package bench

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

// peakMemory is the most memory the process ever had resident, in bytes.
func peakMemory() (int64, error) {
	kilobytes, err := procField("/proc/self/status", "VmHWM:")
	return kilobytes << 10, err
}

// writtenBytes is what the process has caused to be written to disks so far.
func writtenBytes() (int64, error) { return procField("/proc/self/io", "write_bytes:") }

// procField reads the number behind a name in one of Linux's tables.
func procField(path, name string) (n int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read what the process has used (Linux only): %w", err)
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			if _, err := fmt.Sscan(string(rest), &n); err != nil {
				return 0, fmt.Errorf("read %s of %s: %w", name, path, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("read %s: there is no %s", path, name)
}

// cpuSeconds is how long all processors together have worked for this process.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}
