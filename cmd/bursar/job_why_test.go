// Tests of how slots are explained: those that are executed, skipped and blocked.

package main

import (
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/job/task"
)

// TestJobWhyRetries: the errors of tasks that are tried again are shown whole, with the next attempt.
func TestJobWhyRetries(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("no answer ", 30) + "check the address"
	dir := recordJobs(t, map[string]string{
		"calls": "schedule: \"0 8 * * *\"\nzone: Europe/Prague\nrate: 10/1m\nretry: {attempts: 3, wait: 1h, longest: 1h}\npartition: {list: [a, b]}\ntask: {exec: [\"true\"]}\n",
	}, func(r *jobRecorder) {
		r.decide("2026-03-27T00:00:00Z")
		ref := r.decide("2026-03-27T07:00:00Z").Start[0]
		r.attempt(ref, outcomes{"a": {State: task.Done}, "b": {State: task.Failed, Class: failure.Transient, Error: long}})
	})
	why := must(t, 0, "job", "why", "calls", "2026-03-27T08:00", "--project", dir).out
	wantText(t, why, "calls 2026-03-27T08:00:00+01:00 is running.", "tasks      1 of 2 done", "rate       at most 10 attempts begin in each 1m",
		"retried    b: not before 2026-03-27T09:", "after 1 attempt: "+long, "executed   by nothing now; it goes on when `bursar up`")
	wantText(t, must(t, 0, "job", "tasks", "calls", "latest", "--project", dir).out, "the next attempt is not")
	wantText(t, must(t, 0, "job", "slots", "calls", "--project", dir).out, "Nothing executes what is running now")
}

// TestJobWhyBlocked: a blocked slot shows what has blocked it as it is now, and how to execute it; so does one that was skipped.
func TestJobWhyBlocked(t *testing.T) {
	t.Parallel()
	const hourly = "schedule: \"0 * * * *\"\npartition: {list: [x]}\ntask: {exec: [\"true\"]}\n"
	dir := recordJobs(t, map[string]string{"load": hourly, "report": "after: load\n" + hourly}, func(r *jobRecorder) {
		r.decide("2026-03-27T07:30:00Z")
		load := r.decide("2026-03-27T08:00:00Z").Start[0]
		r.decide("2026-03-27T09:00:00Z")
		r.execute(load, outcomes{"x": {State: task.Failed, Class: failure.Data, Error: "no file"}})
		r.decide("2026-03-27T09:00:30Z")
	})
	why := func(job, slot string) string { return must(t, 0, "job", "why", job, slot, "--project", dir).out }
	wantText(t, why("load", "2026-03-27T09:00:00Z"), "is skipped: overlap.", "because    load/2026-03-27T08:00:00Z, which began at 2026-03-27T08:00:00Z, was executed when it was due",
		"next       `bursar job run load --slot 2026-03-27T09:00:00Z` executes it")
	wantText(t, why("report", "2026-03-27T08:00:00Z"), "is blocked: load/2026-03-27T08:00:00Z is failed.", "now        load/2026-03-27T08:00:00Z is failed",
		"next       `bursar job why load 2026-03-27T08:00:00Z` says more; when that is repaired, `bursar job run report --slot 2026-03-27T08:00:00Z` executes it")
	got := must(t, 0, "job", "run", "load", "--slot", "2026-03-27T08:00:00Z", "--project", dir)
	wantText(t, got.err, "load 2026-03-27T08:00:00Z/1 begins.")
	wantText(t, why("report", "2026-03-27T08:00:00Z"), "now        load/2026-03-27T08:00:00Z/1 is done", "next       `bursar job run report --slot 2026-03-27T08:00:00Z` executes it")
	wantText(t, must(t, 3, "job", "why", "load", "2026-03-27T08:30:00Z", "--project", dir).err, "not found: the job is not due then")
}
