// Tests of templates: what is refused where the job is declared, and what values become.

package task

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
)

const testID = "0123456789abcdef0123456789abcdef"

// newExecutor returns an executor, or fails the test.
func executorOf(t testing.TB, j *project.Job, d Deps) *Executor {
	t.Helper()
	j.Name, j.File = "reminders", "jobs/reminders.yaml"
	if j.Output == 0 {
		j.Output = 64 << 10
	}
	e, err := New(j, d)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// attemptOf returns an attempt with some values. A column without a value is null.
func attemptOf(t testing.TB, columns string, pairs ...string) Attempt {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	a := Attempt{
		ID: testID, Job: "reminders", Key: "acme/7", Execution: "reminders/1", Due: time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC), Zone: zone, Number: 2,
		Columns: strings.Fields(columns), Values: map[string]string{},
	}
	for i := 0; i < len(pairs); i += 2 {
		a.Values[pairs[i]] = pairs[i+1]
	}
	return a
}

// TestVariables compares the values of an attempt with the variables that declarations are checked with.
func TestVariables(t *testing.T) {
	t.Parallel()
	a := attemptOf(t, "")
	if got := slices.Sorted(maps.Keys(valuesOf(&a))); !slices.Equal(got, project.TaskVariables) {
		t.Errorf("%v, want %v", got, project.TaskVariables)
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	a := attemptOf(t, "company city note", "company", "O'Hara & Söhne", "city", `C:\temp`)
	for _, c := range []struct{ kind, template, want string }{
		{"text", "{{.job}} {{.key}} {{.slot}} {{.date}} {{.id}}", "reminders acme/7 2026-11-25T00:30:00+01:00 2026-11-25 " + testID},
		{"text", "{{.company}}{{.note}}", "O'Hara & Söhne"},
		{"text", "{{if .note}}a{{else}}b{{end}}{{with .company}}{{.}}{{$.city}}{{end}}", `bO'Hara & SöhneC:\temp`},
		{"text", `{{$x := .city}}{{printf "%q" $x}}{{json .company}}`, `"C:\\temp""O'Hara \u0026 Söhne"`},
		{"sql", "SELECT {{.company}}, {{.note}}, {{.city}}", `SELECT 'O''Hara & Söhne', NULL, E'C:\\temp'`},
		{"sql", "SELECT 'a' || {{.key}} -- it's\n, {{len .key}}", "SELECT 'a' || 'acme/7' -- it's\n, '6'"},
		{"sql", `SELECT {{printf "%s-%s" .job .date}}{{if .note}} WHERE note = {{.note}}{{end}}`, "SELECT 'reminders-2026-11-25'"},
		{"sql", `SELECT $$it's$$, "a""b'", E'\'', /* ' /* ' */ ' */ ({{.job}})`, `SELECT $$it's$$, "a""b'", E'\'', /* ' /* ' */ ' */ ('reminders')`},
		{"url", "https://example.com/{{.company}}?city={{.city}}&x={{urlquery .company}}", "https://example.com/O%27Hara%20%26%20S%C3%B6hne?city=C%3A%5Ctemp&x=O%27Hara+%26+S%C3%B6hne"},
		{"url", "{{.city}}/x", `C:\temp/x`},
		{"html", `<p title="{{.company}}">{{.city}}{{.note}}</p>`, `<p title="O&#39;Hara &amp; Söhne">C:\temp</p>`},
		{"html", `<a href="https://example.com/?c={{.company}}">x</a>`, `<a href="https://example.com/?c=O%27Hara%20%26%20S%c3%b6hne">x</a>`},
	} {
		p := &parser{job: &project.Job{}}
		parse := map[string]func(string, string) *text{"text": p.text, "sql": p.sql, "url": p.url, "html": p.html}[c.kind]
		tmpl := parse("task", c.template)
		if len(p.errs) > 0 {
			t.Errorf("%s: %v", c.template, p.errs)
			continue
		}
		got, err := tmpl.render(valuesOf(&a))
		if err != nil || got != c.want {
			t.Errorf("%s %s:\n got %s (%v)\nwant %s", c.kind, c.template, got, err, c.want)
		}
	}
}

func TestRefusedTemplates(t *testing.T) {
	t.Parallel()
	const quoted, adjacent = "inside quotes or a comment", "directly beside"
	for _, c := range []struct{ kind, template, want string }{
		{"text", "{{.a", "unclosed action"},
		{"text", "{{nothing .a}}", `function "nothing" not defined`},
		{"text", "{{call .a}}", "function `call` is not supported"},
		{"text", "{{html .a}}", "function `html` is not supported"},
		{"text", "{{js .a}}", "function `js` is not supported"},
		{"text", `{{index .a 1}}`, "function `index` is not supported"},
		{"text", "{{bursar_sql .a}}", "function `bursar_sql` is not supported"},
		{"text", "{{range .a}}x{{end}}", "`range` is not supported"},
		{"text", `{{define "x"}}x{{end}}`, "`define` and `block` are not supported"},
		{"text", `{{template "x" .}}`, "`template` is not supported"},
		{"text", "{{.a.b}}", "a text has no fields"},
		{"text", "{{$.a.b}}", "a text has no fields"},
		{"text", "{{(print .a).b}}", "a text has no fields"},
		{"text", "{{.}}", "`.` alone"},
		{"text", "{{print $}}", "`$` alone"},
		{"text", "{{with .a}}{{.b}}{{end}}", "write `$.b`"},
		{"text", `{{printf "%d" .a}}`, "`printf` does not fit its arguments"},
		{"text", `{{printf "%s"}}`, "`printf` does not fit its arguments"},
		{"text", `{{printf "%s" .a .b}}`, "`printf` does not fit its arguments"},
		{"sql", "SELECT '{{.a}}'", quoted},
		{"sql", "SELECT 'it''s {{.a}}'", quoted},
		{"sql", `SELECT "{{.a}}"`, quoted},
		{"sql", "SELECT 1 -- {{.a}}", quoted},
		{"sql", "SELECT 1 /* /* */ {{.a}} */", quoted},
		{"sql", "SELECT $${{.a}}$$", quoted},
		{"sql", "SELECT $x$ $$ {{.a}} $x$", quoted},
		{"sql", `SELECT E'\' {{.a}}'`, quoted},
		{"sql", `SELECT 'a\' || {{.a}}`, "a backslash is before a quote"},
		{"sql", `SELECT name'\' || {{.a}}`, "a backslash is before a quote"},
		{"sql", "SELECT E{{.a}}", adjacent},
		{"sql", "SELECT U&{{.a}}", adjacent},
		{"sql", "SELECT {{.a}}x", adjacent},
		{"sql", `SELECT {{.a}}"x"`, adjacent},
		{"sql", "SELECT {{.a}}{{.b}}", adjacent},
		{"sql", "SELECT 'x'{{.b}}", adjacent},
		{"sql", "SELECT E'x'\n{{.b}}", adjacent},
		{"sql", "SELECT 'x' -- and\n {{.b}}", adjacent},
		{"sql", "SELECT {{.b}} 'x'", adjacent},
		{"html", "<script>{{.a", "unclosed action"},
		{"html", "<a {{if .a}}title='{{end}}>", "in different contexts"},
		{"html", "{{js .a}}", "function `js` is not supported"},
	} {
		p := &parser{job: &project.Job{File: "jobs/x.yaml"}}
		map[string]func(string, string) *text{"text": p.text, "sql": p.sql, "html": p.html}[c.kind]("task.text", c.template)
		if len(p.errs) != 1 || !strings.HasPrefix(p.errs[0].Error(), "jobs/x.yaml:1: task.text: ") || !strings.Contains(p.errs[0].Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.template, p.errs, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	e := executorOf(t, &project.Job{
		OnlyIf: "SELECT open FROM i WHERE id = {{.invoice}}",
		Task:   project.Task{Email: &project.EmailTask{To: "{{.email}}", Subject: "{{.sujet}}", HTML: "{{if .key}}{{.company}}{{end}}", Text: "{{.id}}"}},
	}, Deps{})
	if err := e.Check([]string{"email", "sujet", "company", "invoice", "more"}); err != nil {
		t.Error(err)
	}
	err := e.Check([]string{"email", "id"})
	if failure.Of(err) != failure.Data {
		t.Fatalf("%v is %v", err, failure.Of(err))
	}
	for _, want := range []string{
		"jobs/reminders.yaml:1: task.email.subject: unknown variable .sujet; there are .date, .email, .id, .job, .key, .slot",
		"task.email.html: unknown variable .company", "only_if: unknown variable .invoice", "task.email.text: .id is a column of the partition query",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nhas no %q", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("%d errors: %v", n, err)
	}
}

func TestProgramsAreFixed(t *testing.T) {
	t.Parallel()
	for _, task := range []project.Task{{Exec: []string{"{{.program}}"}}, {Bursar: []string{"{{.command}}", "x"}}} {
		_, err := New(&project.Job{Task: task}, Deps{})
		if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "first word must not be a template") {
			t.Errorf("%v: %v", task, err)
		}
	}
}

func TestLargeText(t *testing.T) {
	t.Parallel()
	p := &parser{job: &project.Job{}}
	tmpl := p.text("task.text", strings.Repeat("{{.a}}", 3))
	_, err := tmpl.render(values{"a": strings.Repeat("x", maxRendered/2)})
	if err == nil || !strings.Contains(err.Error(), "it has more than 16 MB") {
		t.Errorf("%v", err)
	}
}
