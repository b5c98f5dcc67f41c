// What is known of scheduled tasks: how the last execution ended, and what comes next.

package scheduled

import (
	"context"
	"fmt"
	"time"
)

// State is what a task does, or waits for.
type State string

// The states.
const (
	Waiting  State = "waiting"  // for its next due time
	Due      State = "due"      // it is executed as soon as those before it have ended
	Running  State = "running"  // or it was interrupted, and is executed again
	Retrying State = "retrying" // it failed for a reason that may pass, and is executed again
)

// Status is a task with its last execution.
type Status struct {
	Task     string     `json:"task"`
	Schedule string     `json:"schedule"`
	State    State      `json:"state"`
	Next     *time.Time `json:"next"`      // the next due time; with Retrying, when it is executed again
	WaitsFor []string   `json:"waits_for"` // the tasks that are executed before it; with Due
	Slot     *time.Time `json:"slot"`      // the last due time that was executed
	Began    *time.Time `json:"began"`     // of the last execution; also below
	Ended    *time.Time `json:"ended"`
	Done     string     `json:"done,omitempty"`
	Error    string     `json:"error,omitempty"`
	Class    string     `json:"class,omitempty"` // of the error
}

// Status returns the tasks in the order in which they are executed.
func (t *Tasks) Status(ctx context.Context) ([]Status, error) {
	now := t.now()
	records, _, err := t.records(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read the scheduled tasks: %w", err)
	}
	list, before := make([]Status, len(t.List)), []string{}
	for i, task := range t.List {
		list[i] = records[i].status(task, now)
		if list[i].State == Due {
			list[i].WaitsFor = append(list[i].WaitsFor, before...)
		}
		if list[i].State == Due || list[i].State == Running {
			before = append(before, task.Name)
		}
	}
	return list, nil
}

func (r *record) status(task Task, now time.Time) Status {
	s := Status{
		Task: task.Name, Schedule: task.Schedule.String(), State: Waiting, WaitsFor: []string{}, Done: r.Done, Error: r.Error, Class: r.Class,
		Began: known(r.Began), Ended: known(r.Ended), Next: known(r.next(task.Schedule, now)),
	}
	if r.Ran {
		s.Slot = known(r.Slot)
	}
	switch {
	case r.isDue(task.Schedule, now).IsZero():
	case r.Began.After(r.Ended):
		s.State = Running
	case r.Retry.After(now):
		s.State = Retrying
	default:
		s.State = Due
	}
	return s
}

// known returns a time that is not zero, or nil.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
