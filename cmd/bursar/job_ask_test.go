// Tests of what people ask of jobs, of errors, and of the proof that messages were sent once.

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/job/mail"
	"bursar/internal/job/slot"
)

func TestJobRequests(t *testing.T) {
	t.Parallel()
	dir := recordJobs(t, map[string]string{"letters": lettersDaily, "byhand": letterTask}, march)
	do := func(args ...string) string {
		return must(t, 0, append([]string{"job"}, append(args, "--project", dir)...)...).out
	}

	want := "4 slots would be executed; 1 is done or open already.\nThe first is 2026-03-27T08:00:00+01:00, the last 2026-03-31T08:00:00+02:00.\n"
	for range 2 { // the first has changed nothing
		if got := do("backfill", "letters", "--from", "2026-03-27", "--to", "2026-04-01", "--dry-run"); got != want {
			t.Fatalf("dry run says %q, want %q", got, want)
		}
	}
	again := value(t, must(t, 0, "job", "backfill", "letters", "--from", "2026-03-27", "--to", "2026-04-01", "--again", "--dry-run", "--json", "--project", dir))
	if fmt.Sprint(again["recorded"], again["existing"], again["dry_run"]) != "5 0 true" {
		t.Errorf("dry run of all says %v", again)
	}
	wantText(t, do("backfill", "letters", "--from", "2026-03-29", "--to", "2026-03-31"), "2 slots wait.", "The first is 2026-03-29T08:00:00+02:00, the last 2026-03-30T08:00:00+02:00.")
	wantText(t, do("backfill", "letters", "--from", "2026-03-29", "--to", "2026-03-31"), "Nothing to do; 2 are done or open already.")
	wantText(t, do("backfill", "byhand", "--from", "2026-03-29"), "Job byhand was not due in this time.")
	wantText(t, do("slots", "letters", "--state", "waiting"), "2026-03-30T08:00:00+02:00/1", "asked for by ")

	wantText(t, do("cancel", "letters", "2026-03-30T08:00"), "letters 2026-03-30T08:00:00+02:00/1 is cancelled.")
	cancelled := value(t, must(t, 0, "job", "cancel", "letters", "2026-03-30T06:00:00Z/1", "--project", dir, "--json"))
	if s, _ := cancelled["slot"].(map[string]any); cancelled["changed"] != false || s["state"] != "failed" || !strings.HasPrefix(fmt.Sprint(s["reason"]), "cancelled by ") {
		t.Errorf("cancelling again says %v", cancelled)
	}
	wantText(t, do("cancel", "letters", "2026-03-28T08:00"), "has ended already: it is done.")

	if got := do("pause", "letters"); got != "Job letters is paused already.\n" {
		t.Errorf("pause says %q", got)
	}
	if got := do("resume", "letters"); got != "Job letters is active.\n" {
		t.Errorf("resume says %q", got)
	}
	resumed := value(t, must(t, 0, "job", "resume", "letters", "--project", dir, "--json"))
	if resumed["state"] != "active" || resumed["changed"] != false {
		t.Errorf("resuming again says %v", resumed)
	}
	wantText(t, do("pause", "byhand"), "Job byhand is paused.")
	wantText(t, do("show", "byhand"), "byhand: paused by ", "It has no slots yet.")
}

// TestJobRemoved: the slots of a job that is not declared any more are shown, and nothing can be asked of it.
func TestJobRemoved(t *testing.T) {
	t.Parallel()
	dir := recordJobs(t, map[string]string{"letters": lettersDaily}, march)
	if err := os.Remove(filepath.Join(dir, "jobs", "letters.yaml")); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		return must(t, 0, append([]string{"job"}, append(args, "--project", dir)...)...).out
	}
	wantText(t, do("list"), "│ letters │ removed │", "│ –        │ UTC  │")
	wantText(t, do("show", "letters"), "letters: removed, it is not declared any more;", "2026-03-27T07:00:00Z")
	wantText(t, do("logs", "letters", "2026-03-27T07:00:00Z", "acme"), "second line")
	for _, args := range [][]string{{"pause"}, {"resume"}, {"run"}, {"backfill", "--from", "2026-03-01"}, {"verify"}} {
		got := must(t, 3, append([]string{"job", args[0], "letters", "--project", dir}, args[1:]...)...)
		wantText(t, got.err, "job letters not found", "the project declares no job yet: add jobs/letters.yaml")
	}
}

