// Tests of exec tasks: what the end of a program means, its environment and output; with a substitute, and with real programs.

package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/process"
	"bursar/internal/project"
)

// TestMain is also the guard of the programs that tests execute.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == process.GuardCommand {
		os.Exit(process.GuardMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestProgramEnds(t *testing.T) {
	t.Parallel()
	codes := map[int]string{1: "data", 65: "transient", 66: "throttled"}
	for _, c := range []struct {
		name      string
		result    process.Result
		err       error
		state     State
		class     failure.Class
		text      string
		uncertain bool
	}{
		{"done", process.Result{Confirmed: true}, nil, Done, failure.Bug, "", false},
		{"left behind", process.Result{Confirmed: true, LeftBehind: true}, nil, Done, failure.Bug, "", false},
		{"not confirmed", process.Result{}, nil, Failed, failure.Data, "no line of its standard output contains the text of `confirm`", false},
		{"declared 1", process.Result{Exit: 1, Confirmed: true}, nil, Failed, failure.Data, "execute ./remind.sh: exit code 1", false},
		{"2", process.Result{Exit: 2}, nil, Failed, failure.Transient, "exit code 2", false},
		{"63", process.Result{Exit: 63}, nil, Failed, failure.Transient, "exit code 63", false},
		{"64", process.Result{Exit: 64}, nil, Failed, failure.Data, "exit code 64", false},
		{"declared 65", process.Result{Exit: 65}, nil, Failed, failure.Transient, "exit code 65", false},
		{"declared 66", process.Result{Exit: 66}, nil, Failed, failure.Throttled, "exit code 66", false},
		{"75", process.Result{Exit: 75}, nil, Failed, failure.Transient, "exit code 75", false},
		{"78", process.Result{Exit: 78}, nil, Failed, failure.Data, "exit code 78", false},
		{"79", process.Result{Exit: 79}, nil, Failed, failure.Transient, "exit code 79", false},
		{"signal", process.Result{Exit: 137, Signal: "SIGKILL"}, nil, Failed, failure.Transient, "killed by SIGKILL", false},
		{"cancelled", process.Result{Confirmed: true, Cancelled: true}, nil, Failed, failure.Transient, "it was stopped before it ended", false},
		{"not started", process.Result{}, failure.Wrap(failure.Data, errors.New("no such file")), Failed, failure.Data, "no such file", false},
		{"unknown", process.Result{}, failure.Wrap(failure.Transient, process.ErrUnknownEnd), Failed, failure.Transient, "how it ended is not known", true},
	} {
		e := executorOf(t, &project.Job{Task: project.Task{Exec: []string{"./remind.sh"}}, Retry: project.Retry{ExitCodes: codes}}, Deps{})
		g, _ := e.kind.(*program)
		g.run = func(context.Context, process.Command) (process.Result, error) {
			c.result.UserTime, c.result.SystemTime, c.result.MaxRSS = 2*time.Second, time.Second, 1<<20
			return c.result, c.err
		}
		o := e.Execute(t.Context(), attemptOf(t, ""))
		check(t, c.name, o, c.state, c.class, c.text, c.uncertain)
		if o.CPU != 3*time.Second || o.MaxRSS != 1<<20 || (o.Exit == nil) != (c.err != nil) || o.Exit != nil && *o.Exit != c.result.Exit {
			t.Errorf("%s: %v of CPU, %d bytes, exit %v", c.name, o.CPU, o.MaxRSS, o.Exit)
		}
	}
}

func TestProgramCommand(t *testing.T) {
	t.Parallel()
	setting := func(key, text string) (string, error) { return key + " is " + text, nil }
	e := executorOf(t, &project.Job{Task: project.Task{
		Exec: []string{"./remind.sh", "-c", "{{.company}}", "{{.note}}"}, Env: map[string]string{"TOKEN": "vault:token", "CITY": "in {{.date}}", "SET": "x", "BURSAR_TASK": "no"},
		Dir: "reports", Confirm: "sent {{.id}}",
	}}, Deps{Dir: "/project", Setting: setting, Hidden: []string{"DB_PASSWORD"}})
	g, _ := e.kind.(*program)
	g.environ = func() []string {
		return []string{"PATH=/bin", "BURSAR_CATALOG_URL=secret", "DB_PASSWORD=secret", "SET=old", "EMPTY=", "=C:=odd", "EQUALS=a=b"}
	}
	var got process.Command
	g.run = func(_ context.Context, c process.Command) (process.Result, error) {
		got = c
		c.Live([]byte("task.env.TOKEN is vau"))
		c.Live([]byte("lt:token\n"))
		return process.Result{Confirmed: true}, nil
	}
	var live strings.Builder
	a := attemptOf(t, "company note", "company", "A; rm -rf /")
	a.Live = func(p []byte) { live.Write(p) }
	o := e.Execute(t.Context(), a)
	check(t, "done", o, Done, failure.Bug, "", false)
	env := []string{
		"BURSAR_ATTEMPT=2", "BURSAR_JOB=reminders", "BURSAR_PARTITION=acme/7", "BURSAR_SLOT=2026-11-25T00:30:00+01:00", "BURSAR_TASK=" + testID,
		"CITY=in 2026-11-25", "EMPTY=", "EQUALS=a=b", "PATH=/bin", "SET=x", "TOKEN=task.env.TOKEN is vault:token",
	}
	if got.Path != "./remind.sh" || !slices.Equal(got.Args, []string{"-c", "A; rm -rf /", ""}) || !slices.Equal(got.Env, env) ||
		got.Dir != filepath.FromSlash("/project/reports") || got.Confirm != "sent "+testID || got.Keep != 0 {
		t.Errorf("command %+v\nwant the environment %v", got, env)
	}
	if want := "[redacted]\n"; string(o.Output) != want || live.String() != want || o.Cut != 0 {
		t.Errorf("output %q, live %q", o.Output, live.String())
	}
}

func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		task project.Task
		want string
	}{
		{project.Task{Exec: []string{"x", "{{.nul}}"}}, "NUL character"},
		{project.Task{Exec: []string{"x"}, Dir: "{{.up}}"}, "jobs/reminders.yaml:1: task.dir must be a folder inside the project folder"},
		{project.Task{Exec: []string{"x"}, Env: map[string]string{"A": "vault:none"}}, "the vault does not contain none"},
		{project.Task{Exec: []string{}}, "`exec` names no program"},
	} {
		deps := Deps{Setting: func(string, string) (string, error) {
			return "", failure.Wrap(failure.Data, errors.New("the vault does not contain none"))
		}}
		e := executorOf(t, &project.Job{Task: c.task}, deps)
		check(t, c.want, e.Execute(t.Context(), attemptOf(t, "nul up", "nul", "a\x00", "up", "../x")), Failed, failure.Data, c.want, false)
	}
}

