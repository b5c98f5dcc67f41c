// Tests of how programs end, and of what is known of it.

package process

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/failure"
)

func TestEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script, output, signal string
		exit                   int
	}{
		"exit 0":           {script: "echo done", output: "done\n"},
		"exit 3":           {script: "exit 3", exit: 3},
		"exit 255":         {script: "exit 255", exit: 255},
		"both streams":     {script: "echo a; echo b >&2; echo c", output: "a\nb\nc\n"},
		"killed":           {script: "kill -KILL $$", exit: 137, signal: "SIGKILL"},
		"segmentation":     {script: "kill -SEGV $$", exit: 139, signal: "SIGSEGV"},
		"SIGTERM":          {script: "kill -TERM $$", exit: 143, signal: "SIGTERM"},
		"SIGPIPE":          {script: "kill -PIPE $$", exit: 141, signal: "SIGPIPE"},
		"SIGHUP":           {script: "kill -HUP $$", exit: 129, signal: "SIGHUP"},
		"no input":         {script: "cat; echo end", output: "end\n"},
		"session leader":   {script: `[ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && echo yes`, output: "yes\n"},
		"only three files": {script: `for fd in 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; true`},
		"no terminal":      {script: `(: </dev/tty) 2>/dev/null || echo none`, output: "none\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), shell(t, test.script))
			if err != nil {
				t.Fatal(err)
			}
			if r.Exit != test.exit || r.Signal != test.signal || string(r.Output) != test.output || r.TimedOut || r.Cancelled || r.LeftBehind || !r.Confirmed {
				t.Errorf("got %+v %q", r, r.Output)
			}
			if r.Succeeded() != (test.exit == 0) {
				t.Errorf("Succeeded is %v", r.Succeeded())
			}
		})
	}
}

func TestEnvironmentIsExact(t *testing.T) {
	t.Parallel()
	c := Command{Path: "env", Env: append(testEnv(t), "A=1", "B=\xff\n", "A=2", Mark+"=of an outer job"), Keep: 1 << 16}
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	mark, rest, _ := strings.Cut(string(r.Output), "\n")
	if !strings.HasPrefix(mark, Mark+"=") || strings.Contains(mark, "outer") {
		t.Errorf("the mark is %q", mark)
	}
	if want := strings.Join(c.Env[:len(c.Env)-1], "\n") + "\n"; rest != want {
		t.Errorf("got  %q\nwant %q", rest, want)
	}
}

func TestSecretsAreNotInArguments(t *testing.T) {
	t.Parallel()
	live, ready := printed("ready")
	c := shell(t, "echo ready; exec sleep 1000")
	c.Env, c.Live = append(c.Env, "TOKEN=a-secret-value"), live
	ctx, cancel := context.WithCancel(t.Context())
	wait := start(ctx, c)
	<-ready
	guards := 0
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range all {
		args, _ := os.ReadFile(file)
		if bytes.Contains(args, []byte("a-secret-value")) {
			t.Errorf("%s is %q", file, args)
		}
		if bytes.Contains(args, []byte("\x00"+GuardCommand+"\x00")) {
			guards++
			env, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
			if bytes.Contains(env, []byte("a-secret-value")) {
				t.Errorf("the environment of %s is %q", file, env)
			}
		}
	}
	if guards == 0 {
		t.Error("no guard was found")
	}
	cancel()
	if got := <-wait; got.err != nil || !got.Cancelled {
		t.Errorf("got %+v", got)
	}
}

// outcome is what Run returns.
type outcome struct {
	Result
	err error
}

// start calls Run in the background.
func start(ctx context.Context, c Command) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		r, err := Run(ctx, c)
		ended <- outcome{r, err}
	}()
	return ended
}

func TestRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"plain": "#!/bin/sh\n", "bare": "echo no first line\n", "interpreter": "#!/no/such/program\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(folder, "plain"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path, dir, want string
		is              error
	}{
		"not in PATH":     {path: "no-such-program", want: "start no-such-program: no such file or directory; it was searched for in /usr/bin", is: fs.ErrNotExist},
		"not in folder":   {path: "./missing", dir: folder, want: "start ./missing: no such file or directory; a path with", is: fs.ErrNotExist},
		"not executable":  {path: "./plain", dir: folder, want: "start ./plain: permission denied; make it executable", is: fs.ErrPermission},
		"a folder":        {path: "./", dir: folder, want: "start ./: ", is: nil},
		"no folder":       {path: "sh", dir: filepath.Join(folder, "missing"), want: "missing: no such file or directory; create the folder", is: fs.ErrNotExist},
		"no interpreter":  {path: "./interpreter", dir: folder, want: "its first line names an interpreter", is: fs.ErrNotExist},
		"no first line":   {path: "./bare", dir: folder, want: "start ./bare: exec format error; the first line", is: syscall.ENOEXEC},
		"NUL in its name": {path: "sh\x00", want: "start sh\x00: ", is: nil},
		"no name":         {path: "", want: "start : ", is: fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t.Context(), Command{Path: test.path, Dir: test.dir, Env: []string{"PATH=/usr/bin"}})
			if err == nil || !strings.Contains(err.Error(), test.want) || failure.Of(err) != failure.Data || errors.Is(err, ErrUnknownEnd) {
				t.Errorf("got %v (%v), want %q", err, failure.Of(err), test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
		})
	}
}

func TestNULInArguments(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Command{Path: "/bin/sh", Args: []string{"a\x00b"}})
	if failure.Of(err) != failure.Data {
		t.Errorf("got %v", err)
	}
}

func TestCancelledBeforeStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "executed")
	_, err := Run(ctx, shell(t, "touch "+file))
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknownEnd) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the program was executed")
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	t.Run("cancelled and ends by itself", func(t *testing.T) {
		t.Parallel()
		live, ready := printed("ready")
		c := shell(t, `trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done 2>/dev/null`)
		c.Live, c.Grace = live, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		wait := start(ctx, c)
		<-ready
		cancel()
		got := <-wait
		if got.err != nil || !got.Cancelled || got.TimedOut || got.Exit != 7 || !strings.HasSuffix(string(got.Output), "bye\n") || got.Succeeded() {
			t.Errorf("got %+v %q", got, got.Output)
		}
	})
	t.Run("deadline passes and SIGTERM is ignored", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		c := helper(t, "stubborn")
		c.Grace = 200 * time.Millisecond
		began := time.Now()
		r, err := Run(ctx, c)
		if err != nil || !r.TimedOut || r.Cancelled || r.Exit != 137 || r.Signal != "SIGKILL" {
			t.Errorf("got %+v %v", r, err)
		}
		if took := time.Since(began); took < 500*time.Millisecond || took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("each process gets SIGTERM once", func(t *testing.T) {
		t.Parallel()
		live, ready := printed("ready")
		c := shell(t, `n=0; trap 'n=$((n+1)); echo "got $n"' TERM; echo ready
			while [ $n -lt 1 ]; do sleep 0.01; done; i=0; while [ $i -lt 20 ]; do i=$((i+1)); sleep 0.01; done; exit $n`)
		c.Live, c.Grace = live, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		wait := start(ctx, c)
		<-ready
		cancel()
		if got := <-wait; got.err != nil || got.Exit != 1 {
			t.Errorf("got %+v %q", got, got.Output)
		}
	})
	t.Run("a stopped process", func(t *testing.T) {
		t.Parallel()
		live, ready := printed("ready")
		c := shell(t, `trap 'exit 9' TERM; echo ready; kill -STOP $$; sleep 1000`)
		c.Live, c.Grace = live, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		wait := start(ctx, c)
		<-ready
		cancel()
		if got := <-wait; got.err != nil || got.Exit != 9 || !got.Cancelled {
			t.Errorf("got %+v %q", got, got.Output)
		}
	})
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	const size = 100_000_000
	c := helper(t, "flood", "100000000")
	var live int64
	c.Keep, c.Live = 64<<10, func(p []byte) { live += int64(len(p)) }
	r, err := Run(t.Context(), c)
	if err != nil || r.Exit != 0 {
		t.Fatalf("got %+v %v", r, err)
	}
	total := int64(size + len("first line\nlast line\n"))
	if live != total || int64(len(r.Output))+r.Cut != total || len(r.Output) != c.Keep {
		t.Errorf("followed %d, kept %d, cut %d of %d", live, len(r.Output), r.Cut, total)
	}
	if !bytes.HasPrefix(r.Output, []byte("first line\n0123")) || !bytes.HasSuffix(r.Output, []byte("e\nlast line\n")) {
		t.Errorf("got %q … %q", r.Output[:40], r.Output[len(r.Output)-40:])
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]bool{
		"echo all 5 sent": true,
		"printf 'all 5'; sleep 0.05; printf ' sent.'": true,
		"echo all 5 sent >&2":                         false,
		"echo all 6 sent":                             false,
		"true":                                        false,
		"head -c 1000000 /dev/zero; echo all 5 sent; head -c 1000000 /dev/zero": true,
	} {
		c := shell(t, script)
		c.Confirm, c.Keep = "all 5 sent", 100
		r, err := Run(t.Context(), c)
		if err != nil || r.Confirmed != want || r.Succeeded() != want || r.Exit != 0 {
			t.Errorf("%s: got %+v %v", script, r, err)
		}
	}
}

