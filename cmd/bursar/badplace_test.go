//go:build linux

// Bad places: disks that are full or read-only, and limits of size. Each ends in one clear line, leaves nothing half done,
// and works once the place is right.

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// wantFull fails the test unless a command reports in one line that the disk is full, and why.
func wantFull(t *testing.T, got outcome) {
	t.Helper()
	text := strings.TrimSpace(got.err)
	reported := false
	for _, words := range []string{"no space left on device", "file too large", "disk is full", "disk I/O error"} {
		reported = reported || strings.Contains(text, words)
	}
	if got.code != 1 || got.out != "" || !reported || strings.Contains(text, "\n") || !strings.HasSuffix(text, "[transient]") {
		t.Errorf("on a full disk: exit code %d, standard output %q, standard error\n%s", got.code, got.out, text)
	}
}

// events writes a file of n good lines.
func events(t *testing.T, dir string, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		b.WriteString(good(fmt.Sprintf("e%d", i)))
	}
	return file(t, dir, "events.jsonl", b.String())
}

// wantBacklogAndArtifacts fails the test unless so many events wait and so many artifacts are visible.
func wantBacklogAndArtifacts(t *testing.T, dir string, waiting, artifacts int) {
	t.Helper()
	v := item(t, value(t, must(t, 0, "status", "--project", dir, "--json")), "pipelines", 0)
	if v["backlog_events"] != float64(waiting) || v["artifacts"] != float64(artifacts) {
		t.Errorf("status says %v, want %d events waiting and %d artifacts", v, waiting, artifacts)
	}
}

func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	const n = 20_000
	path := events(t, dir, n)
	ingest := program(t, 100<<10, "ingest", "payments", path, "--project", dir)
	wantFull(t, ended(t, ingest, ingest.Run()))
	wantBacklogAndArtifacts(t, dir, 0, 0)
	must(t, 0, "ingest", "payments", path, "--project", dir)
	work := program(t, 100<<10, "run", "--project", dir)
	wantFull(t, ended(t, work, work.Run()))
	wantBacklogAndArtifacts(t, dir, n, 0)
	wantArtifacts(t, dir, n)
}

// disk mounts a separate file system with the given size in KiB.
func disk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
		t.Skipf("no file system may be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill leaves so many KiB free on a disk, and returns how to make room again.
func fill(t *testing.T, dir string, leave int64) (free func()) {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "filler")
	if err := os.WriteFile(path, make([]byte, max(0, int64(s.Bavail)*s.Bsize-leave<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() { _ = os.Remove(path) }
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	testFullDisk(t, 2)
}

// TestSoakFullDisk leaves every size.
func TestSoakFullDisk(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testFullDisk(t, math.MaxInt)
}

func testFullDisk(t *testing.T, most int) {
	t.Helper()
	const n = 30_000
	for _, leave := range sampled(seeded(t), []int64{0, 400, 1500, 2200, 3500}, most) { // KiB
		t.Run(fmt.Sprint(leave), func(t *testing.T) {
			if leave > 2500 && testing.Short() {
				t.Skip("waits for a workflow that cannot be stopped")
			}
			t.Parallel()
			path := events(t, t.TempDir(), n)
			dir := filepath.Join(disk(t, 24<<10), "shop")
			must(t, 0, "init", dir)
			free := fill(t, dir, min(leave, 1500))
			wantFull(t, bursar(t, "ingest", "payments", path, "--project", dir))
			free()
			wantBacklogAndArtifacts(t, dir, 0, 0)
			must(t, 0, "ingest", "payments", path, "--project", dir)
			free = fill(t, dir, leave)
			wantFull(t, bursar(t, "run", "--project", dir))
			free()
			wantBacklogAndArtifacts(t, dir, n, 0)
			wantArtifacts(t, dir, n)
		})
	}
}

func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	root := disk(t, 8<<10)
	dir := filepath.Join(root, "shop")
	must(t, 0, "init", dir)
	path := events(t, dir, 10)
	if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("no file system may be made read-only here: %v", err)
	}
	must(t, 0, "check", "--project", dir)
	for _, args := range [][]string{{"status"}, {"ingest", "payments", path}, {"run"}, {"init", filepath.Join(root, "more")}} {
		got := must(t, 1, append(args, "--project", dir)...)
		if !strings.HasSuffix(got.err, "read-only file system [data]\n") || strings.Count(got.err, "\n") != 1 {
			t.Errorf("%s: standard error is %s", args[0], got.err)
		}
	}
}

func TestFileInPlaceOfState(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, ".bursar", "")
	if got := must(t, 1, "status", "--project", dir); !strings.Contains(got.err, ".bursar is not a folder [data]") {
		t.Errorf("standard error is %s", got.err)
	}
}
