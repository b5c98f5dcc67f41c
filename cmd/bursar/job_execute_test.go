//go:build linux

// Jobs that are executed: programs that do not end by themselves, processes that are killed, missed slots, and backfills.

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/record"
)

// jobFolder makes a project with jobs, whose texts follow the names.
func jobFolder(t *testing.T, declared map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "warehouse: {kind: none}\n")
	for name, text := range declared {
		file(t, dir, "jobs/"+name+".yaml", "job: "+name+"\n"+text)
	}
	return dir
}

// slotsOf lists the slots of a job, newest first.
func slotsOf(t *testing.T, dir, job string) (list []map[string]any) {
	t.Helper()
	for _, one := range listIn(t, value(t, must(t, 0, "job", "slots", job, "--limit", "0", "--project", dir, "--json")), "slots") {
		list = append(list, object(t, one))
	}
	return list
}

// awaitThat waits until a condition holds.
func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !holds(); <-tick.C {
		if time.Since(began) > 90*time.Second {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// isExecuting reports whether a process has a word in its arguments.
func isExecuting(t *testing.T, word string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "\x00"+word+"\x00") {
			return true
		}
	}
	return false
}

// TestJobKilled kills `up` while it executes a program that ignores SIGTERM and leaves its session: nothing of it runs on, the next `up` executes
// it again, and a person cancels it.
func TestJobKilled(t *testing.T) {
	t.Parallel()
	seconds := fmt.Sprint(100_000 + rand.IntN(900_000))
	dir := jobFolder(t, map[string]string{"stubborn": fmt.Sprintf(`schedule: every 24h
task: {exec: [sh, -c, 'trap "" TERM; echo "attempt of $BURSAR_TASK"; setsid sleep %s & sleep %s']}
`, seconds, seconds)})
	dueSince(t, dir, "stubborn", 25*time.Hour)
	written := func() bool {
		return strings.Contains(bursar(t, "job", "logs", "stubborn", "latest", "--project", dir).out, "attempt of ")
	}
	u := bringUp(t, dir)
	awaitThat(t, "the program writes", written)
	u.stop(syscall.SIGKILL, -1)
	awaitThat(t, "nothing runs", func() bool { return !isExecuting(t, seconds) })

	u = bringUp(t, dir)
	awaitThat(t, "it is executed again", func() bool { return isExecuting(t, seconds) && written() })
	if list := slotsOf(t, dir, "stubborn"); len(list) != 1 || list[0]["state"] != "running" {
		t.Errorf("slots %v", list)
	}
	must(t, 0, "job", "cancel", "stubborn", "latest", "--project", dir)
	awaitThat(t, "the slot has ended", func() bool { return slotsOf(t, dir, "stubborn")[0]["state"] == "failed" })
	if isExecuting(t, seconds) {
		t.Error("the program is executed after its slot has ended")
	}
	if reason := slotsOf(t, dir, "stubborn")[0]["reason"]; !strings.HasPrefix(fmt.Sprint(reason), "cancelled by ") {
		t.Errorf("reason %v", reason)
	}
	u.stop(syscall.SIGTERM, 0)
	must(t, 0, "verify", "--project", dir)
}

