//go:build linux

// What `bursar up` reports of slots that a person should look at.

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/job/record"
	"bursar/internal/job/slot"
)

// TestWorkerMetricsOfJobs: a slot that fails is reported in a line, and counted.
func TestWorkerMetricsOfJobs(t *testing.T) {
	t.Parallel()
	dir := jobFolder(t, map[string]string{"broken": "task: {exec: [sh, -c, 'echo no; exit 70']}\n", "calls": "task: {exec: [\"true\"]}\n"})
	u := bringUp(t, dir)
	must(t, 0, "job", "run", "calls", "--project", dir)
	bursar(t, "job", "run", "broken", "--project", dir)
	got := u.await("slot")
	tasks, _ := got["tasks"].(map[string]any)
	if got["job"] != "broken" || got["state"] != "failed" || tasks["failed"] != 1.0 {
		t.Errorf("up reports %v", got)
	}
	status, text := u.get("/metrics", u.token)
	for _, want := range []string{
		`bursar_job_slots_total{job="broken",state="failed"} 1`, `bursar_job_slots_total{job="broken",state="fired"} 1`,
		`bursar_job_slots_total{job="calls",state="done"} 1`, `bursar_job_tasks_total{job="calls"} 1`,
	} {
		if status != 200 || !strings.Contains(text, want+"\n") {
			t.Errorf("metrics (%d) lack %s", status, want)
		}
	}
	u.stop(syscall.SIGTERM, 0)
}

func TestDescribeAlert(t *testing.T) {
	t.Parallel()
	ref := record.Ref{Job: "calls", Due: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)}
	const name = "Slot calls/2026-11-25T08:00:00Z "
	for want, s := range map[string]record.Slot{
		name + "has failed: 2 of 1,000 tasks: task a: exit code 70": {Ref: ref, State: slot.Failed, Summary: record.Summary{Tasks: 1000, Failed: 2, Error: "task a: exit code 70"}},
		name + "has failed: cancelled by ann":                       {Ref: ref, State: slot.Failed, Reason: "cancelled by ann"},
		name + "is blocked: load has failed; when that is repaired, `bursar job run calls --slot 2026-11-25T08:00:00Z` executes it": {
			Ref: ref, State: slot.Blocked, Reason: "load has failed",
		},
		name + "is late: it has not ended by its deadline": {Ref: ref, State: slot.Waiting},
		name + "is late: it ended after its deadline, 2h after it was due": {
			Ref: ref, State: slot.Late, Reason: "it ended after its deadline, 2h after it was due",
		},
	} {
		if got := describeAlert(&s, time.UTC); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
