// What the workflow has done: one result for each table.

package flow

import (
	"errors"
	"slices"

	"bursar/internal/temporal"
	"bursar/internal/warehouse/publish"
)

// Result is the result of the workflow Publish, and of a request to it.
type Result struct {
	// Tables are those to which something was added, or that were requested, each with the sum of its groups.
	Tables []publish.Result `json:"tables,omitempty"`
	Failed []TableFailure   `json:"failed,omitempty"`
	// Interrupted reports that there may be more to publish: the execution continued as new.
	Interrupted bool `json:"interrupted,omitempty"`
}

// TableFailure is the error of a table that could not be published for its data.
type TableFailure struct {
	Table string `json:"table"`
	temporal.Failure
}

// Err returns the errors of all tables that failed.
func (r *Result) Err() error {
	errs := make([]error, len(r.Failed))
	for i := range r.Failed {
		errs[i] = r.Failed[i].Err()
	}
	return errors.Join(errs...)
}

// has reports whether something was done to a table.
func (r *Result) has(table string) bool {
	return r != nil && slices.ContainsFunc(r.Tables, func(done publish.Result) bool { return done.Table == table })
}

// IsInterrupted reports that there may be more to publish.
func (r Result) IsInterrupted() bool { return r.Interrupted }

// Plus is the result of two executions or requests, one after the other.
func (r Result) Plus(next Result) Result {
	return resultOf(append(r.attempts(), next.attempts()...))
}

func (r *Result) attempts() (list []attempt) {
	for _, done := range r.Tables {
		list = append(list, attempt{result: done})
	}
	for _, f := range r.Failed {
		list = append(list, attempt{publish.Result{Table: f.Table}, &f.Failure})
	}
	return list
}

// resultOf adds up attempts. The last one of a table decides whether it failed.
func resultOf(list []attempt) (r Result) {
	for _, a := range list {
		isIt := func(f TableFailure) bool { return f.Table == a.result.Table }
		r.Failed = slices.DeleteFunc(r.Failed, isIt)
		if a.failure != nil {
			r.Failed = append(r.Failed, TableFailure{a.result.Table, *a.failure})
			continue
		}
		i := slices.IndexFunc(r.Tables, func(done publish.Result) bool { return done.Table == a.result.Table })
		if i < 0 {
			r.Tables = append(r.Tables, a.result)
		} else {
			r.Tables[i] = sum(r.Tables[i], a.result)
		}
	}
	return r
}

// sum returns what two groups of a table, one after the other, have done.
func sum(first, next publish.Result) publish.Result {
	next.Rows += first.Rows
	next.Removed += first.Removed
	next.Seconds += first.Seconds
	if !next.Replaced { // else its batches or runs are counted from the beginning
		next.From = min(first.From, next.From)
	}
	next.Replaced = next.Replaced || first.Replaced
	return next
}
