// Tests of reading jobs.

package project

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/project/projecttest"
)

const jobYAML = `job: reminders
schedule: "0 8 * * 1-5"
zone: Europe/Prague
except: [2026-12-25, 2026-12-24..2027-01-01, 2027-01-02, 2026-07-06]
after: statements
partition:
  sql: SELECT company, invoice FROM invoices
  key: [company, invoice]
task:
  http:
    url: https://example.com/{{.company}}/{{.date}}
    headers: {Authorization: vault:token, X-Id: "{{.id}}"}
    body: '{"invoice": {{json .invoice}}}'
    confirm: accepted
only_if: SELECT true FROM invoices WHERE id = {{.invoice}}
once: true
concurrency: 4
rate: 100/1m
timeout: 10m
heartbeat: 5s
retry: {attempts: 3, wait: 2s, longest: 1m}
overlap: queue
catch_up: {policy: all, age: 24h, rate: 1/1m}
deadline: 2h
fairness: company
output: 256KB
`

const statementsYAML = "job: statements\ntask: {exec: [./fetch.sh]}\n"

// readJob reads a job beside another one named statements.
func readJob(t *testing.T, text string) *Job {
	t.Helper()
	p, errs := Read(projecttest.Folder(t, map[string]string{"jobs/reminders.yaml": text, "jobs/statements.yaml": statementsYAML}))
	projecttest.WantErrors(t, errs)
	return p.Job("reminders")
}

func TestReadJob(t *testing.T) {
	t.Parallel()
	j := readJob(t, jobYAML)
	if j.Schedule.String() != "0 8 * * 1-5" || j.Zone.String() != "Europe/Prague" || j.Line != 1 || j.File != "jobs/reminders.yaml" {
		t.Errorf("the job is %+v", j)
	}
	j.Schedule, j.Zone, j.source = statementsJob(t).Schedule, nil, source{}
	want := &Job{
		Name: "reminders", File: "jobs/reminders.yaml", Line: 1,
		Except:    []DateRange{{"2026-07-06", "2026-07-06"}, {"2026-12-24", "2027-01-02"}},
		After:     "statements",
		Partition: Partition{SQL: "SELECT company, invoice FROM invoices", Key: []string{"company", "invoice"}},
		Task: Task{Confirm: "accepted", HTTP: &HTTPTask{
			Method: "POST", URL: "https://example.com/{{.company}}/{{.date}}", Body: `{"invoice": {{json .invoice}}}`,
			Headers: map[string]string{"Authorization": "vault:token", "X-Id": "{{.id}}"},
		}},
		OnlyIf: "SELECT true FROM invoices WHERE id = {{.invoice}}", Once: true, Concurrency: 4, Rate: Rate{100, time.Minute},
		Timeout: 10 * time.Minute, Heartbeat: 5 * time.Second, Retry: Retry{Attempts: 3, Wait: 2 * time.Second, Longest: time.Minute},
		Overlap: OverlapQueue, CatchUp: CatchUp{CatchUpAll, 24 * time.Hour, Rate{1, time.Minute}}, Deadline: 2 * time.Hour,
		Fairness: "company", Output: 256_000,
	}
	if !reflect.DeepEqual(j, want) {
		t.Errorf("the job is\n%+v, want\n%+v", j, want)
	}
}

func statementsJob(t *testing.T) *Job {
	t.Helper()
	p, errs := Read(projecttest.Folder(t, map[string]string{"jobs/statements.yaml": statementsYAML}))
	projecttest.WantErrors(t, errs)
	return p.Job("statements")
}

func TestJobDefaults(t *testing.T) {
	t.Parallel()
	j := statementsJob(t)
	j.source = source{}
	want := &Job{
		Name: "statements", File: "jobs/statements.yaml", Line: 1, Zone: time.UTC, Task: Task{Exec: []string{"./fetch.sh"}},
		Concurrency: 16, Timeout: time.Hour, Heartbeat: 8 * time.Second, Retry: Retry{Attempts: 5, Wait: time.Second, Longest: 10 * time.Minute},
		Overlap: OverlapSkip, CatchUp: CatchUp{Policy: CatchUpLatest}, Output: 64_000,
	}
	if !reflect.DeepEqual(j, want) {
		t.Errorf("the job is\n%+v, want\n%+v", j, want)
	}
}

func TestReadTasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		yaml string
		kind string
		want Task
	}{
		{
			`{exec: [sh, -c, "echo {{.key}}", "", ""], env: {A: vault:a, B: "{{.id}}", C: env:C}, dir: reports, confirm: "sent {{.date}}"}`, ExecTask,
			Task{
				Exec: []string{"sh", "-c", "echo {{.key}}", "", ""}, Env: map[string]string{"A": "vault:a", "B": "{{.id}}", "C": "env:C"},
				Dir: "reports", Confirm: "sent {{.date}}",
			},
		},
		{`{http: {url: "http://localhost:80"}}`, HTTPKind, Task{HTTP: &HTTPTask{Method: "GET", URL: "http://localhost:80"}}},
		{`{sql: "DELETE FROM t WHERE d = {{.date}}"}`, SQLTask, Task{SQL: "DELETE FROM t WHERE d = {{.date}}"}},
		{
			`{email: {to: "A <a@b.de>, c@d.de", cc: "{{.key}}", subject: "{{if eq .key ""x""}}X{{else}}{{with .slot}}{{.}} {{$.job}}{{end}}{{end}}", html: <p>}}`, EmailKind,
			Task{Email: &EmailTask{
				To: "A <a@b.de>, c@d.de", CC: "{{.key}}", Subject: `{{if eq .key "x"}}X{{else}}{{with .slot}}{{.}} {{$.job}}{{end}}{{end}}`, HTML: "<p>",
			}},
		},
		{`{bursar: [ingest, orders, "in/{{.key}}.csv"]}`, BursarTask, Task{Bursar: []string{"ingest", "orders", "in/{{.key}}.csv"}}},
	} {
		c.yaml = strings.ReplaceAll(c.yaml, `""x""`, `\"x\"`)
		p, errs := Read(projecttest.Folder(t, map[string]string{
			"bursar.yaml": "mail: {address: \"localhost:25\", tls: none, from: a@b.de}\n", "jobs/x.yaml": "job: x\ntask: " + c.yaml + "\n",
		}))
		projecttest.WantErrors(t, errs)
		if j := p.Job("x"); j == nil || !reflect.DeepEqual(j.Task, c.want) || j.Task.Kind() != c.kind {
			t.Errorf("%s gives %+v", c.yaml, j)
		}
	}
}

func TestReadPartitions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Partition{
		"list: [a, b]": {List: []string{"a", "b"}}, "count: 1000000": {Count: 1_000_000}, "command: [./x, a, a]": {Command: []string{"./x", "a", "a"}},
		"{sql: SELECT 1, key: a}": {SQL: "SELECT 1", Key: []string{"a"}}, `sql: "SELECT {{.slot}}, {{.date}}, {{.job}}"`: {SQL: "SELECT {{.slot}}, {{.date}}, {{.job}}"},
	} {
		text = "{" + strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}") + "}"
		if j := readJob(t, "job: reminders\ntask: {exec: [x]}\npartition: "+text+"\n"); !reflect.DeepEqual(j.Partition, want) {
			t.Errorf("%s gives %+v", text, j.Partition)
		}
	}
}

