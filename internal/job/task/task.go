// Package task executes one attempt of one task: a program, an HTTP request, a SQL statement, an e-mail, or one of Bursar's own commands. It owns
// the templates of a declared task, in which values can't become SQL, HTML or a part of a URL that they are not; the rules by which an attempt is
// done, failed or excluded, and by which class of failure; and what of its output is kept. Secrets are neither in errors nor in output (rule 8). It
// must not repeat an attempt, know when tasks are due, or record anything.
package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Attempt is what is to be executed.
type Attempt struct {
	ID        string // the idempotency key of the task: the same for each attempt
	Job       string
	Key       string // of the partition
	Due       time.Time
	Zone      *time.Location // nil is UTC
	Run       int
	Number    int               // of the attempt, from 1
	Columns   []string          // of the partition query; nil: those of Values
	Values    map[string]string // by column; a column without a value is null
	Uncertain bool              // an earlier attempt may have had its effect
	Execution string            // of the slot: another run of it has another one
	Live      func([]byte)      // gets the output while it is written; may be nil. It must not keep the bytes
}

// State is how an attempt ended.
type State string

// The states of an attempt.
const (
	Done     State = "done"
	Failed   State = "failed"
	Excluded State = "excluded" // only_if was not true
)

// Outcome is how an attempt ended. Error is one line of at most 1,000 bytes, without secrets and without output of the task.
type Outcome struct {
	State      State
	Class      failure.Class // of a failed attempt: whether another one may succeed
	Error      string
	RetryAfter time.Duration // not before; 0: not known
	Exit       *int          // code of a program or a command
	CPU        time.Duration
	MaxRSS     int64 // bytes
	Output     []byte
	Cut        int64 // bytes of output that were not kept
	Uncertain  bool  // it has failed, and may have had its effect
}

// Sender sends messages. An error has mail.ErrUncertain in its chain if the server may have accepted the message.
type Sender interface {
	Send(ctx context.Context, m mail.Message) error
}

// Deps is what tasks need. A function that is nil fails the tasks that need it.
type Deps struct {
	Dir     string                                                                  // the project folder
	Setting func(key, text string) (string, error)                                  // resolves env:NAME and vault:NAME
	Mail    func() (Sender, error)                                                  // the mail server
	Sent    func(ctx context.Context, id string) (bool, error)                      // finds a sent message; nil: that can't be found out
	SQL     func(ctx context.Context, statement, id string) error                   // executes a statement on the warehouse, once for an id
	Ask     func(ctx context.Context, sql string) (bool, error)                     // reports whether the answer to a query is true
	Command func(ctx context.Context, arguments []string, out io.Writer) (exit int) // executes one of Bursar's commands
	Hidden  []string                                                                // environment variables that programs don't get
	HTTP    *http.Client                                                            // nil: one with the default transport
}

// Executor executes the tasks of a job. It is safe for concurrent use.
type Executor struct {
	job    *project.Job
	deps   Deps
	now    func() time.Time
	texts  []*text // all templates
	onlyIf *text   // nil is none
	query  *text   // that lists the partitions; nil is none
	kind   kind
}

// kind executes tasks of one kind.
type kind interface {
	execute(ctx context.Context, a *attempt) Outcome
}

// attempt is one attempt that is executed.
type attempt struct {
	Attempt
	values  values
	secrets []string // that this attempt uses
}

// New returns an executor of a job's tasks. Its error lists all templates that are not valid.
func New(j *project.Job, d Deps) (*Executor, error) {
	e, faults := newExecutor(j, d)
	if len(faults) > 0 {
		errs := make([]error, len(faults))
		for i, fault := range faults {
			errs[i] = fault
		}
		return nil, failure.Wrap(failure.Data, errors.Join(errs...))
	}
	return e, nil
}

// Query is a query of a job, with some value for each of its variables.
type Query struct {
	Key string // of the declaration
	SQL string
}

// Check returns the queries of a job, and what is wrong with its templates.
func Check(j *project.Job) (queries []Query, faults []doc.Error) {
	e, faults := newExecutor(j, Deps{})
	for _, t := range []*text{e.query, e.onlyIf} {
		if t == nil {
			continue
		}
		if sql, err := t.render(t.sample()); err == nil { // else it depends on the values
			queries = append(queries, Query{t.key, sql})
		}
	}
	return queries, faults
}

