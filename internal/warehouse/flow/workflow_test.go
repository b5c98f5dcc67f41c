// One execution in virtual time: which tables it publishes, what stops it, and what it waits for.

package flow

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/failure"
	"bursar/internal/temporal"
	"bursar/internal/warehouse/publish"
)

func TestPublishesWhatIsBehind(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b", "c").add("a", 3).add("c", 1)
	result, _, err := execute(t, tables, Input{})
	if want := []string{"behind", "a", "a", "a", "c"}; err != nil || !slices.Equal(tables.called(), want) {
		t.Errorf("called %v, %v; want %v", tables.called(), err, want)
	}
	if want := map[string]int64{"a": 30, "c": 10}; !maps.Equal(result.rows(), want) || len(result.Failed) > 0 {
		t.Errorf("result %+v", result)
	}
}

// TestPublishesNamedTables: a named table is looked at though nothing says that it is behind.
func TestPublishesNamedTables(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b", "c").add("a", 1).add("c", 2)
	result, _, err := execute(t, tables, Input{Request: Request{Tables: []string{"c", "b"}}})
	if want := []string{"c", "c", "b"}; err != nil || !slices.Equal(tables.called(), want) {
		t.Errorf("called %v, %v; want %v", tables.called(), err, want)
	}
	if want := map[string]int64{"c": 20, "b": 0}; !maps.Equal(result.rows(), want) {
		t.Errorf("result %+v", result)
	}
}

// TestPublishesAgain makes tables from the beginning, each once, also if the execution continues as new in between.
func TestPublishesAgain(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b").add("a", 1).add("b", 1)
	in := Input{Request: Request{Tables: []string{"a", "b"}, Again: true}}
	in.Before = &Result{Tables: []publish.Result{{Table: "a", Rows: 7}}}
	result, _, err := execute(t, tables, in)
	if want := []string{"a", "again b", "b"}; err != nil || !slices.Equal(tables.called(), want) {
		t.Errorf("called %v, %v; want %v", tables.called(), err, want)
	}
	if want := map[string]int64{"a": 17, "b": 20}; !maps.Equal(result.rows(), want) || !result.Tables[1].Replaced {
		t.Errorf("result %+v", result)
	}
}

// unbalanced is an error with an exit code.
type unbalanced struct {
	error
	failure.Unbalanced
}

// TestFailedTableStopsNoOther: tables that fail for their data are in the result, with class and exit code.
func TestFailedTableStopsNoOther(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b", "c", "d").add("a", 2).add("b", 1).add("c", 1).add("d", 1)
	tables.fail["a"] = []error{nil, &unbalanced{error: errors.New("publish a: 2 rows, want 3")}}
	tables.fail["c"] = []error{errors.New("publish c: impossible")}
	result, took, err := execute(t, tables, Input{})
	if want := []string{"behind", "a", "a", "b", "c", "d"}; err != nil || !slices.Equal(tables.called(), want) || took > time.Second {
		t.Errorf("called %v in %v, %v; want %v", tables.called(), took, err, want)
	}
	if want := map[string]int64{"a": 10, "b": 10, "d": 10}; !maps.Equal(result.rows(), want) || len(result.Failed) != 2 {
		t.Fatalf("result %+v", result)
	}
	if result.Failed[0].Table != "a" || result.Failed[1].Table != "c" || result.Failed[1].Class != "bug" {
		t.Errorf("failed %+v", result.Failed)
	}
	if err := result.Err(); failure.ExitCode(err) != failure.UnbalancedExit || err.Error() != "publish a: 2 rows, want 3\npublish c: impossible" {
		t.Errorf("error %v", err)
	}
}

func TestRetriesByClass(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	transient := failure.Wrap(failure.Transient, cause)
	for _, tt := range []struct {
		name     string
		call     string
		errs     []error
		attempts int
		waits    time.Duration // at least
		class    failure.Class // of the workflow's error
		fails    bool
	}{
		{"transient goes away", "a", []error{transient, transient}, 3, 800 * time.Millisecond, 0, false},
		{"transient stays", "a", slices.Repeat([]error{transient}, 99), 5, 8 * time.Second, failure.Transient, true},
		{"the warehouse is away", "behind", slices.Repeat([]error{transient}, 99), 5, 8 * time.Second, failure.Transient, true},
		{"throttled waits as asked", "a", []error{failure.Throttle(90*time.Second, cause)}, 2, 90 * time.Second, 0, false},
		{"refused", "behind", []error{failure.Wrap(failure.Data, cause)}, 1, 0, failure.Data, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tables := newTables("a").add("a", 1)
			tables.fail[tt.call] = tt.errs
			_, took, err := execute(t, tables, Input{})
			if err := temporal.FromTemporal(err); (err != nil) != tt.fails || tt.fails && (failure.Of(err) != tt.class || err.Error() != "cause") {
				t.Errorf("error %v [%v]", err, failure.Of(err))
			}
			if n := tables.count(tt.call); n != tt.attempts || took < tt.waits || took > tt.waits+15*time.Second {
				t.Errorf("%d attempts in %v, want %d in about %v", n, took, tt.attempts, tt.waits)
			}
		})
	}
}

// TestContinuesAsNew has the server suggest a new execution after the first group: the next one starts with what this one has done.
func TestContinuesAsNew(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b").add("a", 1).add("b", 5)
	tables.fail["a"] = []error{failure.Wrap(failure.Data, errors.New("bad"))}
	env := virtualEnvironment(tables)
	env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, err error) {
		env.SetContinueAsNewSuggested(info.ActivityType.Name == publishActivity && err == nil)
	})
	env.ExecuteWorkflow(Publish, Input{})
	next := continued(t, env.GetWorkflowError())
	if next.Before == nil || !maps.Equal(next.Before.rows(), map[string]int64{"b": 10}) || len(next.Before.Failed) != 1 {
		t.Fatalf("continues with %+v", next)
	}
	result, _, err := execute(t, tables, Input{Before: next.Before, Failed: next.Failed})
	if err != nil || !maps.Equal(result.rows(), map[string]int64{"b": 50}) || len(result.Failed) != 1 {
		t.Errorf("result %+v, %v", result, err)
	}
	if n := tables.count("a"); n != 1 {
		t.Errorf("the table that failed was tried %d times", n)
	}
}

// continued returns the input of the next execution.
func continued(t *testing.T, err error) (in Input) {
	t.Helper()
	var again *workflow.ContinueAsNewError
	if !errors.As(err, &again) {
		t.Fatalf("got error %v, want continue-as-new", err)
	}
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
		t.Fatal(err)
	}
	return in
}