// brokenJobs are changes of jobYAML, each with the first error.
var brokenJobs = []struct{ change, to, want string }{
	{"job: reminders", "job: x", "1: `job` is `x` but the file is named reminders.yaml"},
	{"zone: Europe/Prague", "zone: Europe/Praha", "3: `zone` is `Europe/Praha`: use a name such as Europe/Prague"},
	{"zone: Europe/Prague", "zoen: Europe/Prague", "3: unknown key `zoen`; did you mean `zone`?"},
	{"0 8 * * 1-5", "0 8 30 2 *", "2: `schedule` is `0 8 30 2 *`: it is never due"},
	{"0 8 * * 1-5", "*,99 * * * *", "2: `schedule` is `*,99 * * * *`: minute \"*,99\" has * in a list"},
	{"[2026-12-25, ", "[2026-02-30, ", "4: `except` lists `2026-02-30`: write a date"},
	{"[2026-12-25, ", "[2026-12-26..2026-12-25, ", "4: `except` lists `2026-12-26..2026-12-25`, which ends before it begins"},
	{"[2026-12-25, ", "[2026-12-25, 2026-12-25, ", "4: `except` lists `2026-12-25` twice"},
	{"[2026-12-25, 2026-12-24..2027-01-01, 2027-01-02, 2026-07-06]", "[]", "4: `except` must be a list of 1 to 4096 dates"},
	{"after: statements", "after: reminders", "5: `after` is the job itself"},
	{"after: statements", "after: statement", "5: `after` is `statement`: there is no such job; did you mean `statements`?"},
	{"  sql: SELECT company, invoice FROM invoices\n", "  sql: SELECT 1\n  list: [a]\n", "7: `sql` cannot be combined with `list`: `partition` has one kind"},
	{"  sql: SELECT company, invoice FROM invoices\n", "  list: [a]\n", "8: `key` names columns of `sql`"},
	{"SELECT company, invoice FROM invoices", "SELECT {{.key}}", "7: `sql`: unknown variable `.key`; before there are tasks there are .date, .job, .slot"},
	{"SELECT company, invoice FROM invoices", "SELECT {{.dat}}", "7: `sql`: unknown variable `.dat`; before there are tasks there are .date, .job, .slot; did you mean `date`?"},
	{"SELECT company, invoice FROM invoices", "SELECT {{.date", "7: `sql` is not a valid template"},
	{"  sql: SELECT company, invoice FROM invoices\n  key: [company, invoice]\n", "  command: [list, \"{{.date}}\"]\n", "7: `command` is not a template"},
	{"[company, invoice]", "[company, company]", "8: `key` lists `company` twice"},
	{"  http:\n", "  exec: [x]\n  http:\n", "11: `http` cannot be combined with `exec`: `task` has one kind"},
	{"https://example.com/{{.company}}", "ftp://example.com", "11: `url` must begin with http:// or https://"},
	{"https://example.com/{{.company}}/{{.date}}", `"{{.company}}"`, "11: `url` must begin with http:// or https://"},
	{"https://example.com/{{.company}}/{{.date}}", "https://u:p@example.com", "11: `url` has a user or password in it"},
	{"https://example.com/{{.company}}/{{.date}}", "https://", "11: `url` is not a valid URL"},
	{"https://example.com/{{.company}}/{{.date}}", "env:URL", "11: `url` is a reference, which is not resolved here"},
	{"    url:", "    method: HEAD\n    url:", "14: `body` cannot be sent with HEAD"},
	{"Authorization: vault:token", "Authorization: Bearer vault:token", "12: `Authorization` has a reference behind other text"},
	{"Authorization: vault:token", "Authorization: vault:Token", "12: `Authorization` is not a valid reference"},
	{"Authorization: vault:token", "x-id: a", "12: `x-id` and `X-Id` are the same header"},
	{"Authorization: vault:token", "A b: c", "12: `A b` is not a valid name of a header"},
	{"Authorization: vault:token", "host: c", "12: `host` cannot be declared"},
	{"Authorization: vault:token", "A: \"b\\r\\nc: d\"", "12: `A` has a line break"},
	{"{{json .invoice}}", "{{.invoice", "13: `body` is not a valid template: "},
	{"{{json .invoice}}", "{{call .invoice}}", "13: `body`: function `call` is not supported"},
	{"{{json .invoice}}", "{{html .invoice}}", "13: `body`: function `html` is not supported"},
	{"{{json .invoice}}", "{{range .invoice}}{{end}}", "13: `body`: `range` is not supported"},
	{"{{json .invoice}}", "{{.}}", "13: `body`: `.` alone is not a text"},
	{"{{json .invoice}}", "{{$}}", "13: `body`: `$` alone is not a text"},
	{"{{json .invoice}}", "{{.a.b}}", "13: `body`: `.a.b`: a text has no fields"},
	{"{{json .invoice}}", "{{(.a).b}}", "13: `body`: `(.a).b`: a text has no fields"},
	{"{{json .invoice}}", "{{$x := .a}}{{$x.b}}", "13: `body`: `$x.b`: a text has no fields"},
	{"{{json .invoice}}", "{{.a .b}}", "13: `body`: `.a` is not a function"},
	{"{{json .invoice}}", "{{.a | .b}}", "13: `body`: `.b` is not a function"},
	{"{{json .invoice}}", "{{with .a}}{{.b}}{{end}}", "13: `body`: inside `with`, the dot is a text: write `$.b`"},
	{"{{json .invoice}}", `{{define "a"}}{{end}}`, "13: `body`: `define` and `block` are not supported"},
	{"{{json .invoice}}", `{{nosuch .a}}`, "13: `body` is not a valid template: function \"nosuch\" not defined"},
	{"{{.invoice}}", "{{html .invoice}}", "15: `only_if`: function `html` is not supported"},
	{"once: true", "once: maybe", "16: `once` must be true or false"},
	{"concurrency: 4", "concurrency: 0", "17: `concurrency` must be a whole number from 1 to 500"},
	{"rate: 100/1m\n", "rate: 100\n", "18: `rate` is `100`: use a number of starts"},
	{"rate: 100/1m\n", "rate: 100/25h\n", "18: `rate` is `100/25h`"},
	{"rate: 100/1m\n", "rate: 1000001/1m\n", "18: `rate` is `1000001/1m`"},
	{"timeout: 10m", "timeout: 999h", "19: `timeout` is `999h`: use a time from 1s to 168h"},
	{"heartbeat: 5s", "heartbeat: 1s", "20: `heartbeat` is `1s`: use a time from 2s to 10m"},
	{"attempts: 3", "attempts: 101", "21: `attempts` must be a whole number from 1 to 100"},
	{"longest: 1m", "longest: 1s", "21: `longest` is shorter than `wait`"},
	{"longest: 1m", "exit_codes: {data: [1]}", "21: `exit_codes` belongs to programs"},
	{"overlap: queue", "overlap: wait", "22: `overlap` is `wait`: use skip, queue, cancel or allow"},
	{"policy: all", "policy: some", "23: `policy` is `some`: use skip, latest or all"},
	{"policy: all", "policy: skip", "23: `age` has no effect beside `policy: skip`"},
	{"rate: 1/1m", "rate: 1/x", "23: `rate` is `1/x`"},
	{"deadline: 2h", "deadline: 721h", "24: `deadline` is `721h`: use a time from 1s to 720h"},
	{"output: 256KB", "output: 2MB", "26: `output` is `2MB`: use a size from 1KB to 1MB"},
}