func newExecutor(j *project.Job, d Deps) (*Executor, []doc.Error) {
	e := &Executor{job: j, deps: d, now: time.Now}
	p := &parser{job: j}
	switch t := &j.Task; t.Kind() {
	case project.HTTPKind:
		e.kind = newRequest(e, p)
	case project.SQLTask:
		e.kind = newStatement(e, p)
	case project.EmailKind:
		e.kind = newMessage(e, p)
	case project.BursarTask:
		e.kind = &command{e, p.arguments("task.bursar", t.Bursar)}
	default:
		e.kind = newProgram(e, p)
	}
	if j.OnlyIf != "" {
		e.onlyIf = p.sql("only_if", j.OnlyIf)
	}
	query, faults := parsePartitionSQL(j)
	e.texts, e.query = p.texts, query
	return e, append(p.errs, faults...)
}

// Execute executes an attempt. It takes no longer than the job's timeout, and as long as what is executed needs to stop.
func (e *Executor) Execute(ctx context.Context, given Attempt) Outcome {
	if e.job.Timeout > 0 {
		timeout := fmt.Errorf("it took longer than %s; raise `timeout` if it needs more time", project.FormatTime(e.job.Timeout))
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.job.Timeout, timeout)
		defer cancel()
	}
	o := e.attempt(ctx, &attempt{Attempt: given, values: valuesOf(&given)})
	o.RetryAfter = min(o.RetryAfter, max(e.job.Retry.Longest, longestRetryAfter))
	return o
}

// longestRetryAfter bounds the wait that a server asks for, unless the job's own waits are longer: one wrong answer must not stop a slot for ever.
const longestRetryAfter = time.Hour

func (e *Executor) attempt(ctx context.Context, a *attempt) Outcome {
	if err := e.Check(a.columns()); err != nil {
		return a.failed(ctx, "read the templates", err)
	}
	if e.mayBeDone(a) {
		if o, ended := e.findOut(ctx, a); ended {
			return o
		}
	}
	if o, ended := e.exclude(ctx, a); ended {
		return o
	}
	return e.kind.execute(ctx, a)
}

// mayBeDone reports whether it must be found out if an earlier attempt had its effect.
func (e *Executor) mayBeDone(a *attempt) bool {
	return a.Uncertain && (e.job.Once || e.canFindOut())
}

// canFindOut reports whether it can be found out if an attempt had its effect.
func (e *Executor) canFindOut() bool { return e.job.Task.Email != nil && e.deps.Sent != nil }

// findOut decides about a task of which an earlier attempt may have had its effect: it is done, fails, or begins again.
func (e *Executor) findOut(ctx context.Context, a *attempt) (o Outcome, ended bool) {
	if !e.canFindOut() {
		return a.unknown(ctx, "execute the task again", badf("how an earlier attempt ended is not known, and the job has `once: true`: "+
			"find out what that attempt has done; if nothing, `bursar job run %s --slot %s --failed` executes what is not done", e.job.Name, a.Due.UTC().Format(time.RFC3339))), true
	}
	sent, err := e.deps.Sent(ctx, a.ID)
	if err != nil {
		return a.unknown(ctx, "find out whether the message was sent", err), true
	}
	a.Uncertain = false
	return Outcome{State: Done}, sent
}

// exclude asks only_if.
func (e *Executor) exclude(ctx context.Context, a *attempt) (o Outcome, ended bool) {
	if e.onlyIf == nil {
		return Outcome{}, false
	}
	sql, err := e.onlyIf.render(a.values)
	if err == nil && e.deps.Ask == nil {
		err = errMissing("a place to ask")
	}
	include := false
	if err == nil {
		include, err = e.deps.Ask(ctx, sql)
	}
	if err != nil {
		o := a.failed(ctx, "ask only_if", err)
		o.Uncertain = a.Uncertain
		return o, true
	}
	return Outcome{State: Excluded}, !include
}

// errMissing is the error of a task that needs what the process does not have.
func errMissing(what string) error {
	return badf("the task needs %s, which the project does not have", what)
}
