// Tests of a cache folder that several processes share, and in which processes are killed.

package object_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/object"
)

// These variables make TestCacheProcess a process of its own: what it does, and in which folder.
const (
	processTask   = "BURSAR_TEST_CACHE_TASK"
	processFolder = "BURSAR_TEST_CACHE_FOLDER"
)

const sharedLimit = 30_000

// sharedStore is a store that has the same objects in every process: ten of 10,000 bytes.
func sharedStore() (*remoteStore, []object.Description) {
	store := newRemote()
	var list []object.Description
	for i := range 10 {
		list = append(list, store.put(fmt.Sprint("object-", i), 10_000))
	}
	return store, list
}

// TestCacheProcess is the other process. It prints a line when it has reached its state, and continues when it reads one.
func TestCacheProcess(t *testing.T) {
	task, dir := os.Getenv(processTask), os.Getenv(processFolder)
	if task == "" {
		t.Skip("it is started by other tests")
	}
	in := bufio.NewReader(os.Stdin)
	pause := func() {
		fmt.Println("\nreached")
		if _, err := in.ReadString('\n'); err != nil {
			os.Exit(0) // the parent has ended
		}
	}
	store, list := sharedStore()
	if task == "downloads" {
		store.reading = func(string) { pause() }
	}
	c := newCache(t, store, object.CacheConfig{Folder: dir, Limit: sharedLimit})
	p := pin(t, c, list[:2]...)
	pause()
	wantPinned(t, p, list[:2]...)
	if n := store.opens(); n > 2 {
		t.Errorf("%d downloads", n)
	}
}

// otherProcess is a running TestCacheProcess.
type otherProcess struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	out   *bufio.Scanner
}

func startProcess(t *testing.T, task, dir string) *otherProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCacheProcess$", "-test.v")
	cmd.Env = append(os.Environ(), processTask+"="+task, processFolder+"="+dir)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &otherProcess{cmd, input, bufio.NewScanner(out)}
	t.Cleanup(func() { p.kill(t) })
	return p
}

func (p *otherProcess) waitUntilReached(t *testing.T) {
	t.Helper()
	for p.out.Scan() {
		if p.out.Text() == "reached" {
			return
		}
		if strings.Contains(p.out.Text(), "FAIL") {
			break
		}
	}
	t.Fatalf("the other process ended: %s", p.out.Text())
}

func (p *otherProcess) kill(t *testing.T) {
	t.Helper()
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
	}
}

// finish lets the process continue, and waits for its end.
func (p *otherProcess) finish(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.input, "continue\n"); err != nil {
		t.Fatal(err)
	}
	for p.out.Scan() {
		continue
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
}

// TestCacheSharedByProcesses: no process removes what another has pinned, and each uses the copies of the other.
func TestCacheSharedByProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, list := sharedStore()
	other := startProcess(t, "pins", dir)
	other.waitUntilReached(t)
	c := newCache(t, store, object.CacheConfig{Folder: dir, Limit: sharedLimit, Downloads: 1})
	pin(t, c, list[:2]...).Release()
	if n := store.opens(); n != 0 {
		t.Errorf("%d downloads of copies that the other process made", n)
	}
	for _, d := range list[2:] {
		p := pin(t, c, d)
		wantPinned(t, p, d)
		p.Release()
	}
	if !isCached(dir, list[0]) || !isCached(dir, list[1]) || len(cached(t, dir)) != 3 {
		t.Errorf("the folder contains %q, want the two pinned copies and the last one", cached(t, dir))
	}
	other.finish(t)
	// What the other process has released may be evicted.
	pin(t, c, list[3:6]...).Release()
	if isCached(dir, list[0]) || isCached(dir, list[1]) {
		t.Error("copies of a process that has ended are kept")
	}
}

// TestCacheKilledProcess: a process that is killed leaves neither pins nor reserved space.
func TestCacheKilledProcess(t *testing.T) {
	t.Parallel()
	for _, task := range []string{"pins", "downloads"} {
		dir := t.TempDir()
		store, list := sharedStore()
		other := startProcess(t, task, dir)
		other.waitUntilReached(t)
		// While the process lives, its unfinished copies are kept and counted.
		c := newCache(t, store, object.CacheConfig{Folder: dir, Limit: sharedLimit, Downloads: 1})
		before := len(cached(t, dir))
		if before == 0 {
			t.Fatalf("%s: the other process has no files", task)
		}
		other.kill(t)
		for _, d := range list[2:5] {
			wantPinned(t, pin(t, c, d), d)
		}
		names := cached(t, dir)
		if len(names) != 3 {
			t.Errorf("%s: the folder contains %q, want only what is pinned", task, names)
		}
		wantPinned(t, pin(t, newCache(t, store, object.CacheConfig{Folder: dir}), list...), list...)
		if unfinished, err := filepath.Glob(filepath.Join(dir, "*.tmp")); len(unfinished) > 0 || err != nil {
			t.Errorf("%s: %q are left, %v", task, unfinished, err)
		}
	}
}

// TestCacheSharedByCaches: two caches download and evict in the same folder at the same time.
func TestCacheSharedByCaches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, list := sharedStore()
	errs := make(chan error)
	for i := range 4 {
		c := newCache(t, store, object.CacheConfig{Folder: dir, Limit: sharedLimit, Downloads: 2})
		go func() {
			for round := range 25 {
				d := []object.Description{list[(i+round)%10], list[(i*3+round*7)%10]}
				p, err := c.Pin(context.Background(), d)
				if err != nil {
					errs <- err
					return
				}
				wantPinned(t, p, d...)
				p.Release()
			}
			errs <- nil
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if names := cached(t, dir); len(names) > 3 {
		t.Errorf("the folder contains %q, more than its limit", names)
	}
}