func TestBrokenJobs(t *testing.T) {
	t.Parallel()
	for _, c := range brokenJobs {
		wantBroken(t, jobYAML, c.change, c.to, c.want)
	}
}

// execYAML is a job of the kinds that jobYAML does not have.
const execYAML = `job: reminders
partition: {list: [a, b]}
task:
  exec: [./x, "{{.key}}"]
  env: {A: b}
  dir: reports
retry: {exit_codes: {data: [65, 66], transient: [75]}}
`

var brokenPrograms = []struct{ change, to, want string }{
	{"list: [a, b]", "count: 0", "2: `count` must be a whole number from 1 to 1000000"},
	{"list: [a, b]", "count: 1000001", "2: `count` must be a whole number from 1 to 1000000"},
	{"partition:", "timezone: UTC\npartition:", "2: unknown key `timezone`; did you mean `zone`?"},
	{"list: [a, b]", "", "2: `partition` has no kind: it needs one of list, count, sql, command"},
	{"list: [a, b]", "list: []", "2: `list` must be a list of 1 to 4096 texts"},
	{"list: [a, b]", "list: [a, a]", "2: `list` lists `a` twice"},
	{"list: [a, b]", "list: [a, 1]", "2: `list` must list texts that are not empty: put `1` in quotes"},
	{"list: [a, b]", "command: ./list.sh", "2: `command` must be a list of 1 to 4096 texts"},
	{"list: [a, b]", `command: ["./x {{.date}}"]`, "2: `command` begins with `./x {{.date}}`"},
	{"[./x, \"{{.key}}\"]", "[./x, \"{{.company}}\"]", "4: `exec`: unknown variable `.company`; the tasks of this job have .date, .id, .job, .key, .slot"},
	{"[./x, \"{{.key}}\"]", "[./x, \"{{.kye}}\"]", "4: `exec`: unknown variable `.kye`; the tasks of this job have .date, .id, .job, .key, .slot, and columns only with `partition.sql`; did you mean `key`?"},
	{"[./x, \"{{.key}}\"]", "[./x, vault:a]", "4: `exec` has a reference, and other users can read arguments"},
	{"[./x, \"{{.key}}\"]", "[\"{{.key}}\"]", "4: `exec` begins with `{{.key}}`: its first text is what is executed"},
	{"[./x, \"{{.key}}\"]", "[./x, 5]", "4: `exec` must list texts: put `5` in quotes"},
	{"[./x, \"{{.key}}\"]", "[./x, \"a\\0b\"]", "4: `exec` has a text with a NUL"},
	{"[./x, \"{{.key}}\"]", "[]", "4: `exec` must be a list of 1 to 4096 texts"},
	{"[./x, \"{{.key}}\"]", "./x a", "4: `exec` must be a list of 1 to 4096 texts"},
	{"  exec: [./x, \"{{.key}}\"]\n", "", "3: `task` has no kind"},
	{"exec: [./x, \"{{.key}}\"]", "sql: SELECT 1", "5: `env` belongs to `exec`"},
	{"exec: [./x, \"{{.key}}\"]", "execc: [./x]", "4: unknown key `execc`; did you mean `exec`?"},
	{"{A: b}", "{A-B: b}", "5: `A-B` is not a valid name of an environment variable"},
	{"{A: b}", "{BURSAR_A: b}", "5: `BURSAR_A` begins with BURSAR_"},
	{"{A: b}", "{A: env:1}", "5: `A` is not a valid reference"},
	{"dir: reports", "dir: \"{{.key}}\"", "6: `dir` is not a template"},
	{"dir: reports", "dir: env:A", "6: `dir` is a reference"},
	{"dir: reports", "confirm: \"a\\nb\"", "6: `confirm` has a line break"},
	{"data: [65, 66]", "fatal: [65]", "7: unknown key `fatal`"},
	{"data: [65, 66]", "data: [0]", "7: `data` lists `0`: exit codes of failures are whole numbers from 1 to 255"},
	{"data: [65, 66]", "data: [256]", "7: `data` lists `256`"},
	{"data: [65, 66]", "data: [65, 65]", "7: `data` lists 65 twice"},
	{"data: [65, 66]", "data: [75]", "7: exit code 75 is listed as data already"},
	{"data: [65, 66]", "data: []", "7: `data` must be a list of 1 to 4096 exit codes"},
	{"retry:", "fairness: a\nretry:", "7: `fairness` names a column of `partition.sql`"},
	{"retry:", "except: [2026-12-24]\nretry:", "7: `except` has no effect without `schedule`"},
	{"retry:", "catch_up: {}\nretry:", "7: `catch_up` has no effect without `schedule`"},
	{"exec: [./x, \"{{.key}}\"]", "bursar: [up]", "4: `bursar` is `up`, which a task cannot execute"},
	{"exec: [./x, \"{{.key}}\"]", "bursar: [bursar, run]", "4: `bursar` begins with the program's own name"},
	{"exec: [./x, \"{{.key}}\"]", "bursar: [--json, run]", "4: `bursar` begins with `--json`: write the command first"},
	{"exec: [./x, \"{{.key}}\"]", "bursar: [ingst, a]", "4: `bursar` is `ingst`, which a task cannot execute; it may be one of archive, completeness, exceptions, export, get, import, ingest, load, model, publish, quarantine, query, rebuild, restore, retract, run, status, trace, unkeyed, verify; did you mean `ingest`?"},
	{"exec: [./x, \"{{.key}}\"]", "bursar: [run, --project=x]", "4: `bursar` has --project"},
	{"exec: [./x, \"{{.key}}\"]", "bursar: [\"{{.key}}\"]", "4: `bursar` begins with `{{.key}}`"},
	{"task:\n  exec: [./x, \"{{.key}}\"]\n  env: {A: b}\n  dir: reports\n", "once: true\ntask: {sql: SELECT 1}\n", "3: `once` has no effect on `sql`"},
	{"task:\n  exec: [./x, \"{{.key}}\"]\n  env: {A: b}\n  dir: reports\n", "", "1: the file has no `task`"},
	{"task:\n  exec: [./x, \"{{.key}}\"]\n  env: {A: b}\n  dir: reports\n", "task: {}\n", "3: `task` has no kind: it needs one of exec, http, sql, email, bursar"},
}

func TestBrokenPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range brokenPrograms {
		wantBroken(t, execYAML, c.change, c.to, c.want)
	}
	for _, command := range []string{"up", "worker", "job", "demo", "bench", "vault", "init", "guard", "token", "temporal", "repair", "stream", "version", "help"} {
		wantBroken(t, execYAML, "exec: [./x, \"{{.key}}\"]", "bursar: ["+command+"]", "4: `bursar` is `"+command+"`, which a task cannot execute")
	}
}

const emailYAML = `job: reminders
partition: {count: 2}
task:
  email:
    to: "{{.key}}@example.com"
    cc: a@example.com
    subject: Hello {{.key}}
    text: "Hello"
`

func TestBrokenMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ change, to, want string }{
		{"    text: \"Hello\"\n", "", "4: `email` has neither `text` nor `html`"},
		{"    text: \"Hello\"\n", "    texts: a\n", "8: unknown key `texts`; did you mean `text`?"},
		{"    to: \"{{.key}}@example.com\"\n", "", "4: `task.email` has no `to`"},
		{"    subject: Hello {{.key}}\n", "", "4: `task.email` has no `subject`"},
		{"cc: a@example.com", "cc: a", "6: `cc` is `a`, which is not an address"},
		{"cc: a@example.com", "cc: vault:a", "6: `cc` is a reference"},
		{"subject: Hello {{.key}}", "subject: \"a\\r\\nBcc: b@example.com\"", "7: `subject` has a line break"},
		{"Hello {{.key}}", "Hello {{.name}}", "7: `subject`: unknown variable `.name`"},
	} {
		wantBroken(t, emailYAML, c.change, c.to, c.want)
	}
	_, errs := Read(projecttest.Folder(t, map[string]string{"jobs/reminders.yaml": emailYAML}))
	projecttest.WantErrors(t, errs, "jobs/reminders.yaml:4: `email` needs a server that sends it: declare `mail: {address: …, from: …}` in bursar.yaml")
}

