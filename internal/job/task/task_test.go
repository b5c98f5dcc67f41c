// Tests of what all kinds of tasks share: only_if, attempts whose end is not known, the timeout, and errors; and of the kinds that call functions.

package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/project"
)

// outbox is a mail server that keeps messages, or fails.
type outbox struct {
	sent []mail.Message
	err  error
}

func (o *outbox) Send(_ context.Context, m mail.Message) error {
	o.sent = append(o.sent, m)
	return o.err
}

func (o *outbox) mail() (Sender, error) { return o, nil }

// check compares an outcome. The error must contain a text.
func check(t *testing.T, name string, got Outcome, state State, class failure.Class, contains string, uncertain bool) {
	t.Helper()
	if got.State != state || got.Class != class || got.Uncertain != uncertain || !strings.Contains(got.Error, contains) || (state == Failed) != (got.Error != "") {
		t.Errorf("%s: %s %s %q uncertain %v, want %s %s %q uncertain %v",
			name, got.State, got.Class, got.Error, got.Uncertain, state, class, contains, uncertain)
	}
	if strings.ContainsAny(got.Error, "\r\n") || len(got.Error) > maxError || !utf8.ValidString(got.Error) {
		t.Errorf("%s: the error is not one short line: %q", name, got.Error)
	}
}

func TestEmail(t *testing.T) {
	t.Parallel()
	job := &project.Job{Task: project.Task{Email: &project.EmailTask{
		To: "{{.email}}", CC: "{{.cc}}", ReplyTo: "billing@example.com", Subject: "Invoice {{.invoice}}", Text: "Dear {{.name}}", HTML: "<p>Dear {{.name}}</p>",
	}}}
	box := &outbox{}
	a := attemptOf(t, "email cc invoice name", "email", "ann@example.com", "invoice", "7", "name", "A & B")
	e := executorOf(t, job, Deps{Mail: box.mail})
	check(t, "sent", e.Execute(t.Context(), a), Done, failure.Bug, "", false)
	want := mail.Message{
		ID: testID, To: "<ann@example.com>", ReplyTo: "billing@example.com", Subject: "Invoice 7", Text: "Dear A & B", HTML: "<p>Dear A &amp; B</p>",
	}
	if len(box.sent) != 1 || fmt.Sprint(box.sent[0]) != fmt.Sprint(want) {
		t.Errorf("sent %+v, want %+v", box.sent, want)
	}
	for _, c := range []struct {
		name      string
		err       error
		class     failure.Class
		uncertain bool
	}{
		{"refused", failure.Wrap(failure.Data, errors.New("550 unknown mailbox")), failure.Data, false},
		{"busy", failure.Throttle(time.Minute, errors.New("450 later")), failure.Throttled, false},
		{"broken", failure.Wrap(failure.Transient, fmt.Errorf("wait for the answer: %w", mail.ErrUncertain)), failure.Transient, true},
	} {
		o := executorOf(t, job, Deps{Mail: (&outbox{err: c.err}).mail}).Execute(t.Context(), a)
		check(t, c.name, o, Failed, c.class, c.err.Error(), c.uncertain)
		if o.RetryAfter != failure.RetryAfter(c.err) {
			t.Errorf("%s: retry after %v", c.name, o.RetryAfter)
		}
	}
	check(t, "no server", executorOf(t, job, Deps{}).Execute(t.Context(), a), Failed, failure.Data, "set `mail` in bursar.yaml", false)
	broken := Deps{Mail: func() (Sender, error) { return nil, failure.Wrap(failure.Data, errors.New("no password")) }}
	check(t, "no sender", executorOf(t, job, broken).Execute(t.Context(), a), Failed, failure.Data, "no password", false)
}

func TestUncertain(t *testing.T) {
	t.Parallel()
	answers := func(sent bool, err error) func(context.Context, string) (bool, error) {
		return func(_ context.Context, id string) (bool, error) {
			if id != testID {
				t.Errorf("asked about %s", id)
			}
			return sent, err
		}
	}
	down := failure.Wrap(failure.Transient, errors.New("mailbox is down"))
	const unknown = "how an earlier attempt ended is not known"
	for _, c := range []struct {
		name      string
		email     bool
		once      bool
		uncertain bool
		sent      func(context.Context, string) (bool, error)
		state     State
		class     failure.Class
		message   string
		executed  bool
		remains   bool
	}{
		{"email, certain", true, true, false, answers(true, nil), Done, failure.Bug, "", true, false},
		{"email, was sent", true, true, true, answers(true, nil), Done, failure.Bug, "", false, false},
		{"email, was not sent", true, true, true, answers(false, nil), Done, failure.Bug, "", true, false},
		{"email, the mailbox is down", true, true, true, answers(false, down), Failed, failure.Transient, "mailbox is down", false, true},
		{"email, no mailbox", true, true, true, nil, Failed, failure.Data, unknown, false, true},
		{"email, not once, was sent", true, false, true, answers(true, nil), Done, failure.Bug, "", false, false},
		{"email, not once, no mailbox", true, false, true, nil, Done, failure.Bug, "", true, false},
		{"sql, once", false, true, true, answers(true, nil), Failed, failure.Data, "`bursar job run reminders --slot 2026-11-24T23:30:00Z --failed` executes what is not done", false, true},
		{"sql, once, certain", false, true, false, nil, Done, failure.Bug, "", true, false},
		{"sql, not once", false, false, true, nil, Done, failure.Bug, "", true, false},
	} {
		job := &project.Job{Once: c.once, Task: project.Task{SQL: "DELETE FROM t"}}
		if c.email {
			job.Task = project.Task{Email: &project.EmailTask{To: "a@example.com", Text: "x"}}
		}
		executed := false
		e := executorOf(t, job, Deps{
			Sent: c.sent,
			Mail: func() (Sender, error) { executed = true; return &outbox{}, nil },
			SQL:  func(context.Context, string, string) error { executed = true; return nil },
		})
		a := attemptOf(t, "")
		a.Uncertain = c.uncertain
		check(t, c.name, e.Execute(t.Context(), a), c.state, c.class, c.message, c.remains)
		if executed != c.executed {
			t.Errorf("%s: executed %v", c.name, executed)
		}
	}
}

