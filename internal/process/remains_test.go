// Tests of what a program leaves behind: nothing, whoever dies.

package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/failure"
)

// unique returns an argument by which a process is found that has no environment.
func unique(t *testing.T) string {
	t.Helper()
	return "1000000." + strconv.FormatInt(time.Now().UnixNano(), 10)
}

// leavers are scripts that start a process which is to be killed: $0 is its time to sleep.
var leavers = map[string]string{
	"in the background":      `sleep $0 & echo ready`,
	"keeps its output":       `sleep $0 >&2 & echo ready`,
	"detached output":        `sleep $0 >/dev/null 2>&1 </dev/null & echo ready`,
	"setsid":                 `setsid sleep $0 & sleep 0.1; echo ready`,
	"setsid and fork":        `setsid --fork sleep $0; echo ready`,
	"double fork":            `(setsid sh -c 'sleep '$0' & exit' &) ; sleep 0.2; echo ready`,
	"empty environment":      `env -i setsid --fork sleep $0; echo ready`,
	"ignores SIGTERM":        `(trap '' TERM HUP INT; exec setsid sleep $0) & sleep 0.1; echo ready`,
	"nohup":                  `nohup sleep $0 >/dev/null 2>&1 & echo ready`,
	"stopped":                `sleep $0 & kill -STOP $!; echo ready`,
	"starts new ones always": `setsid sh -c 'trap "" TERM; while :; do setsid sleep '$0' & sleep 0.001; done' & sleep 0.1; echo ready`,
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	for name, script := range leavers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, seconds := shell(t, script+"; exit 0"), unique(t)
			c.Args = append(c.Args, seconds)
			began := time.Now()
			r, err := Run(t.Context(), c)
			if left := processesWith(seconds); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if err != nil || r.Exit != 0 || !r.LeftBehind || string(r.Output) != "ready\n" {
				t.Errorf("got %+v %q %v", r, r.Output, err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestCancelKillsAll(t *testing.T) {
	t.Parallel()
	for name, script := range leavers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live, ready := printed("ready")
			c, seconds := shell(t, "trap '' TERM; "+script+"; while :; do sleep 1; done"), unique(t)
			c.Args, c.Live, c.Grace = append(c.Args, seconds), live, 100*time.Millisecond
			ctx, cancel := context.WithCancel(t.Context())
			wait := start(ctx, c)
			<-ready
			cancel()
			got := <-wait
			if left := processesWith(seconds); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if got.err != nil || !got.Cancelled || got.Signal != "SIGKILL" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPipelineMayEndAfterItsFirstProcess(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), shell(t, `(sleep 0.2; echo written late) & exit 0`))
	if err != nil || r.LeftBehind || string(r.Output) != "written late\n" || r.Wall > 150*time.Millisecond {
		t.Errorf("got %+v %q %v", r, r.Output, err)
	}
}

func TestOrphansOfOrphans(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"marked" + unique(t), unique(t)} {
		live, ready := printed("ready\n")
		c := helper(t, "descendant", "a", "b", "c", kind)
		c.Live = live
		wait := start(t.Context(), c)
		<-ready
		got := <-wait
		if got.err != nil || got.Exit != 0 || !got.LeftBehind {
			t.Errorf("got %+v", got)
		}
		if left := processesWith(kind); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func TestChainOfSessions(t *testing.T) {
	t.Parallel()
	c := helper(t, "chain", unique(t))
	r, err := Run(t.Context(), c)
	if err != nil || !r.LeftBehind {
		t.Errorf("got %+v %v", r, err)
	}
	if left := processesWith(c.Args[0]); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWorkerIsKilled(t *testing.T) {
	t.Parallel()
	for name, script := range leavers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seconds := unique(t)
			worker := exec.Command(ownBinary(), "/bin/sh", "-c", "trap '' TERM; "+script+"; setsid sleep $0", seconds)
			worker.Env = testEnv(t, helperVariable+"=worker")
			if err := worker.Start(); err != nil {
				t.Fatal(err)
			}
			waitUntil(t, 20*time.Second, "the program is executed", func() bool { return len(processesWith(seconds)) >= 4 }) // with worker and shell
			if err := worker.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = worker.Wait()
			waitUntil(t, time.Second, "the program is killed", func() bool { return len(processesWith(seconds)) == 0 })
			waitUntil(t, time.Second, "its guard has ended", func() bool { return len(processesWith(worker.Env[1])) == 0 })
		})
	}
}

func TestGuardIsKilled(t *testing.T) {
	t.Parallel()
	live, ready := printed("ready")
	file := t.TempDir() + "/guard"
	c := shell(t, "setsid --fork sleep 1000; echo $PPID > "+file+"; echo ready; sleep 1000")
	c.Live = live
	wait := start(t.Context(), c)
	<-ready
	guard, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(guard)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	got := <-wait
	if !errors.Is(got.err, ErrUnknownEnd) || failure.Of(got.err) != failure.Transient || !strings.Contains(got.err.Error(), "signal: killed") {
		t.Errorf("got %v", got.err)
	}
}

func TestGuardSurvivesSignals(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), shell(t, `for s in TERM INT HUP QUIT PIPE; do kill -$s $PPID; done; sleep 0.1; echo survived`))
	if err != nil || string(r.Output) != "survived\n" {
		t.Errorf("got %+v %v", r, err)
	}
}

func TestGuardThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for guard, want := range map[string]string{
		"/no/such/guard": "start the guard of sh: fork/exec /no/such/guard: no such file or directory",
		"/bin/false":     "execute sh: its guard ended unexpectedly (exit status 1)",
		"/bin/ls":        "guard",
	} {
		_, err := Run(t.Context(), Command{Path: "sh", Guard: guard})
		if err == nil || !strings.Contains(err.Error(), want) || failure.Of(err) != failure.Transient || errors.Is(err, ErrUnknownEnd) {
			t.Errorf("%s: got %v", guard, err)
		}
	}
}

func TestGuardByHand(t *testing.T) {
	t.Parallel()
	guard := exec.Command(ownBinary(), GuardCommand)
	text, err := guard.CombinedOutput()
	if guard.ProcessState.ExitCode() != 2 || !strings.Contains(string(text), "only workers start guards") {
		t.Errorf("got %v %q", err, text)
	}
}

// TestForeignProcessKeepsOutput passes the pipe of the output to a process that is not of the program.
func TestForeignProcessKeepsOutput(t *testing.T) {
	t.Parallel()
	live, ready := printed("ready")
	folder := t.TempDir()
	c := shell(t, "echo $$ > "+folder+"/pid; echo ready; while [ ! -e "+folder+"/opened ]; do sleep 0.01; done; echo end")
	c.Live = live
	wait := start(t.Context(), c)
	<-ready
	pid, err := os.ReadFile(folder + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile("/proc/"+strings.TrimSpace(string(pid))+"/fd/1", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if err := os.WriteFile(folder+"/opened", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-wait:
		if got.err != nil || string(got.Output) != "ready\nend\n" {
			t.Errorf("got %+v %q", got, got.Output)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the foreign process")
	}
}