// wantBroken changes a job without errors and expects an error first.
func wantBroken(t *testing.T, good, change, to, want string) {
	t.Helper()
	text := strings.Replace(good, change, to, 1)
	if text == good {
		t.Fatalf("%q is not in the job", change)
	}
	_, errs := Read(projecttest.Folder(t, map[string]string{
		"bursar.yaml":         "mail: {address: \"smtp.example.com:587\", from: a@example.com}\n",
		"jobs/reminders.yaml": text, "jobs/statements.yaml": statementsYAML,
	}))
	if len(errs) == 0 || !strings.HasPrefix(errs[0].Error(), "jobs/reminders.yaml:"+want) {
		t.Errorf("%s gives %v, want %s", to, errs, want)
	}
}

// TestJobsAfterEachOther refuses jobs that wait for each other, each circle once.
func TestJobsAfterEachOther(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name, after := range map[string]string{"a": "b", "b": "c", "c": "d", "d": "b", "e": "e", "f": "a", "g": "h", "h": ""} {
		files["jobs/"+name+".yaml"] = "job: " + name + "\ntask: {exec: [x]}\n"
		if after != "" {
			files["jobs/"+name+".yaml"] += "after: " + after + "\n"
		}
	}
	_, errs := Read(projecttest.Folder(t, files))
	projecttest.WantErrors(t, errs, "jobs/b.yaml:3: `after` makes jobs wait for each other: b after c after d after b; remove one of them",
		"jobs/e.yaml:3: `after` is the job itself")
}

