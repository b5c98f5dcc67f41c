//go:build linux

// Slots that are executed again: each due time once by its schedule, and as often as people ask for it.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestJobRunOfMissed: a due time that a person has executed while nothing was up is not executed again by catch-up; and when it is repeated, its
// first execution is still shown.
func TestJobRunOfMissed(t *testing.T) {
	t.Parallel()
	dir := jobFolder(t, map[string]string{
		"hourly": "schedule: every 1h\ncatch_up: {policy: all}\ntask: {exec: [sh, -c, 'echo \"$BURSAR_SLOT\" | tee -a hours']}\n",
	})
	dueSince(t, dir, "hourly", 3*time.Hour)
	missed := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour).Format(time.RFC3339)
	executed := func() int {
		hours, err := os.ReadFile(filepath.Join(dir, "hours"))
		if err != nil {
			return 0
		}
		return strings.Count(string(hours), missed)
	}
	do := func(args ...string) string {
		return must(t, 0, append([]string{"job"}, append(args, "--project", dir)...)...).out
	}
	do("run", "hourly", "--slot", missed)
	u := bringUp(t, dir)
	awaitThat(t, "all are executed", func() bool {
		list := slotsOf(t, dir, "hourly")
		for _, one := range list {
			if one["state"] != "done" {
				return false
			}
		}
		return len(list) >= 3
	})
	if n := executed(); n != 1 {
		t.Errorf("%s is executed %d times", missed, n)
	}
	do("run", "hourly", "--slot", missed)
	if n := executed(); n != 2 {
		t.Errorf("%s is executed %d times after it was repeated", missed, n)
	}
	for name, run := range map[string]string{missed + "/0": missed + " ", missed + "/1": missed + "/1 ", missed: missed + "/1 "} {
		wantText(t, do("why", "hourly", name), "hourly "+run+"is done.")
		wantText(t, do("logs", "hourly", name), "attempt 1 ==\n"+missed+"\n")
	}
	u.stop(syscall.SIGTERM, 0)
}

// TestJobRunFailed executes only what an earlier run of a slot has not done.
func TestJobRunFailed(t *testing.T) {
	t.Parallel()
	dir := jobFolder(t, map[string]string{"letters": `partition: {list: [a, b, c]}
task: {exec: [sh, -c, 'echo "$BURSAR_PARTITION $BURSAR_TASK" >> sent; test "$BURSAR_PARTITION" != b || test -e fixed']}
retry: {attempts: 1}
`})
	const due = "2026-03-27T07:00:00Z"
	sent := func() map[string]int {
		text, err := os.ReadFile(filepath.Join(dir, "sent"))
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for line := range strings.Lines(string(text)) {
			count[strings.TrimSpace(line)]++
		}
		return count
	}
	must(t, 2, "job", "run", "letters", "--failed", "--project", dir)
	must(t, 3, "job", "run", "letters", "--slot", due, "--failed", "--project", dir)
	got := must(t, 1, "job", "run", "letters", "--slot", due, "--project", dir)
	advice := "bursar job run letters --slot " + due + " --failed"
	wantText(t, got.err, "`"+advice+"` executes what is not done")
	file(t, dir, "fixed", "")
	must(t, 0, append(strings.Fields(advice)[1:], "--project", dir)...)
	count := sent()
	if len(count) != 3 { // a key has the same idempotency key in both runs
		t.Errorf("sent %v", count)
	}
	for line, n := range count {
		if want := map[bool]int{true: 2, false: 1}[strings.HasPrefix(line, "b ")]; n != want {
			t.Errorf("%s was sent %d times, want %d", line, n, want)
		}
	}
	got = must(t, 1, append(strings.Fields(advice)[1:], "--project", dir)...)
	wantText(t, got.err, "all its tasks are done")
	must(t, 0, "verify", "--project", dir)
}
