// The child processes of a benchmark: how one is started, what it runs, and what memory, disk and CPU it uses. Input and result are JSON.

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"
)

// The kinds of child processes.
const (
	kindState     = "state"
	kindProduct   = "ours"
	kindYardstick = "yardstick"
	kindLanes     = "lanes"
	kindPeerState = "peer state"
	kindPeerKeys  = "peer keys"
	kindPeer      = "peer"
)

// children are what the child processes execute, by their kind.
var children = map[string]func(ctx context.Context, spec childSpec) (result any, err error){
	kindState:     child(makeState),
	kindProduct:   child(measureProduct),
	kindYardstick: child(measureYardstick),
	kindLanes:     child(measureLanes),
	kindPeerState: child(makePeerState),
	kindPeerKeys:  func(ctx context.Context, spec childSpec) (any, error) { return nil, addPeerKeys(ctx, spec) },
	kindPeer:      child(measurePeer),
	kindLoad:      child(measureLoad),
	kindLoadPeer:  child(measureLoadPeer),
	kindJobs:      child(measureJobs),
	kindJobsYards: child(measureJobsYardstick),
	kindAggregate: child(measureAggregate),
}

func child[R any](do func(ctx context.Context, spec childSpec) (R, error)) func(context.Context, childSpec) (any, error) {
	return func(ctx context.Context, spec childSpec) (any, error) { return do(ctx, spec) }
}

type childSpec struct {
	Kind    string   `json:"kind"`
	Dir     string   `json:"dir"`   // folder of the project; for yardstick and peers, folder of the files
	Files   []string `json:"files"` // files to ingest, in this order; for the yardstick, a pattern
	State   int      `json:"state"` // number of artifacts to prepare
	Sum     bool     `json:"sum"`   // read all artifacts back and add them up
	Profile string   `json:"profile,omitempty"`

	Mode    string        `json:"way,omitempty"`     // of carrying out runs
	Latency time.Duration `json:"latency,omitempty"` // of each call of the object store

	Tasks  int `json:"tasks,omitempty"` // of a slot
	Chunks int `json:"chunks,omitempty"`

	Accounts       int     `json:"accounts,omitempty"`
	Statements     int     `json:"statements,omitempty"`      // of each account
	Rate           float64 `json:"rate,omitempty"`            // changes a second
	YardstickFirst bool    `json:"yardstick_first,omitempty"` // of the two sides in one process

	Database string `json:"database,omitempty"` // file of a peer
	Keys     bool   `json:"keys,omitempty"`     // the peer has primary keys
}

// stopTimeout is the time for an interrupted child process to end.
const stopTimeout = 20 * time.Second

// runChild runs one side in a child process. Written pages are synced to disk before it starts, so that no side pays for
// the pages of another.
func (b *bench) runChild(ctx context.Context, spec childSpec, into any) error {
	syscall.Sync()
	input, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("encode input of %s: %w", spec.Kind, err)
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, b.Program, b.Command...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s failed: %w: %s", spec.Kind, err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("read result of %s: %w", spec.Kind, err)
	}
	return nil
}

// runOnState runs one side in a child process, on a copy of the prepared project.
func (b *bench) runOnState(ctx context.Context, spec childSpec, into any) error {
	spec.Dir = filepath.Join(b.dir, "round")
	if err := copyState(b.preparedDir(), spec.Dir); err != nil {
		return err
	}
	if err := b.runChild(ctx, spec, into); err != nil {
		return err
	}
	if err := os.RemoveAll(spec.Dir); err != nil {
		return fmt.Errorf("remove round's folder: %w", err)
	}
	return nil
}

// RunChild does the work of a child process: it reads its input from in and writes its result to out.
func RunChild(ctx context.Context, in io.Reader, out io.Writer) error {
	var spec childSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	execute := children[spec.Kind]
	if execute == nil {
		return fmt.Errorf("unknown kind %q", spec.Kind)
	}
	result, err := execute(ctx, spec)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

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

// profiled calls do, and writes a CPU profile of it into a file unless the path is empty.
func profiled(path string, do func() error) error {
	if path == "" {
		return do()
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(fmt.Errorf("profile: %w", err), file.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}