// TestUncertainRemains fails an attempt before it sends: that an earlier one may have sent is still so.
func TestUncertainRemains(t *testing.T) {
	t.Parallel()
	job := &project.Job{OnlyIf: "SELECT true", Task: project.Task{Email: &project.EmailTask{To: "a@example.com", Text: "x"}}}
	refused := failure.Wrap(failure.Transient, errors.New("down"))
	a := attemptOf(t, "")
	a.Uncertain = true
	ask := func(context.Context, string) (bool, error) { return true, nil }
	o := executorOf(t, job, Deps{Ask: ask, Mail: (&outbox{err: refused}).mail}).Execute(t.Context(), a)
	check(t, "send", o, Failed, failure.Transient, "down", true)
	ask = func(context.Context, string) (bool, error) { return false, refused }
	check(t, "ask", executorOf(t, job, Deps{Ask: ask}).Execute(t.Context(), a), Failed, failure.Transient, "ask only_if: down", true)
}

func TestOnlyIf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ask   func(context.Context, string) (bool, error)
		state State
		class failure.Class
		text  string
	}{
		{"true", func(context.Context, string) (bool, error) { return true, nil }, Done, failure.Bug, ""},
		{"not true", func(context.Context, string) (bool, error) { return false, nil }, Excluded, failure.Bug, ""},
		{"error", func(context.Context, string) (bool, error) {
			return false, failure.Wrap(failure.Transient, io.ErrUnexpectedEOF)
		}, Failed, failure.Transient, "ask only_if: unexpected EOF"},
		{"nowhere", nil, Failed, failure.Data, "a place to ask"},
	} {
		var asked, executed string
		d := Deps{SQL: func(_ context.Context, sql, id string) error { executed = id + " " + sql; return nil }}
		if c.ask != nil {
			d.Ask = func(ctx context.Context, sql string) (bool, error) { asked = sql; return c.ask(ctx, sql) }
		}
		job := &project.Job{OnlyIf: "SELECT status = 'open' FROM i WHERE id = {{.invoice}}", Task: project.Task{SQL: "DELETE FROM t WHERE n = {{.n}} AND k = {{.key}}"}}
		o := executorOf(t, job, d).Execute(t.Context(), attemptOf(t, "invoice n", "invoice", "it's"))
		check(t, c.name, o, c.state, c.class, c.text, false)
		if want := "SELECT status = 'open' FROM i WHERE id = 'it''s'"; c.ask != nil && asked != want {
			t.Errorf("%s: asked %s", c.name, asked)
		}
		if want := "reminders/1 " + testID + " DELETE FROM t WHERE n = NULL AND k = 'acme/7'"; (executed == want) != (c.state == Done) || executed != "" && executed != want {
			t.Errorf("%s: executed %s", c.name, executed)
		}
	}
}

func TestSQL(t *testing.T) {
	t.Parallel()
	job := &project.Job{Task: project.Task{SQL: "DELETE FROM t WHERE k = {{.key}}"}}
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for _, c := range []struct {
		name      string
		err       error
		class     failure.Class
		uncertain bool
	}{
		{"data", failure.Wrap(failure.Data, errors.New("no table t")), failure.Data, false},
		{"not connected", failure.Wrap(failure.Transient, dial), failure.Transient, false},
		{"connection lost", failure.Wrap(failure.Transient, io.ErrUnexpectedEOF), failure.Transient, true},
		{"unclassified", errors.New("impossible"), failure.Bug, false},
	} {
		e := executorOf(t, job, Deps{SQL: func(context.Context, string, string) error { return c.err }})
		check(t, c.name, e.Execute(t.Context(), attemptOf(t, "")), Failed, c.class, "execute the statement: "+c.err.Error(), c.uncertain)
	}
	check(t, "no warehouse", executorOf(t, job, Deps{}).Execute(t.Context(), attemptOf(t, "")), Failed, failure.Data, "a warehouse", false)
	a := attemptOf(t, "")
	a.Key = "a\x00b"
	check(t, "NUL", executorOf(t, job, Deps{}).Execute(t.Context(), a), Failed, failure.Data, "jobs/reminders.yaml:1: task.sql: render the template: ", false)
}

