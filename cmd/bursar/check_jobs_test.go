// Tests of what `bursar check` shows of jobs, and of which commands a job may execute.

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/project"
)

// jobProject writes a project with jobs.
func jobProject(t *testing.T, jobs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	for name, text := range jobs {
		file(t, dir, "jobs/"+name+".yaml", "job: "+name+"\ntask: {exec: [./x]}\n"+text)
	}
	return dir
}

func TestCheckShowsDueTimes(t *testing.T) {
	t.Parallel()
	dir := jobProject(t, map[string]string{
		"a": "schedule: \"30 2 * * *\"\nzone: Europe/Prague\nexcept: [2026-10-24]\n", "b": "after: a\n", "c": "", "d": "schedule: every 90s\n",
		"e": "schedule: every 30m\nzone: Europe/Prague\n", "f": "schedule: every 1h\nexcept: [2000-01-01..9999-12-31]\n",
	})
	p, errs := project.Read(dir)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var got []string
	for _, c := range checkJobs(p, time.Date(2026, 10, 24, 23, 59, 59, 0, time.UTC)) {
		got = append(got, describeJob(c))
	}
	want := []string{
		"job a: due 2026-10-25 02:30, 2026-10-26 02:30, 2026-10-27 02:30, 2026-10-28 02:30, 2026-10-29 02:30 (Europe/Prague)",
		"job b: after job a",
		"job c: by hand",
		"job d: due 2026-10-25 00:00, 2026-10-25 00:01:30, 2026-10-25 00:03, 2026-10-25 00:04:30, 2026-10-25 00:06 (UTC)",
		"job e: due 2026-10-25 02:00:00 +02:00, 2026-10-25 02:30:00 +02:00, 2026-10-25 02:00:00 +01:00, 2026-10-25 02:30:00 +01:00, 2026-10-25 03:00 (Europe/Prague)",
		"job f: not due any more, since all times are on dates of `except`",
	}
	if !slices.Equal(got, want) {
		t.Errorf("check shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	text := must(t, 0, "check", "--project", dir).out
	if !strings.HasPrefix(text, "The project is valid: 0 streams, 0 pipelines, 6 jobs.\njob a: due 20") || strings.Count(text, "\njob ") != 6 {
		t.Errorf("check prints %s", text)
	}
	v := value(t, must(t, 0, "check", "--project", dir, "--json"))
	wantFields(t, item(t, v, "jobs", 0), "job", "due")
	before := time.Now()
	for i, due := range listIn(t, item(t, v, "jobs", 0), "due") {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(due))
		if err != nil || !at.After(before) || at.Location() != time.UTC || i == shownDueTimes {
			t.Errorf("due time %d is %s, %v", i, due, err)
		}
		before = at
	}
	if due := listIn(t, item(t, v, "jobs", 2), "due"); len(due) != 0 {
		t.Errorf("a job without a schedule is due %v", due)
	}
}

func TestCheckJobErrors(t *testing.T) {
	t.Parallel()
	dir := jobProject(t, map[string]string{"a": "schedule: \"0 8 30 2 *\"\nzone: Nowhere/Place\nafter: a\n"})
	got := must(t, 2, "check", "--project", dir)
	for _, want := range []string{
		"jobs/a.yaml:3: `schedule` is `0 8 30 2 *`: it is never due", "jobs/a.yaml:4: `zone` is `Nowhere/Place`", "jobs/a.yaml:5: `after` is the job itself",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("check prints %s, want %s", got.out, want)
		}
	}
}

// notOfTasks are the commands that a task cannot be.
var notOfTasks = []string{"init", "check", "stream", "up", "worker", "token", "vault", "temporal", "institution", "account", "job", "feed", "guard", "repair", "demo", "bench", "version"}

// TestCheckTaskCommands: every command is one of tasks or is not, and every command of tasks exists.
func TestCheckTaskCommands(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, group := range newCLI(os.Stdout, os.Stderr).commands() {
		for _, cmd := range group.commands {
			known[cmd.Name()] = true
			if slices.Contains(project.TaskCommands, cmd.Name()) == slices.Contains(notOfTasks, cmd.Name()) {
				t.Errorf("%s: decide whether a task may be this command, in project.TaskCommands or here", cmd.Name())
			}
		}
	}
	served := newCLI(os.Stdout, os.Stderr)
	served.remote = &remoteCall{}
	for _, name := range project.TaskCommands {
		if cmd, _, err := served.root().Find([]string{name}); err != nil || cmd.Name() != name {
			t.Errorf("a task may be the command %s, which no open project executes: %v", name, err)
		}
	}
}

// TestCheckRefusesTasks: what a task would fail with for any value is found before there are tasks.
func TestCheckRefusesTasks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "jobs/quoted.yaml", "job: quoted\ntask: {sql: \"DELETE FROM t WHERE id = {{.key}}\"}\nonly_if: |\n  SELECT '{{.key}}' = 'a'\n")
	file(t, dir, "jobs/misspelt.yaml", "job: misspelt\ntask: {sql: \"DELETE FROM t WHERE id = '{{.kye}}'\"}\n")
	file(t, dir, "jobs/parsed.yaml", "job: parsed\ntask: {exec: [x]}\npartition:\n  sql: |\n    SELECT a\n    FORM t\n")
	file(t, dir, "jobs/several.yaml", "job: several\ntask: {exec: [x]}\nonly_if: SELECT true; SELECT false\n")
	got := must(t, 2, "check", "--project", dir)
	for _, want := range []string{"jobs/parsed.yaml:4: partition.sql: line 2 of the text: ", "jobs/several.yaml:3: only_if: line 1 of the text: ", "jobs/quoted.yaml:3: only_if: a value is inside quotes", "jobs/misspelt.yaml:2: `sql`: unknown variable `.kye`"} {
		if strings.Count(got.out, want) != 1 {
			t.Errorf("check prints %s, want %s", got.out, want)
		}
	}
}
