//go:build linux

// Giving up a missing batch by processes that are killed.

package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestKilledGivingUp kills the process that gives a batch up at moments of the time that it takes, some of them without SEEDS; the same command
// ends what it began.
func TestKilledGivingUp(t *testing.T) {
	t.Parallel()
	base, _ := fourBatches(t)
	remove(t, filepath.Join(batchFolder(base, "00000002"), "events*"))
	giveUp := func(dir string) []string {
		return []string{"repair", "--give-up", "batch 2 of payments", "--reason", "no copy", "--project", dir}
	}
	finished := func(t *testing.T, dir string) string {
		t.Helper()
		must(t, 0, "rebuild", "orders", "--project", dir)
		must(t, 0, "repair", "--project", dir)
		must(t, 0, "verify", "--project", dir)
		return exportOfOrders(t, dir)
	}
	alone := copyProject(t, base)
	began := time.Now()
	if got, _ := (&killed{t: t}).child(0, giveUp(alone)...); got.code != 1 { // the pipeline is to be rebuilt
		t.Fatalf("repair ends with %d: %s%s", got.code, got.out, got.err)
	}
	took := time.Since(began)
	want := finished(t, alone)
	const moments = 8
	for _, n := range sampled(seeded(t), []int{0, 1, 2, 3, 4, 5, 6, 7}, inSoak(moments, 3)) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			k := &killed{t: t}
			k.child(took*time.Duration(n+1)/moments, giveUp(dir)...) // it may have ended
			if got, _ := k.child(0, giveUp(dir)...); got.code != 1 {
				t.Fatalf("repair ends with %d: %s%s", got.code, got.out, got.err)
			}
			if got := finished(t, dir); got != want {
				t.Errorf("exported is\n%swant\n%s", got, want)
			}
		})
	}
}
