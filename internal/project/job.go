// The declared job: when it is due, which tasks it has, and what each does.

package project

import (
	"strings"
	"time"

	"bursar/internal/schedule"
)

// Job is one declared job.
type Job struct {
	Name string
	File string // path of the job file, as in errors
	Line int

	Schedule schedule.Schedule // zero: it is executed by hand or after another job
	Zone     *time.Location
	Except   []DateRange // of local dates on which it is not due; as read, they are sorted and apart
	After    string      // the job whose slots come first; empty is none

	Partition Partition
	Task      Task
	OnlyIf    string // a SQL template, asked right before each task; empty: every task is executed
	Once      bool   // a task whose attempt's end is unknown is not executed again

	Concurrency int  // tasks of a slot at the same time, over all workers
	Rate        Rate // of attempts, over all workers and slots
	Timeout     time.Duration
	Heartbeat   time.Duration
	Retry       Retry
	Overlap     Overlap
	CatchUp     CatchUp
	Deadline    time.Duration // 0: a slot is never late
	Fairness    string        // a column of the partition query whose values take turns; empty is none
	Output      int           // the most bytes of a task's output that are kept

	source
}

// DateRange is a range of local dates, both included, as in 2026-12-24.
type DateRange struct{ From, To string }

// Includes reports whether a date is in the range.
func (r DateRange) Includes(date string) bool { return r.From <= date && date <= r.To }

// Partition declares the tasks of each slot: at most one of its fields is set. None of them: one task, whose key is empty.
type Partition struct {
	List    []string
	Count   int
	SQL     string   // one task per row
	Key     []string // the columns of SQL that identify a task; nil: all
	Command []string // one task per line of its standard output
}

// Task declares what a task does: exactly one of its kinds is set. Its texts are templates, and may be env:NAME or vault:NAME where a secret is
// needed: values of Env and of headers.
type Task struct {
	Exec    []string // a program and its arguments
	Env     map[string]string
	Dir     string // of the program, relative to the project folder
	Confirm string // a text that the output of a program or an HTTP answer must contain; empty is none

	HTTP   *HTTPTask
	SQL    string
	Email  *EmailTask
	Bursar []string // the arguments of one of Bursar's commands
}

// HTTPTask is a request.
type HTTPTask struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    string
}

// EmailTask is a message.
type EmailTask struct {
	To, CC, ReplyTo string
	Subject         string
	Text, HTML      string // at least one of them
}

// The kinds of tasks.
const (
	ExecTask   = "exec"
	HTTPKind   = "http"
	SQLTask    = "sql"
	EmailKind  = "email"
	BursarTask = "bursar"
)

// Kind returns the kind of a task.
func (t *Task) Kind() string {
	switch {
	case t.HTTP != nil:
		return HTTPKind
	case t.SQL != "":
		return SQLTask
	case t.Email != nil:
		return EmailKind
	case t.Bursar != nil:
		return BursarTask
	}
	return ExecTask
}

// Rate is a number of starts per window. The zero value is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// FormatTime writes a time as the project's files do, without units that are zero: 10m, 1h30m.
func FormatTime(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Retry is how tasks are repeated that fail with an error that may pass.
type Retry struct {
	Attempts  int // of a task, in all
	Wait      time.Duration
	Longest   time.Duration  // the most that the wait, which doubles, grows to
	ExitCodes map[int]string // class by exit code of a program, where it is not the default
}

// Overlap is what becomes of a slot that is due while an earlier one of its job is executed.
type Overlap string

// The overlap policies.
const (
	OverlapSkip   Overlap = "skip"
	OverlapQueue  Overlap = "queue"
	OverlapCancel Overlap = "cancel" // the earlier one is cancelled
	OverlapAllow  Overlap = "allow"
)

// CatchUpPolicy is which of the slots are executed that were missed while nothing was up.
type CatchUpPolicy string

// The catch-up policies.
const (
	CatchUpSkip   CatchUpPolicy = "skip"
	CatchUpLatest CatchUpPolicy = "latest"
	CatchUpAll    CatchUpPolicy = "all"
)

// CatchUp is how missed slots are executed.
type CatchUp struct {
	Policy CatchUpPolicy
	Age    time.Duration // older slots are skipped
	Rate   Rate          // of starts of missed slots
}

// Mail is the SMTP server of email tasks. Any text may be env:NAME or vault:NAME.
type Mail struct {
	Address  string // host:port; empty: no mail is sent
	User     string
	Password string
	TLS      string // MailTLSRequired (default), MailTLSImplicit or MailTLSNone
	From     string
	Sent     string // URL that finds sent messages, with {id} for a message id; empty: none

	Connections int // of a process at the same time; 0: the default of package mail
}

// The kinds of encryption between Bursar and an SMTP server.
const (
	MailTLSRequired = "starttls"
	MailTLSImplicit = "implicit"
	MailTLSNone     = "none" // for servers on this machine
)

// Job finds a job by name, or nil.
func (p *Project) Job(name string) *Job {
	return find(p.Jobs, func(j *Job) bool { return j.Name == name })
}