func TestJobErrors(t *testing.T) {
	t.Parallel()
	dir := recordJobs(t, map[string]string{"letters": lettersDaily, "calls": "task: {exec: [./x]}\n"}, march)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"show letter", 3, "the project declares calls, letters"},
		{"slots nothing", 3, "error: job nothing not found"},
		{"why nothing latest", 3, "error: job nothing not found"},
		{"run nothing", 3, "error: job nothing not found"},
		{"why letters yesterday", 2, "\"yesterday\" is not a slot: write its due time, as 2026-11-25T07:00:00Z, or as 2026-11-25T08:00 in Europe/Prague, or latest"},
		{"tasks letters 2026-03-27T08:00:00.5Z", 2, "is not a slot"},
		{"tasks letters 2026-03-27T08:00/x", 2, "what follows / is the number of a run"},
		{"tasks letters 2026-03-27T08:00/-1", 2, "what follows / is the number of a run, from 0 on"},
		{"tasks letters latest/1", 2, "is not a slot"},
		{"tasks letters 2026-03-27T09:00", 3, "`bursar job slots letters` lists its slots"},
		{"why letters 2026-03-27T08:00/7", 3, "slot letters/2026-03-27T08:00:00+01:00/7 not found"},
		{"cancel letters 2026-03-26T08:00", 3, "not found"},
		{"why calls latest", 3, "slot of job calls not found"},
		{"why letters", 2, "needs more arguments"},
		{"list letters", 2, "does not accept argument"},
		{"status", 2, "bursar job has no command \"status\": it has list, show, run, slots, why, tasks, logs, cancel, pause, resume, backfill, verify, import-crontab"},
		{"slots letters --state gone", 2, "--state gone: use waiting, running, done, failed, skipped, late, blocked"},
		{"slots letters --from soon", 2, "--from soon is not a time"},
		{"slots letters --from 2026-03-28 --to 2026-03-28", 2, "is not before --to"},
		{"tasks letters latest --state gone", 2, "--state gone: use waiting, begun, done, failed, excluded, cancelled"},
		{"logs letters latest nobody", 3, "task nobody of slot letters/2026-03-28T08:00:00+01:00 not found"},
		{"logs letters latest --follow --failed", 2, "--follow excludes --json and --failed"},
		{"backfill letters", 2, "a backfill needs --from"},
		{"backfill letters --from 2999-01-01", 2, "is in the future"},
		{"run letters --slot 2999-01-01T08:00", 2, "is in the future"},
		{"run letters --slot 2026-03-28T08:00/2", 2, "leave out /2"},
		{"verify letters", 1, "give --mailbox URL, or set mail.sent in bursar.yaml"},
		{"verify letters --mailbox http://127.0.0.1:1/", 1, "does not contain {id}"},
		{"verify calls --mailbox http://127.0.0.1:1/{id}", 1, "its tasks send no mail"},
	} {
		got := must(t, c.code, append([]string{"job", "--project", dir}, strings.Fields(c.args)...)...)
		if !strings.Contains(got.err, c.want) || got.out != "" {
			t.Errorf("job %s prints %q, %q; want %q", c.args, got.out, got.err, c.want)
		}
	}
	empty := t.TempDir()
	file(t, empty, "bursar.yaml", "")
	wantText(t, must(t, 0, "job", "list", "--project", empty).out, "The project declares no jobs")
}

// TestJobVerify compares a slot with mailboxes that have its messages, lack one, or have one twice.
func TestJobVerify(t *testing.T) {
	t.Parallel()
	dir := recordJobs(t, map[string]string{"letters": lettersDaily}, march)
	id := func(day int, key string) string {
		return mail.MessageID(slot.TaskID("letters", time.Date(2026, 3, day, 7, 0, 0, 0, time.UTC), key))
	}
	all := []string{id(27, "acme"), id(28, "acme"), id(28, "b\x1b[31m"), "other@example.org"}
	for _, c := range []struct {
		name  string
		ids   []string
		code  int
		want  []string
		wants string
	}{
		{"complete", all, 0, []string{"✓ 6 messages of tasks, 4 in the mailbox: 3 are there once, 2 are excluded and not there."}, ""},
		{"failed but sent", append([]string{id(27, "b\x1b[31m")}, all...), 0, []string{"✓ 1 is there, of tasks that have failed or not ended"}, ""},
		{"missing", all[1:], 4, []string{"✗ 1 is not there, although the task is done", "    letters/2026-03-27T07:00:00Z, task acme: 0 times"}, "1 is missing, 0 are twice, 0 are unexpected"},
		{"twice", append([]string{all[0]}, all...), 4, []string{"✗ 1 is there more than once"}, "0 are missing, 1 is twice"},
		{"excluded", append([]string{id(27, "paid")}, all...), 4, []string{"✗ 1 is there, although the task was excluded"}, "1 is unexpected"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			list := make([]map[string]string, len(c.ids))
			for i, id := range c.ids {
				list[i] = map[string]string{"ID": fmt.Sprint(i), "MessageID": id}
			}
			if r.URL.Query().Get("start") != "" && r.URL.Query().Get("start") != "0" {
				list = list[:0]
			}
			if err := encode(w, map[string]any{"total": len(c.ids), "messages": list}); err != nil {
				t.Error(err)
			}
		}))
		got := must(t, c.code, "job", "verify", "letters", "--project", dir, "--mailbox", server.URL+"/api/v1/search?query=message-id:{id}")
		wantText(t, got.out, c.want...)
		wantText(t, got.err, c.wants)
		server.Close()
	}
}
