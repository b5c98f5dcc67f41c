// Tests of the lock that one process holds on a project.

package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/app"
)

func TestLockExcludesOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release := mustLock(t, dir)
	_, err := app.Lock(t.Context(), dir, "status", time.Millisecond)
	want := fmt.Sprintf("project is locked by process %d (`bursar run`) since 2", os.Getpid())
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "; wait for it or stop it") {
		t.Errorf("lock: %v, want %s", err, want)
	}
	for range 2 {
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	second := mustLock(t, dir)
	if err := release(); err != nil {
		t.Fatal(err)
	}
	// A second release does not unlock the next owner's lock.
	if _, err := app.Lock(t.Context(), dir, "status", 0); err == nil || !strings.Contains(err.Error(), "bursar run") {
		t.Errorf("lock: %v, want the second holder", err)
	}
	if err := second(); err != nil {
		t.Fatal(err)
	}
}

func TestLockWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var inside, passed atomic.Int32
	var done sync.WaitGroup
	for range 5 {
		done.Go(func() {
			release, err := app.Lock(context.Background(), dir, "run", time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d processes have the lock", n)
			}
			passed.Add(1)
			inside.Add(-1)
			if err := release(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if passed.Load() != 5 {
		t.Errorf("%d got the project, want all", passed.Load())
	}
}

func TestLockRespectsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	defer mustLock(t, dir)() //nolint:errcheck // the folder is removed with the test
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := app.Lock(ctx, dir, "run", time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("lock: %v, want context.Canceled", err)
	}
}

// lockedDir is the variable with the project folder that the test's child process locks.
const lockedDir = "BURSAR_TEST_LOCKED_DIR"

func TestLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv(lockedDir); dir != "" {
		mustLock(t, dir)
		fmt.Println("locked")
		select {} // until killed
	}
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockEndsWithItsProcess$")
	child.Env = append(os.Environ(), lockedDir+"="+dir)
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	want := fmt.Sprintf("process %d ", child.Process.Pid)
	if _, err := app.Lock(t.Context(), dir, "status", time.Millisecond); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("lock: %v, want %s named", err, want)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // the error says that it was killed
	if err := mustLock(t, dir)(); err != nil {
		t.Fatal(err)
	}
}

func mustLock(t *testing.T, dir string) func() error {
	t.Helper()
	release, err := app.Lock(t.Context(), dir, "run", 0)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// TestLockFileDeleted deletes the locked file: the project stays locked.
func TestLockFileDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := app.Lock(t.Context(), dir, "up", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ".bursar", "lock")); err != nil {
		t.Fatal(err)
	}
	var served *app.ServedError
	if err := app.Served(dir); !errors.As(err, &served) {
		t.Errorf("served: %v", err)
	}
	if _, err := app.Lock(t.Context(), dir, "status", 0); !errors.As(err, &served) {
		t.Errorf("lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := app.Served(dir); err != nil {
		t.Errorf("served: %v", err)
	}
	if err := mustLock(t, dir)(); err != nil {
		t.Error(err)
	}
}