func TestStreamsAlone(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	c := shell(t, "echo a; echo b >&2; echo c; echo d >&2")
	c.Stderr = func(p []byte) { stderr.Write(p) }
	if r, err := Run(t.Context(), c); err != nil || !r.Succeeded() || stderr.String() != "b\nd\n" {
		t.Errorf("got %+v %v, standard error %q", r, err, stderr.String())
	}
	stderr.Reset()
	c.Stdout = func(p []byte) { stdout.Write(p) }
	if r, err := Run(t.Context(), c); err != nil || !r.Succeeded() || stdout.String() != "a\nc\n" || stderr.String() != "b\nd\n" {
		t.Errorf("got %+v %v, %q and %q", r, err, stdout.String(), stderr.String())
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r, err := Run(t.Context(), shell(t, `head -c 300000000 /dev/zero | tail -c 200000000 | md5sum >/dev/null; sleep 0.1`))
	if err != nil || r.Exit != 0 {
		t.Fatal(r, err)
	}
	if r.UserTime < 50*time.Millisecond || r.SystemTime <= 0 || r.UserTime+r.SystemTime > time.Minute {
		t.Errorf("CPU time %v, %v", r.UserTime, r.SystemTime)
	}
	if r.MaxRSS < 150<<20 || r.MaxRSS > 1<<30 || r.Wall < 100*time.Millisecond || r.Wall > time.Since(began) {
		t.Errorf("memory %d, wall %v", r.MaxRSS, r.Wall)
	}
	if r, err = Run(t.Context(), shell(t, "true")); err != nil || r.MaxRSS != 0 {
		t.Errorf("memory %d of a small program, %v; it is not known", r.MaxRSS, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var wait sync.WaitGroup
	env := testEnv(t)
	for range 50 {
		wait.Go(func() {
			c := Command{Path: "sh", Args: []string{"-c", "sleep 1000 & echo $$; exit 5"}, Env: env, Keep: 100, Grace: time.Second}
			r, err := Run(t.Context(), c)
			if err != nil || r.Exit != 5 || !r.LeftBehind || !strings.HasSuffix(string(r.Output), "\n") {
				t.Errorf("got %+v %v", r, err)
			}
		})
	}
	wait.Wait()
}

func TestNoFilesOrGoroutinesAreLeft(t *testing.T) { //nolint:paralleltest // it counts those of this process
	open := func() int {
		names, err := readNames("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	each := func() {
		c := shell(t, "echo out; echo err >&2; sleep 1000 & exit 0")
		c.Confirm = "out"
		for _, c := range []Command{c, shell(t, "true"), {Path: "no-such-program"}, {Path: "sh", Guard: "/no/such/guard"}, {Path: "sh", Guard: "/bin/false"}} {
			_, _ = Run(t.Context(), c)
		}
	}
	each()
	files, goroutines := open(), runtime.NumGoroutine()
	for range 2 {
		each()
	}
	waitUntil(t, 5*time.Second, "files are closed and goroutines end", func() bool { return open() <= files && runtime.NumGoroutine() <= goroutines })
}

func TestKeptBytes(t *testing.T) {
	t.Parallel()
	text := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	for keep := range 44 {
		for step := 1; step <= len(text); step++ {
			b := bounded{half: keep / 2}
			for p := range slices.Chunk(text, step) {
				b.add(p)
			}
			want := text
			if half := keep / 2; len(text) > 2*half {
				want = slices.Concat(text[:half], text[len(text)-half:])
			}
			if got, cut := b.bytes(); !bytes.Equal(got, want) || cut != int64(len(text)-len(want)) {
				t.Fatalf("keep %d, step %d: got %q, cut %d", keep, step, got, cut)
			}
		}
	}
}
