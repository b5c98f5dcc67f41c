// Tests of jobs in one process: slots by hand and by schedule, partitions of queries and programs, and each kind of task.

package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/serve"
)

// openJobs opens a project with jobs. Each text is the rest of a job's file after its name.
func openJobs(t *testing.T, jobs map[string]string, files map[string]string) *App {
	t.Helper()
	all := map[string]string{"bursar.yaml": ""}
	for name, text := range jobs {
		all["jobs/"+name+".yaml"] = "job: " + name + "\n" + text
	}
	for name, text := range files {
		all[name] = text
	}
	return openFiles(t, all)
}

// runJob executes a slot of a job, and returns it with its tasks.
func runJob(t *testing.T, a *App, name string) (record.Slot, []chunk.Task) {
	t.Helper()
	j := a.Project.Job(name)
	ref, err := a.slots().RunNow(t.Context(), a.Project.Jobs, j, time.Time{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.executeSlot(t.Context(), j, ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, tasksOf(t, a, ref)
}

func tasksOf(t *testing.T, a *App, ref record.Ref) (list []chunk.Task) {
	t.Helper()
	err := a.work().EachTask(t.Context(), ref, func(one *chunk.Task) error {
		list = append(list, *one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func outputsOf(t *testing.T, a *App, ref record.Ref) (texts []string) {
	t.Helper()
	err := a.work().EachOutput(t.Context(), ref, nil, func(o chunk.Output) error {
		texts = append(texts, string(o.Text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestJobOfPrograms(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{"calls": `partition: {list: [good, bad, "it's"]}
task: {exec: [sh, -c, 'echo "$BURSAR_JOB $1 $SECRET"; test "$1" != bad || exit 65', x, "{{.key}}"], env: {SECRET: "vault-like"}}
`}, nil)
	s, tasks := runJob(t, a, "calls")
	if s.State != slot.Failed || s.Summary.Done != 2 || s.Summary.Failed != 1 || !strings.Contains(s.Summary.Error, `task bad`) || s.Summary.Class != "data" {
		t.Errorf("%+v", s)
	}
	if *tasks[1].Exit != 65 || tasks[1].Attempts != 1 {
		t.Errorf("%+v", tasks)
	}
	got := outputsOf(t, a, s.Ref)
	slices.Sort(got)
	if want := []string{"calls bad vault-like\n", "calls good vault-like\n", "calls it's vault-like\n"}; !slices.Equal(got, want) {
		t.Errorf("output %q", got)
	}
}

const invoices = `load: invoices
from: in/
format: jsonl
columns:
  company: {type: string}
  invoice: {type: int}
  status: {type: string, optional: true}
strategy: bulk
`

// TestJobOnWarehouse: a query lists the tasks, a condition excludes some, and statements are executed once.
func TestJobOnWarehouse(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{
		"close": `partition: {sql: "SELECT company, invoice, status FROM invoices", key: [company, invoice]}
only_if: "SELECT status <> 'paid' FROM invoices WHERE company = {{.company}} AND invoice = {{.invoice}}"
task: {sql: "INSERT INTO closed VALUES ({{.company}}, {{.invoice}}, {{.status}})"}
`,
		"count": `partition: {sql: "SELECT company FROM invoices WHERE false"}
task: {sql: "DELETE FROM closed"}
`,
		"nulls": `partition: {sql: "SELECT company, status FROM invoices"}
task: {sql: "DELETE FROM closed"}
`,
		"columns": `partition: {sql: "SELECT company FROM invoices WHERE invoice = 1"}
task: {sql: "DELETE FROM closed WHERE company = {{.other}}"}
`,
	}, map[string]string{"warehouse/invoices.yaml": invoices, "in/a.jsonl": `{"company":"it's","invoice":1,"status":"open"}
{"company":"b","invoice":2,"status":"paid"}
{"company":"b","invoice":3}
`})
	if _, err := a.loadDue(t.Context(), "invoices"); err != nil {
		t.Fatal(err)
	}
	if err := a.executeTaskSQL(t.Context(), "CREATE TABLE closed (company VARCHAR, invoice INTEGER, status VARCHAR)", "create"); err != nil {
		t.Fatal(err)
	}
	s, tasks := runJob(t, a, "close")
	if s.State != slot.Done || s.Summary.Done != 1 || s.Summary.Excluded != 2 || tasks[0].Key != `["it's","1"]` { // null is not true
		t.Errorf("%+v, %+v", s, tasks)
	}
	for range 2 {
		if err := a.executeTaskSQL(t.Context(), "INSERT INTO closed VALUES ('twice', 4, NULL)", "task"); err != nil {
			t.Fatal(err)
		}
	}
	both := "SELECT count(*) = 2 AND bool_or(company = 'it''s') FROM closed -- both are there"
	if yes, err := a.askConditions(t.Context(), []string{both}); err != nil || !slices.Equal(yes, []bool{true}) {
		t.Errorf("the table: %v, %v", yes, err)
	}
	if yes, err := a.askConditions(t.Context(), []string{both, "WITH w AS (SELECT NULL = 1 AS n) FROM w", "SELECT true WHERE false", both}); err != nil || !slices.Equal(yes, []bool{true, false, false, true}) {
		t.Errorf("several conditions: %v, %v", yes, err)
	}
	for _, bad := range []string{"SELECT 1", "SELECT true, true", "SELECT true FROM closed", "SELECT"} {
		for _, others := range [][]string{{}, {both}, {both, both}} {
			if yes, err := a.askConditions(t.Context(), append(others, bad)); err == nil || failure.Of(err) != failure.Data {
				t.Errorf("%s after %d: %v, %v", bad, len(others), yes, err)
			}
		}
	}
	for _, c := range []struct {
		before time.Duration
		want   string
	}{{-time.Hour, "SELECT count(*) = 3 FROM bursar_job_tasks"}, {time.Hour, "SELECT count(*) = 0 FROM bursar_job_tasks"}} {
		if err := a.forgetTaskSQL(t.Context(), time.Now().Add(c.before)); err != nil {
			t.Error(err)
		}
		if yes, err := a.askConditions(t.Context(), []string{c.want}); err != nil || !yes[0] {
			t.Errorf("%s: %v, %v", c.want, yes, err)
		}
	}
	if s, _ := runJob(t, a, "count"); s.State != slot.Done || s.Summary.Tasks != 0 {
		t.Errorf("no partitions: %+v", s)
	}
	if s, _ := runJob(t, a, "nulls"); s.State != slot.Failed || !strings.Contains(s.Summary.Error, "row 3: column status is null") {
		t.Errorf("null: %+v", s)
	}
	if s, _ := runJob(t, a, "columns"); s.State != slot.Failed || !strings.Contains(s.Summary.Error, "other") {
		t.Errorf("a missing column: %+v", s)
	}
}

func TestJobOfRequests(t *testing.T) {
	t.Parallel()
	keys := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Idempotency-Key")
		if len(keys) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	t.Cleanup(server.Close)
	a := openJobs(t, map[string]string{"calls": "task: {http: {url: \"" + server.URL + "/{{.job}}\"}}\n"}, nil)
	s, tasks := runJob(t, a, "calls")
	if s.State != slot.Done || s.Summary.Retried != 1 || tasks[0].Attempts != 2 {
		t.Errorf("%+v, %+v", s, tasks)
	}
	if one, other := <-keys, <-keys; one != other || one != tasks[0].ID {
		t.Errorf("keys %q and %q of task %q", one, other, tasks[0].ID)
	}
}

func TestJobOfCommands(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{"nightly": "partition: {command: [sh, -c, 'echo warning >&2; echo one; echo; echo two']}\ntask: {bursar: [export, \"{{.key}}\"]}\n"}, nil)
	got := make(chan string, 2)
	a.SetCommands(func(_ context.Context, c serve.Command, stdout, _ io.Writer) int {
		got <- strings.Join(c.Args[2:], " ")
		fmt.Fprintln(stdout, "exported")
		return 0
	})
	s, tasks := runJob(t, a, "nightly")
	if s.State != slot.Done || len(tasks) != 2 || tasks[0].Key != "one" || tasks[1].Key != "two" {
		t.Errorf("%+v, %+v", s, tasks)
	}
	args := []string{<-got, <-got}
	slices.Sort(args)
	if !slices.Equal(args, []string{"export one", "export two"}) {
		t.Errorf("executed %q", args)
	}
	if texts := outputsOf(t, a, s.Ref); !slices.Equal(texts, []string{"exported\n", "exported\n"}) {
		t.Errorf("output %q", texts)
	}
}

// TestDueSlots: `up` executes what was missed, and what comes after it.
func TestDueSlots(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{
		"first":  "schedule: every 1h\ncatch_up: {policy: all, age: 150m}\ntask: {exec: [\"true\"]}\n",
		"second": "after: first\ntask: {exec: [sh, -c, \"echo $BURSAR_SLOT\"]}\n",
		"broken": "schedule: every 1h\nretry: {attempts: 1}\ntask: {exec: [\"false\"]}\n",
		"last":   "after: broken\ntask: {exec: [\"true\"]}\n",
	}, nil)
	since := time.Now().Truncate(time.Hour).Add(-5*time.Hour - time.Minute).UTC()
	err := a.catalog.Update(t.Context(), func(tx catalog.Tx) error {
		for _, j := range a.Project.Jobs {
			if err := tx.Put("jobs/state/"+j.Name, record.State{Job: j.Name, Since: since, Cursor: since}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.StartTemporal(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop, err := a.startJobs(t.Context())
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	states := awaitSlots(t, a, "first", "second", "broken", "last")
	for job, want := range map[string]string{
		"first": "done done skipped", "second": "done skipped", "broken": "failed skipped", "last": "blocked skipped",
	} {
		if got := strings.Join(states[job], " "); !strings.HasPrefix(got, want) && !strings.HasPrefix(got, strings.SplitN(want, " ", 2)[0]+" "+want) {
			t.Errorf("%s: %s, want %s", job, got, want)
		}
	}
}

// awaitSlots waits until no slot of the jobs is open, and returns their states, newest first.
func awaitSlots(t *testing.T, a *App, jobs ...string) map[string][]string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < time.Minute; <-tick.C {
		states, open := map[string][]string{}, 0
		for _, job := range jobs {
			list, _, err := a.slots().List(t.Context(), record.Query{Job: job})
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				open++
			}
			for i := range list {
				states[job] = append(states[job], string(list[i].State))
				if list[i].State.IsOpen() {
					open++
				}
			}
		}
		if open == 0 {
			return states
		}
	}
	t.Fatal("slots are still open")
	return nil
}

// TestPruneJobs removes slots, their tasks and their output; the newest slot stays.
func TestPruneJobs(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{"calls": "task: {exec: [echo, hello]}\n"}, nil)
	first, _ := runJob(t, a, "calls")
	tick := time.NewTicker(10 * time.Millisecond) // slots have whole seconds
	defer tick.Stop()
	for !time.Now().Truncate(time.Second).After(first.Due) {
		<-tick.C
	}
	second, _ := runJob(t, a, "calls")
	before := len(keysOf(t, a, "job/calls/"))
	if err := a.prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.slots().Get(t.Context(), first.Ref); err == nil {
		t.Error("the first slot is there")
	}
	if tasks := tasksOf(t, a, second.Ref); len(tasks) != 1 || len(outputsOf(t, a, second.Ref)) != 1 {
		t.Errorf("the second slot has %+v", tasks)
	}
	if after := len(keysOf(t, a, "job/calls/")); after*2 != before {
		t.Errorf("%d documents of %d are left", after, before)
	}
	names, err := filepath.Glob(filepath.Join(a.state, "objects", "jobs", "calls", "*", "*", "*"))
	if err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
}

func TestTaskSecretsAreHidden(t *testing.T) {
	t.Setenv("JOBTEST_TOKEN", "sesame-open")
	t.Setenv("JOBTEST_OTHER", "shown")
	a := openJobs(t, map[string]string{"calls": "task: {exec: [sh, -c, 'echo \"${JOBTEST_TOKEN:-hidden} $JOBTEST_OTHER\"']}\n"},
		map[string]string{"bursar.yaml": "mail: {address: \"127.0.0.1:25\", tls: none, from: a@example.com, user: me, password: env:JOBTEST_TOKEN}\n"})
	s, _ := runJob(t, a, "calls")
	if got := outputsOf(t, a, s.Ref); !slices.Equal(got, []string{"hidden shown\n"}) {
		t.Errorf("output %q", got)
	}
	if _, err := os.Stat(a.state); err != nil {
		t.Fatal(err)
	}
}