// TestRealPrograms executes scripts: their words, confirmation, output and end.
func TestRealPrograms(t *testing.T) {
	t.Parallel()
	const flood = `i=0; while [ $i -lt 20000 ]; do echo "line $i"; [ $i -ne 10000 ] || echo "yes, it is confirmed"; i=$((i+1)); done`
	for _, c := range []struct {
		name, script, confirm string
		timeout               time.Duration
		state                 State
		class                 failure.Class
		text, output          string
	}{
		{"words", `printf '%s|' "$@" "$BURSAR_PARTITION" "$BURSAR_ATTEMPT"; pwd`, "", 0, Done, failure.Bug, "", "a b|acme/7|2|DIR/reports\n"},
		{"confirmed in what is cut", flood, "it is confirmed", 0, Done, failure.Bug, "", "line 0\n"},
		{"confirmed on standard error", "echo confirmed >&2", "confirmed", 0, Failed, failure.Data, "exit code 0, but no line of its standard output", "confirmed\n"},
		{"secret", `echo "the token is $TOKEN"`, "", 0, Done, failure.Bug, "", "the token is [redacted]\n"},
		{"exit code", "echo no such customer; exit 65", "", 0, Failed, failure.Data, "execute ./run.sh: exit code 65; its output says why", "no such customer\n"},
		{"timeout", "trap '' TERM; echo began; while :; do sleep 1; done", "", time.Second, Failed, failure.Transient, "execute ./run.sh: it took longer than 1s", "began\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			folder := filepath.Join(dir, "reports")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "run.sh"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			e := executorOf(t, &project.Job{Output: 1 << 10, Timeout: c.timeout, Task: project.Task{
				Exec: []string{"./run.sh", "a b"}, Dir: "reports", Confirm: c.confirm, Env: map[string]string{"TOKEN": "vault:token"},
			}}, Deps{Dir: dir, Setting: func(string, string) (string, error) { return "correct-horse", nil }})
			o := e.Execute(t.Context(), attemptOf(t, ""))
			check(t, c.name, o, c.state, c.class, c.text, false)
			if want := strings.ReplaceAll(c.output, "DIR", dir); !strings.HasPrefix(string(o.Output), want) || len(o.Output) > 1<<10 || o.Cut > 0 != (c.script == flood) {
				t.Errorf("output %q, %d bytes cut; want %q", o.Output, o.Cut, want)
			}
		})
	}
}

func TestMissingProgram(t *testing.T) {
	t.Parallel()
	e := executorOf(t, &project.Job{Task: project.Task{Exec: []string{"./missing.sh"}}}, Deps{Dir: t.TempDir()})
	o := e.Execute(t.Context(), attemptOf(t, ""))
	check(t, "missing", o, Failed, failure.Data, "missing.sh", false)
	if strings.Count(o.Error, "missing.sh") != 1 {
		t.Error(fmt.Sprint("the program is named twice: ", o.Error))
	}
}