// TestTransactions: a statement must not end the transaction that records that it was executed.
func TestTransactions(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"INSERT INTO t VALUES ({{.key}}); COMMIT", "rollback; INSERT INTO t VALUES (1)", "BEGIN", " ; /* c */ End;", "SELECT 1;\n-- c\nSavePoint s", "start transaction", "SELECT ';' ; ABORT",
	} {
		if _, err := New(&project.Job{Task: project.Task{SQL: sql}}, Deps{}); err == nil || !strings.Contains(err.Error(), "is not supported: each task is one transaction") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT 'a; COMMIT'", "SELECT 1 -- ; COMMIT", "DELETE FROM begin", "SELECT $$; END;$$", "UPDATE t SET k = {{.key}}", "COMMITS", ""} {
		if err := checkTransaction(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	job := &project.Job{Task: project.Task{SQL: `SELECT 1{{if eq .key "acme/7"}}; COMMIT{{end}}`}} // not with the value that is tried first
	check(t, "COMMIT", executorOf(t, job, Deps{}).Execute(t.Context(), attemptOf(t, "")), Failed, failure.Data, "task.sql: COMMIT is not supported", false)
}

// TestFlags: a value is no flag of a command.
func TestFlags(t *testing.T) {
	t.Parallel()
	job := &project.Job{Task: project.Task{Bursar: []string{"ingest", "{{.key}}", "--note={{.key}}"}}}
	e := executorOf(t, job, Deps{Command: func(context.Context, []string, io.Writer) int { return 0 }})
	a := attemptOf(t, "")
	check(t, "a name", e.Execute(t.Context(), a), Done, failure.Bug, "", false)
	a.Key = "--help"
	check(t, "a flag", e.Execute(t.Context(), a), Failed, failure.Data, `the value "--help" begins with a hyphen`, false)
}

func TestUnknownVariable(t *testing.T) {
	t.Parallel()
	e := executorOf(t, &project.Job{Task: project.Task{SQL: "DELETE FROM t WHERE k = {{.compny}}"}}, Deps{})
	o := e.Execute(t.Context(), attemptOf(t, "company", "company", "x"))
	check(t, "unknown", o, Failed, failure.Data, "task.sql: unknown variable .compny; there are .company, .date", false)
}

func TestBursar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exit  int
		state State
		class failure.Class
	}{{0, Done, failure.Bug}, {1, Failed, failure.Transient}, {2, Failed, failure.Data}, {3, Failed, failure.Data}, {4, Failed, failure.Data}, {5, Failed, failure.Transient}, {9, Failed, failure.Data}} {
		var got []string
		job := &project.Job{Task: project.Task{Bursar: []string{"ingest", "orders", "in/{{.key}}.csv"}}, Retry: project.Retry{ExitCodes: map[int]string{9: "data"}}}
		e := executorOf(t, job, Deps{Command: func(_ context.Context, arguments []string, out io.Writer) int {
			got = arguments
			_, _ = io.WriteString(out, "3 rows\n")
			return c.exit
		}})
		o := e.Execute(t.Context(), attemptOf(t, ""))
		text := ""
		if c.exit != 0 {
			text = fmt.Sprintf("execute bursar ingest: exit code %d", c.exit)
		}
		check(t, fmt.Sprint(c.exit), o, c.state, c.class, text, false)
		if fmt.Sprint(got) != "[ingest orders in/acme/7.csv]" || *o.Exit != c.exit || string(o.Output) != "3 rows\n" {
			t.Errorf("%v exit %d %q", got, *o.Exit, o.Output)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	wait := Deps{
		SQL:     func(ctx context.Context, _, _ string) error { <-ctx.Done(); return ctx.Err() },
		Command: func(ctx context.Context, _ []string, _ io.Writer) int { <-ctx.Done(); return 1 },
	}
	for _, task := range []project.Task{{SQL: "SELECT 1"}, {Bursar: []string{"load"}}} {
		e := executorOf(t, &project.Job{Timeout: 10 * time.Millisecond, Task: task}, wait)
		check(t, task.Kind(), e.Execute(t.Context(), attemptOf(t, "")), Failed, failure.Transient, "it took longer than 10ms", true)
		e = executorOf(t, &project.Job{Timeout: time.Hour, Task: task}, wait)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, task.Kind(), e.Execute(ctx, attemptOf(t, "")), Failed, failure.Transient, "it was stopped before it ended", true)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s", 100 * time.Second: "1m40s", 24 * time.Hour: "24h",
	} {
		if got := project.FormatTime(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\r\nb\x00\xffc")
	f.Add(strings.Repeat("é", 700))
	f.Fuzz(func(t *testing.T, s string) {
		got := line(s)
		if len(got) > maxError || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\u2028\u0085") {
			t.Errorf("%q becomes %q", s, got)
		}
		if isPlain := len(s) <= maxError && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0; isPlain && got != s {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
