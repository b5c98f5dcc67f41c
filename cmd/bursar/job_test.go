// Tests of what the commands of jobs show and ask, over slots that are recorded without executing programs.

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/job/task"
	objects "bursar/internal/object"
	"bursar/internal/project"
)

const letterTask = "task: {email: {to: \"{{.key}}@example.org\", subject: s, text: t}}\npartition: {list: [acme, \"b\\e[31m\", paid]}\n"

// jobRecorder is a project of which a test records slots in its own time.
type jobRecorder struct {
	t     *testing.T
	dir   string
	jobs  []*project.Job
	slots record.Slots
	work  chunk.Work
	now   time.Time
}

// recordJobs calls fn on the catalog of a project whose jobs are declared by their texts, while no command has it open.
func recordJobs(t *testing.T, declared map[string]string, fn func(r *jobRecorder)) string {
	t.Helper()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "mail: {address: \"127.0.0.1:25\", tls: none, from: a@example.org}\n")
	for name, text := range declared {
		file(t, dir, "jobs/"+name+".yaml", "job: "+name+"\n"+text)
	}
	must(t, 0, "job", "list", "--project", dir) // which makes the state
	p, errs := project.Read(dir)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	r := &jobRecorder{t: t, dir: dir, jobs: p.Jobs}
	c, err := catalog.OpenSQLite(filepath.Join(dir, ".bursar", "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	clock := func() time.Time { return r.now }
	r.slots = record.Slots{Catalog: c, Now: clock}
	r.work = chunk.Work{Catalog: c, Objects: objects.NewFolder(filepath.Join(dir, ".bursar", "objects")), Now: clock, Worker: "w1"}
	fn(r)
	return dir
}

// decide decides about what is due at a time.
func (r *jobRecorder) decide(now string) record.Decided {
	r.t.Helper()
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		r.t.Fatal(err)
	}
	r.now = at
	d, err := r.slots.Decide(r.t.Context(), r.jobs)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *jobRecorder) job(name string) *project.Job {
	for _, j := range r.jobs {
		if j.Name == name {
			return j
		}
	}
	r.t.Fatalf("no job %s", name)
	return nil
}

// outcomes stands for an executor: it says how each task ends.
type outcomes map[string]task.Outcome

func (o outcomes) Execute(_ context.Context, a task.Attempt) task.Outcome { return o[a.Key] }

