// Package scheduled decides which scheduled work of the warehouse is due, executes it, and records how it ended in the catalog. It guarantees
// that a due time is executed once or more and never forgotten: of several that were missed, the last one. It must not know what the work is,
// or who asks what is due.
package scheduled

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/schedule"
)

// Task is work with a schedule.
type Task struct {
	Name     string
	Schedule schedule.Schedule
	// Execute does the work and says in a few words what was done. What an interrupted call has not done, another one does.
	Execute func(context.Context) (done string, err error)
}

// Tasks are those of a project, in the order in which due ones are executed.
type Tasks struct {
	Catalog catalog.Catalog
	List    []Task
	Now     func() time.Time
}

// prefix begins the keys of records in the catalog.
const prefix = "warehouse/scheduled/"

// record is what the catalog has of a task. Times are in UTC; those that are zero were not yet.
type record struct {
	Slot     time.Time `json:"slot"` // the last due time that was executed; at first, when the schedule was first seen
	Ran      bool      `json:"ran"`  // Slot was executed
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Done     string    `json:"done,omitempty"`
	Error    string    `json:"error,omitempty"`
	Class    string    `json:"class,omitempty"`
	Failures int       `json:"failures,omitempty"` // in a row, that may pass
	Retry    time.Time `json:"retry"`              // after one of them: not before
}

// isDue returns the due time to execute, or zero.
func (r *record) isDue(s schedule.Schedule, now time.Time) time.Time {
	if slot := s.Last(now); slot.After(r.Slot) {
		return slot
	}
	return time.Time{}
}

// next returns when the task is to be looked at again.
func (r *record) next(s schedule.Schedule, now time.Time) time.Time {
	if !r.isDue(s, now).IsZero() {
		return laterOf(r.Retry, now)
	}
	return s.Next(now)
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Due lists the tasks that are due, in their order, and when to ask again; zero if nothing is scheduled. A schedule that is new counts from
// this call on.
func (t *Tasks) Due(ctx context.Context) (due []string, again time.Time, err error) {
	now := t.now()
	records, err := t.ensureRecords(ctx, now)
	if err != nil {
		return nil, again, fmt.Errorf("read what is due: %w", err)
	}
	for i, task := range t.List {
		next := records[i].next(task.Schedule, now)
		switch {
		case next.IsZero():
		case !next.After(now):
			due = append(due, task.Name)
		case again.IsZero() || next.Before(again):
			again = next
		}
	}
	return due, again, nil
}

func (t *Tasks) now() time.Time { return t.Now().UTC() }

// ensureRecords returns the records of all tasks, which it makes for new ones.
func (t *Tasks) ensureRecords(ctx context.Context, now time.Time) ([]record, error) {
	records, isNew, err := t.records(ctx, now)
	if err != nil || !slices.Contains(isNew, true) {
		return records, err
	}
	err = t.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for i, task := range t.List {
			if !isNew[i] {
				continue
			}
			if found, err := tx.Get(prefix+task.Name, &records[i]); err != nil || found { // another process was faster
				return err
			}
			if err := tx.Put(prefix+task.Name, records[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return records, err
}

// records returns the records of all tasks, and which of them are not in the catalog.
func (t *Tasks) records(ctx context.Context, now time.Time) (records []record, isNew []bool, err error) {
	err = t.Catalog.View(ctx, func(tx catalog.Tx) error {
		records, isNew = make([]record, len(t.List)), make([]bool, len(t.List))
		for i, task := range t.List {
			found, err := tx.Get(prefix+task.Name, &records[i])
			if err != nil {
				return err
			}
			if !found {
				records[i].Slot, isNew[i] = now, true
			}
		}
		return nil
	})
	return records, isNew, err
}

// retryAgain is the wait before a due time is executed again that failed for a reason that may pass.
var retryAgain = failure.Backoff{Least: 5 * time.Second, Most: 5 * time.Minute}

// Outcome is how the execution of a task ended.
type Outcome struct {
	Executed bool // it was due
	Done     string
	Err      error     // of the task
	Retry    time.Time // when it is executed again; zero: at its next due time
}

// Execute executes a task if it is due. The error of the task is in the outcome: it is recorded, and if it may pass, the task is due again
// after a while; otherwise at the next due time. Other errors mean that the outcome is not recorded.
func (t *Tasks) Execute(ctx context.Context, name string) (Outcome, error) {
	i := slices.IndexFunc(t.List, func(task Task) bool { return task.Name == name })
	if i < 0 { // a process with another project folder has found it due
		return Outcome{}, failure.Wrap(failure.Transient, fmt.Errorf("the project folder of this process has no scheduled %s", name))
	}
	task, slot := &t.List[i], time.Time{}
	err := t.change(ctx, name, func(r *record) {
		now := t.now()
		if slot = r.isDue(task.Schedule, now); !slot.IsZero() {
			r.Began = now
		}
	})
	if err != nil || slot.IsZero() {
		return Outcome{}, err
	}
	done, failed := task.Execute(ctx)
	if ctx.Err() != nil {
		return Outcome{}, ctx.Err()
	}
	outcome := Outcome{Executed: true, Done: done, Err: failed}
	err = t.change(ctx, name, func(r *record) {
		r.settle(slot, t.now(), done, failed)
		outcome.Retry = r.Retry
	})
	return outcome, err
}

// change changes the record of a task.
func (t *Tasks) change(ctx context.Context, name string, change func(*record)) error {
	err := t.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var r record
		if _, err := tx.Get(prefix+name, &r); err != nil {
			return err
		}
		change(&r)
		return tx.Put(prefix+name, r)
	})
	if err != nil {
		return fmt.Errorf("record the scheduled %s: %w", name, err)
	}
	return nil
}

// settle records how an execution ended.
func (r *record) settle(slot, now time.Time, done string, failed error) {
	r.Ended, r.Done, r.Error, r.Class = now, done, "", ""
	if failed != nil {
		class := failure.Of(failed)
		r.Error, r.Class = failed.Error(), class.String()
		if class.Retryable() {
			r.Failures++
			r.Retry = now.Add(retryAgain.After(r.Failures))
			return
		}
	}
	r.Slot, r.Ran, r.Failures, r.Retry = slot, true, 0, time.Time{}
}
