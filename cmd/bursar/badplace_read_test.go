//go:build linux

// Disks that take nothing still give what is on them.

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// reading are commands that write nothing.
var reading = [][]string{
	{"status"},
	{"get", "orders", `["o-1003","USD"]`},
	{"trace", "orders", `["o-1003","USD"]`},
	{"export", "orders", "--to", "-"},
	{"exceptions", "orders"},
	{"quarantine"},
	{"unkeyed", "orders"},
	{"verify", "orders"},
	{"verify"},
	{"completeness"},
}

// wantReading expects every reading command to print what it printed before.
func wantReading(t *testing.T, dir string, before []string) (now []string) {
	t.Helper()
	for i, args := range reading {
		got := must(t, 0, append(args, "--project", dir)...)
		out, _, _ := strings.Cut(got.out, " s.\n") // the duration that verify prints
		now = append(now, out)
		if before != nil && args[0] != "exceptions" && args[0] != "verify" && out != before[i] {
			t.Errorf("%s prints\n%s\nbefore\n%s", args, out, before[i])
		}
	}
	return now
}

func TestReadingWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		root := disk(t, 24<<10)
		dir := filepath.Join(root, "shop")
		must(t, 0, "init", dir)
		file(t, dir, "bursar.yaml", "warehouse: {kind: none}\n") // a warehouse is not read where it cannot be written
		must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
		work := program(t, 0, "run", "--project", dir) // this process would keep its history open
		if got := ended(t, work, work.Run()); got.code != 0 {
			t.Fatal(got)
		}
		before := wantReading(t, dir, nil)
		if killed {
			u := bringUp(t, dir)
			must(t, 0, "ingest", "payments", file(t, dir, "more.jsonl", badRow+good("more")), "--project", dir)
			u.await("published")
			u.stop(syscall.SIGKILL, -1)
			before = nil
		}
		free := fill(t, root, 0)
		before = wantReading(t, dir, before)
		wantFull(t, bursar(t, "ingest", "payments", events(t, t.TempDir(), 10), "--project", dir))
		free()
		if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Skipf("no file system may be made read-only here: %v", err)
		}
		wantReading(t, dir, before)
		got := must(t, 1, "ingest", "payments", events(t, t.TempDir(), 10), "--project", dir)
		if !strings.HasSuffix(got.err, "read-only file system [data]\n") {
			t.Errorf("ingest: %s", got.err)
		}
		if err := syscall.Mount("", root, "", syscall.MS_REMOUNT, ""); err != nil {
			t.Fatal(err)
		}
		wantReading(t, dir, before)
	}
}