// execute executes the tasks of a slot, and ends it.
func (r *jobRecorder) execute(ref record.Ref, o outcomes) {
	r.t.Helper()
	r.attempt(ref, o)
	sum, _, err := r.work.Summarize(r.t.Context(), ref)
	if err == nil {
		r.now = r.now.Add(1500 * time.Millisecond)
		_, err = r.slots.End(r.t.Context(), r.job(ref.Job), ref, sum)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// attempt executes the tasks of a slot that are due.
func (r *jobRecorder) attempt(ref record.Ref, o outcomes) {
	r.t.Helper()
	j := r.job(ref.Job)
	d, err := r.work.Divide(r.t.Context(), j, ref, func(_ context.Context, columns func([]string) error, add func(chunk.Partition) error) error {
		err := columns(nil)
		for _, key := range j.Partition.List {
			if err == nil {
				err = add(chunk.Partition{Key: key})
			}
		}
		return err
	})
	for number := 0; number < d.Chunks && err == nil; number++ {
		_, err = r.work.Execute(r.t.Context(), chunk.Execution{Job: j, Ref: ref, Chunk: number, Tasks: o, ClaimAll: true})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// march records slots of the last days of March 2026: one failed, one done, and three skipped in a pause, in which the clocks change.
func march(r *jobRecorder) {
	r.decide("2026-03-27T00:00:00Z")
	mixed := outcomes{
		"acme":      {State: task.Done, Output: []byte("one \x1b[31mred\nsecond line\n")},
		"b\x1b[31m": {State: task.Failed, Class: failure.Data, Error: "550 no such\x07 mailbox", Output: []byte("second\x00\n")},
		"paid":      {State: task.Excluded},
	}
	for _, ref := range r.decide("2026-03-27T07:00:00Z").Start {
		r.execute(ref, mixed)
	}
	for _, ref := range r.decide("2026-03-28T07:00:10Z").Start {
		r.execute(ref, outcomes{"acme": {State: task.Done}, "b\x1b[31m": {State: task.Done}, "paid": {State: task.Excluded}})
	}
	if _, err := r.slots.Pause(r.t.Context(), r.jobs, r.job("letters"), "ann@desk"); err != nil {
		r.t.Fatal(err)
	}
	r.decide("2026-04-01T00:00:00Z")
}

const lettersDaily = "schedule: \"0 8 * * *\"\nzone: Europe/Prague\nretry: {attempts: 1}\n" + letterTask

// wantText fails the test unless a text contains all the others.
func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\x07\x00") {
		t.Errorf("control characters are printed: %q", text)
	}
}

func TestJobSlotsAreShown(t *testing.T) {
	t.Parallel()
	dir := recordJobs(t, map[string]string{"letters": lettersDaily, "later": "after: letters\n" + letterTask}, march)
	do := func(args ...string) string {
		return must(t, 0, append([]string{"job"}, append(args, "--project", dir)...)...).out
	}

	wantText(t, do("slots", "letters"), "│ 2026-03-29T08:00:00+02:00 – 2026-03-31T08:00:00+02:00 (3) │ scheduled │ skipped │", "paused",
		"│ 2026-03-28T08:00:00+01:00", "│ 1.5s │     3 │    2 │      0 │", "task b\\x1b[31m: 550 no such\\a mailbox")
	slots := value(t, must(t, 0, "job", "slots", "letters", "--project", dir, "--json"))
	if n := length(t, slots, "slots"); n != 3 {
		t.Errorf("%d slots, want 3", n)
	}
	if s := item(t, slots, "slots", 0); s["first"] != "2026-03-29T06:00:00Z" || s["due"] != "2026-03-31T06:00:00Z" || fmt.Sprint(s["count"]) != "3" {
		t.Errorf("the range is %v", s)
	}
	if got := do("slots", "letters", "--state", "failed"); strings.Contains(got, "skipped") || !strings.Contains(got, "2026-03-27T08:00:00+01:00") {
		t.Errorf("failed slots:\n%s", got)
	}
	if got := do("slots", "letters", "--from", "2026-03-28", "--to", "2026-03-28T08:01"); strings.Count(got, "scheduled") != 1 {
		t.Errorf("slots of a day:\n%s", got)
	}
	wantText(t, do("slots", "letters", "--limit", "1"), "There are more: --limit shows them.")
	wantText(t, do("slots", "letters", "--from", "2020-01-01", "--to", "2020-01-02"), "Job letters has no such slots.")

	list := do("list")
	wantText(t, list, "│ later   │ active │", "│ after letters │ UTC ", "│ letters │ paused │", "│ 0 8 * * *     │ Europe/Prague │", "│ 2026-03-31T08:00:00+02:00 │ skipped")
	jobs := value(t, must(t, 0, "job", "list", "--project", dir, "--json"))
	letters := item(t, jobs, "jobs", 1)
	wantFields(t, letters, "job", "state", "next", "last", "counters", "running", "waiting", "paused_by")
	if counters, want := fmt.Sprint(letters["counters"]), "map[blocked:0 done:1 failed:1 fired:2 late:0 skipped:3 tasks:6]"; counters != want {
		t.Errorf("counters are %s, want %s", counters, want)
	}

	show := do("show", "letters")
	wantText(t, show, "letters: paused by ann@desk since 2026-03-28T08:00:11+01:00; 0 slots are executed, 0 wait",
		"  schedule     0 8 * * *", "  partition    list of 3", "  task         email: to {{.key}}@example.org, s", "  catch_up     latest", "next due: 20", "T08:00:00+0")
	shown := value(t, must(t, 0, "job", "show", "letters", "--project", dir, "--json"))
	if length(t, shown, "due") != 5 || length(t, shown, "slots") != 3 || shown["state"] != "paused" {
		t.Errorf("show prints %v", shown)
	}
}

func TestJobTasksAreShown(t *testing.T) {
	t.Parallel()
	dir := recordJobs(t, map[string]string{"letters": lettersDaily}, march)
	do := func(args ...string) string {
		return must(t, 0, append([]string{"job"}, append(args, "--project", dir)...)...).out
	}

	why := do("why", "letters", "2026-03-27T08:00")
	wantText(t, why, "letters 2026-03-27T08:00:00+01:00 is failed.", "  tasks      1 of 3 done, 1 failed, 1 excluded",
		"  failed     b\\x1b[31m: 550 no such\\a mailbox", "`bursar job logs letters 2026-03-27T08:00:00+01:00 --failed` shows what they have written, if anything; `bursar job run letters --slot 2026-03-27T08:00:00+01:00 --failed` executes what is not done")
	wantText(t, do("why", "letters", "2026-03-30T06:00:00Z"), "2026-03-29T08:00:00+02:00 – 2026-03-31T08:00:00+02:00 (3) is skipped: paused.")
	wantText(t, do("why", "letters", "latest"), "is skipped: paused.")
	future := time.Now().UTC().AddDate(1, 0, 0)
	wantText(t, do("why", "letters", future.Format("2006-01-02T08:00")), "is waiting.", "waits for  its due time", "the job is paused by ann@desk", "expected   it is skipped, as the job is paused by ann@desk since 2026-03-28T08:00:11+01:00: `bursar job resume letters`")
	explained := value(t, must(t, 0, "job", "why", "letters", "2026-03-27T07:00:00Z", "--project", dir, "--json"))
	if explained["recorded"] != true || item(t, explained, "failed", 0)["class"] != "data" {
		t.Errorf("why prints %v", explained)
	}

	tasks := do("tasks", "letters", "2026-03-27T08:00")
	wantText(t, tasks, "letters 2026-03-27T08:00:00+01:00 is failed.", "│ acme ", "│ b\\x1b[31m │ failed   │        1 │", "550 no such\\a mailbox [data]", "│ paid", "excluded", "3 tasks.")
	if got := do("tasks", "letters", "letters/2026-03-27T07:00:00Z", "--state", "done,excluded"); strings.Contains(got, "550") || !strings.Contains(got, "2 tasks.") {
		t.Errorf("tasks that are done or excluded:\n%s", got)
	}
	if n := strings.Count(do("tasks", "letters", "latest", "--format", "jsonl"), "\"key\""); n != 3 { // of the newest that has begun
		t.Errorf("%d tasks in JSON lines, want 3", n)
	}
	if got := do("tasks", "letters", "2026-03-27T08:00", "--format", "csv", "--columns", "key,attempts,class"); got != "key,attempts,class\nacme,1,\n\"b\x1b[31m\",1,data\npaid,1,\n" &&
		got != "key,attempts,class\nacme,1,\nb\x1b[31m,1,data\npaid,1,\n" {
		t.Errorf("csv is %q", got)
	}

	logs := do("logs", "letters", "2026-03-27T08:00")
	if want := "== acme, attempt 1 ==\none \\x1b[31mred\nsecond line\n== b\\x1b[31m, attempt 1 ==\nsecond\\x00\n"; logs != want {
		t.Errorf("logs are %q, want %q", logs, want)
	}
	if got, want := do("logs", "letters", "2026-03-27T08:00", "acme", "--grep", "second"), "== acme, attempt 1 ==\nsecond line\n"; got != want {
		t.Errorf("lines with a text: %q, want %q", got, want)
	}
	if got := do("logs", "letters", "2026-03-27T08:00", "--failed", "--follow=false"); strings.Contains(got, "acme") || !strings.Contains(got, "second\\x00") {
		t.Errorf("logs of failed tasks: %q", got)
	}
	id := slot.TaskID("letters", time.Date(2026, 3, 27, 7, 0, 0, 0, time.UTC), "acme")
	if got, want := do("logs", "letters", "2026-03-27T08:00", id, "--follow"), "== acme, attempt 1 ==\none \\x1b[31mred\nsecond line\n"; got != want {
		t.Errorf("followed logs: %q, want %q", got, want)
	}
	wantText(t, do("logs", "letters", "2026-03-27T08:00", "--limit", "1"), "There is more than the output of 1 attempt")
	wantText(t, do("logs", "letters", "latest"), "No such output of letters 2026-03-28T08:00:00+01:00.")
}
