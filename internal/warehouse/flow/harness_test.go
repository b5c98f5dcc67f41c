// Tables for tests, with scripted failures, and the workflow in virtual time.

package flow

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"bursar/internal/failure"
	"bursar/internal/temporal/virtualtest"
	"bursar/internal/warehouse/publish"
)

// rowsOfGroup is how many rows each group has.
const rowsOfGroup = 10

// scriptedTables lack some groups, and fail the calls listed in fail.
type scriptedTables struct {
	mu      sync.Mutex
	more    sync.Cond // on mu: a call was made
	order   []string
	lacks   map[string]int  // groups, by table
	refuses map[string]bool // tables that cannot be published
	calls   []string        // "behind", or the name of a table
	fail    map[string][]error
	block   map[string]func(context.Context) error
}

func newTables(order ...string) *scriptedTables {
	t := &scriptedTables{order: order, lacks: map[string]int{}, refuses: map[string]bool{}, fail: map[string][]error{}, block: map[string]func(context.Context) error{}}
	t.more.L = &t.mu
	return t
}

// refuse makes a table one that cannot be published, or ends that.
func (t *scriptedTables) refuse(table string, refuses bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refuses[table] = refuses
}

// add adds groups to a table's backlog.
func (t *scriptedTables) add(table string, groups int) *scriptedTables {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lacks[table] += groups
	return t
}

func (t *scriptedTables) Behind(ctx context.Context, refused bool) (behind []string, err error) {
	if err := t.call(ctx, "behind"); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.order), func(name string) bool { return t.lacks[name] == 0 || t.refuses[name] && !refused }), nil
}

func (t *scriptedTables) Publish(ctx context.Context, table string) (publish.Result, error) {
	if err := t.call(ctx, table); err != nil {
		return publish.Result{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out := publish.Result{Table: table, Source: table}
	if t.refuses[table] {
		return publish.Result{}, failure.Wrap(failure.Data, errors.New("rebuild it"))
	}
	if t.lacks[table] > 0 {
		t.lacks[table]--
		out.Rows, out.More = rowsOfGroup, t.lacks[table] > 0
	}
	return out, nil
}

func (t *scriptedTables) Again(ctx context.Context, table string) (publish.Result, error) {
	if err := t.call(ctx, "again "+table); err != nil {
		return publish.Result{}, err
	}
	return publish.Result{Table: table, Source: table, Replaced: true, Rows: rowsOfGroup, More: true}, nil
}

func (t *scriptedTables) call(ctx context.Context, name string) error {
	t.mu.Lock()
	t.calls = append(t.calls, name)
	t.more.Broadcast()
	block := t.block[name]
	t.mu.Unlock()
	if block != nil {
		if err := block(ctx); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if errs := t.fail[name]; len(errs) > 0 {
		t.fail[name] = errs[1:]
		return errs[0]
	}
	return nil
}

// called lists the calls so far.
func (t *scriptedTables) called() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// count counts the calls of a name.
func (t *scriptedTables) count(name string) int { return countOf(t.called(), name) }

// await returns when a name was called so many times.
func (t *scriptedTables) await(name string, times int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for countOf(t.calls, name) < times {
		t.more.Wait()
	}
}

func countOf(calls []string, name string) (n int) {
	for _, call := range calls {
		if call == name {
			n++
		}
	}
	return n
}

func virtualEnvironment(tables Tables) *testsuite.TestWorkflowEnvironment {
	env := virtualtest.NewEnvironment()
	register(env, newActivities(tables, nil, ""))
	return env
}

// execute runs the workflow to its end, and returns its result and how long it took.
func execute(t *testing.T, tables Tables, in Input) (result Result, took time.Duration, err error) {
	t.Helper()
	env := virtualEnvironment(tables)
	began := env.Now()
	env.ExecuteWorkflow(Publish, in)
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not completed")
	}
	if err = env.GetWorkflowError(); err == nil {
		err = env.GetWorkflowResult(&result)
	}
	return result, env.Now().Sub(began), err
}

// follow runs a workflow that follows for some hours, with events at certain times.
func follow(t *testing.T, tables Tables, in Input, events map[time.Duration]func(*testsuite.TestWorkflowEnvironment)) error {
	t.Helper()
	env := virtualEnvironment(tables)
	for at, event := range events {
		env.RegisterDelayedCallback(func() { event(env) }, at)
	}
	env.RegisterDelayedCallback(env.CancelWorkflow, 3*time.Hour)
	in.Follow = true
	env.ExecuteWorkflow(Publish, in)
	return env.GetWorkflowError()
}

// answer is what a request got.
type answer struct {
	result Result
	err    error
	done   bool
}

// Accept is called when the workflow accepts the request; it is done later.
func (a *answer) Accept() {}

// Reject is called instead.
func (a *answer) Reject(err error) { a.err, a.done = err, true }

// Complete is called with the result.
func (a *answer) Complete(result any, err error) {
	a.result, _ = result.(Result)
	a.err, a.done = err, true
}

func request(env *testsuite.TestWorkflowEnvironment, id string, tables ...string) *answer {
	got := &answer{}
	env.UpdateWorkflow(publishUpdate, id, got, Request{Tables: tables})
	return got
}

// rows are the rows of a result by table.
func (r *Result) rows() map[string]int64 {
	rows := map[string]int64{}
	for _, done := range r.Tables {
		rows[done.Table] = done.Rows
	}
	return rows
}