// dueSince makes jobs known since some time ago, when nothing was up.
func dueSince(t *testing.T, dir, job string, ago time.Duration) {
	t.Helper()
	must(t, 0, "job", "list", "--project", dir) // which makes the state
	c, err := catalog.OpenSQLite(filepath.Join(dir, ".bursar", "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-ago).UTC()
	err = c.Update(t.Context(), func(tx catalog.Tx) error {
		return tx.Put("jobs/state/"+job, record.State{Job: job, Since: since, Cursor: since})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestJobPrograms has programs that misbehave, each as documented.
func TestJobPrograms(t *testing.T) {
	t.Parallel()
	seconds := fmt.Sprint(100_000 + rand.IntN(900_000))
	dir := jobFolder(t, map[string]string{
		"silent":  "task: {exec: [\"true\"], confirm: all sent}\n",
		"flood":   "task: {exec: [sh, -c, 'echo first; head -c 20000000 /dev/zero | tr \"\\0\" x; echo; echo last']}\noutput: 4KB\n",
		"forks":   fmt.Sprintf("task: {exec: [sh, -c, 'trap \"\" TERM; setsid sleep %s & (sleep %s &); sleep %s']}\ntimeout: 1s\nretry: {attempts: 1}\n", seconds, seconds, seconds),
		"leaves":  fmt.Sprintf("task: {exec: [sh, -c, 'sleep %s & echo done']}\n", seconds),
		"missing": "task: {exec: [\"./does-not-exist\"]}\n",
	})
	for job, c := range map[string]struct {
		code int
		text string
	}{
		"silent": {1, "contains the text of `confirm`"}, "flood": {0, "1 of 1 done"}, "forks": {1, "took longer than 1s"}, "leaves": {0, "1 of 1 done"}, "missing": {1, "does-not-exist"},
	} {
		got := must(t, c.code, "job", "run", job, "--project", dir)
		if !strings.Contains(got.out+got.err, c.text) {
			t.Errorf("%s says\n%s%s", job, got.out, got.err)
		}
		if isExecuting(t, seconds) {
			t.Errorf("%s has left something behind", job)
		}
	}
	logs := must(t, 0, "job", "logs", "flood", "latest", "--project", dir).out
	if len(logs) > 10_000 || !strings.Contains(logs, "first") || !strings.Contains(logs, "last") {
		t.Errorf("the flood has %d bytes of output: %.100s", len(logs), logs)
	}
}

// TestJobCatchUp: after three days without a process, slots are executed by each policy, one after another.
func TestJobCatchUp(t *testing.T) {
	t.Parallel()
	task := "schedule: every 1h\ntask: {exec: [\"true\"]}\ncatch_up: "
	dir := jobFolder(t, map[string]string{
		"skips": task + "{policy: skip}\n", "last": task + "{policy: latest}\n", "all": task + "{policy: all, age: 5h}\n", "slowly": task + "{policy: all, age: 10h, rate: 2/1h}\n",
	})
	for _, job := range []string{"skips", "last", "all", "slowly"} {
		dueSince(t, dir, job, 72*time.Hour)
	}
	u := bringUp(t, dir)
	counts := func(job string) (states map[string]float64) {
		states = map[string]float64{}
		for _, one := range slotsOf(t, dir, job) {
			count, _ := one["count"].(float64) // 0 is not the number of due times that is expected
			states[fmt.Sprint(one["state"])] += count
		}
		return states
	}
	awaitThat(t, "all are executed", func() bool {
		return counts("all")["done"] >= 4 && counts("last")["done"] >= 1 && counts("slowly")["done"] >= 2 && counts("all")["waiting"]+counts("all")["running"] == 0
	})
	for job, want := range map[string]struct{ least, most float64 }{"skips": {0, 1}, "last": {1, 2}, "all": {4, 6}, "slowly": {2, 3}} {
		got := counts(job)
		if got["done"] < want.least || got["done"] > want.most || got["failed"] > 0 {
			t.Errorf("%s: %v", job, got)
		}
		if all := got["done"] + got["skipped"] + got["waiting"] + got["running"]; all < 72 || all > 73 {
			t.Errorf("%s: %v are not all due times of three days", job, got)
		}
	}
	if why := must(t, 0, "job", "why", "slowly", fmt.Sprint(firstWaiting(t, dir, "slowly")), "--project", dir).out; !strings.Contains(why, "catch_up.rate") {
		t.Errorf("why: %s", why)
	}
	u.stop(syscall.SIGTERM, 0)
}

// firstWaiting returns the due time of the waiting slot that begins first.
func firstWaiting(t *testing.T, dir, job string) (due any) {
	t.Helper()
	for _, one := range slotsOf(t, dir, job) {
		if one["state"] == "waiting" {
			due = one["due"]
		}
	}
	return due
}

// TestJobBackfill executes the slots of a month, with a pause in between.
func TestJobBackfill(t *testing.T) {
	t.Parallel()
	dir := jobFolder(t, map[string]string{"daily": "schedule: \"0 3 * * *\"\ntask: {exec: [sh, -c, 'echo \"$BURSAR_SLOT\" >> days; test ! -e stop || exit 65']}\n"})
	u := bringUp(t, dir)
	must(t, 0, "job", "backfill", "daily", "--from", "2026-03-01", "--to", "2026-04-01", "--project", dir)
	days := func() []string {
		text, err := os.ReadFile(filepath.Join(dir, "days"))
		if err != nil {
			return nil
		}
		return strings.Fields(string(text))
	}
	awaitThat(t, "some are executed", func() bool { return len(days()) >= 3 })
	must(t, 0, "job", "pause", "daily", "--project", dir)
	awaitThat(t, "none is executed", func() bool {
		for _, one := range slotsOf(t, dir, "daily") {
			if one["state"] == "running" {
				return false
			}
		}
		return true
	})
	paused := len(days())
	u.stop(syscall.SIGTERM, 0)
	u = bringUp(t, dir) // a pause is not forgotten
	if list := slotsOf(t, dir, "daily"); len(list) != 31 || len(days()) != paused || paused == 31 {
		t.Errorf("%d slots, %d executed, %d when it was paused", len(list), len(days()), paused)
	}
	must(t, 0, "job", "resume", "daily", "--project", dir)
	awaitThat(t, "all are executed", func() bool { return len(days()) >= 31 })
	for i, day := range days() {
		if want := time.Date(2026, 3, 1+i, 3, 0, 0, 0, time.UTC).Format(time.RFC3339); day != want {
			t.Fatalf("day %d is %s, want %s", i, day, want)
		}
	}
	awaitThat(t, "the last one is done", func() bool { return slotsOf(t, dir, "daily")[0]["state"] == "done" })
	must(t, 0, "job", "backfill", "daily", "--from", "2026-03-01", "--to", "2026-04-01", "--project", dir)
	if n := len(slotsOf(t, dir, "daily")); n != 31 {
		t.Errorf("a second backfill makes %d slots of 31", n)
	}
	u.stop(syscall.SIGTERM, 0)
}

// TestJobOfCommands: `job run` executes Bursar's own commands, also without `up`.
func TestJobOfCommands(t *testing.T) {
	t.Parallel()
	dir := jobFolder(t, map[string]string{"reports": "partition: {list: [a, b]}\ntask: {bursar: [status]}\n", "bad": "task: {bursar: [trace, \"{{.job}}\", x]}\n"})
	must(t, 0, "job", "run", "reports", "--project", dir)
	if logs := must(t, 0, "job", "logs", "reports", "latest", "--project", dir).out; !strings.Contains(logs, "does not declare a pipeline") {
		t.Errorf("logs %s", logs)
	}
	must(t, 1, "job", "run", "bad", "--project", dir)
}