func TestJobsAreDeclarations(t *testing.T) {
	t.Parallel()
	dir := projecttest.Folder(t, map[string]string{"jobs/x.yaml": "job: x\ntask: {exec: [x]}\n"})
	p, errs := Read(dir)
	projecttest.WantErrors(t, errs)
	projecttest.WriteFile(t, dir, "jobs/x.yaml", "job: x\ntask: {exec: [y]}\n")
	if changed := p.Changed(); !slices.Equal(changed, []string{"jobs/x.yaml"}) {
		t.Errorf("%q has changed", changed)
	}
}

func TestEnvironmentVariables(t *testing.T) {
	t.Parallel()
	p, errs := Read(projecttest.Folder(t, map[string]string{
		"bursar.yaml":      "warehouse: {kind: postgres, url: env:WAREHOUSE_URL}\nmail: {address: env:SMTP, from: a@b.de, user: u, password: env:SMTP_PASSWORD}\n",
		"jobs/x.yaml":      "job: x\ntask:\n  exec: [x]\n  env: {TOKEN: env:API_TOKEN, OTHER: vault:other, TEXT: an env:NOT}\n",
		"jobs/y.yaml":      "job: y\ntask:\n  http: {url: \"https://a.b\", headers: {A: env:API_TOKEN, B: env:B}}\n",
		"warehouse/l.yaml": "load: l\nfrom: env:FROM\nformat: jsonl\ncolumns: {a: {type: int}}\nstrategy: bulk\n",
	}))
	projecttest.WantErrors(t, errs)
	if got := p.EnvironmentVariables(); !slices.Equal(got, []string{"API_TOKEN", "B", "FROM", "SMTP", "SMTP_PASSWORD", "WAREHOUSE_URL"}) {
		t.Errorf("the variables are %q", got)
	}
}

// TestJobReference: docs/project.md names the commands, variables and functions of tasks.
func TestJobReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "project.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, jobs, _ := strings.Cut(string(text), "\n## Jobs\n")
	for _, name := range slices.Concat(TaskCommands, TemplateFunctions, namesOf(TaskVariables, func(name *string) string { return "." + *name })) {
		if !strings.Contains(jobs, "`"+name+"`") {
			t.Errorf("docs/project.md does not name `%s` in the section of jobs", name)
		}
	}
}

// FuzzJob reads any text as a job: what is accepted has limits, one kind of task, and due times that are not excepted.
func FuzzJob(f *testing.F) {
	for _, text := range []string{jobYAML, execYAML, emailYAML, statementsYAML} {
		f.Add(text)
	}
	for _, c := range slices.Concat(brokenJobs, brokenPrograms) {
		f.Add(strings.Replace(strings.Replace(jobYAML, c.change, c.to, 1), "reminders", "x", 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		j, errs := parseJob("jobs/reminders.yaml", []byte(text))
		if len(errs) > 0 {
			return
		}
		kinds := 0
		for _, is := range []bool{j.Task.Exec != nil, j.Task.HTTP != nil, j.Task.SQL != "", j.Task.Email != nil, j.Task.Bursar != nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || j.Zone == nil || j.Concurrency < 1 || j.Timeout < time.Second || j.Heartbeat < minHeartbeat || j.Retry.Attempts < 1 ||
			j.Retry.Longest < j.Retry.Wait || j.Overlap == "" || j.CatchUp.Policy == "" || j.Output < minOutput || (j.Rate.Count > 0) != (j.Rate.Per > 0) {
			t.Errorf("job %+v of %q", j, text)
		}
		after := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
		if due := j.Due(after); !due.IsZero() {
			_, excepted := j.exceptedUntil(due.In(j.Zone).Format(time.DateOnly))
			if !due.After(after) || excepted || !j.Schedule.Last(due).Equal(due) {
				t.Errorf("%q is due %s", text, due)
			}
		}
	})
}
