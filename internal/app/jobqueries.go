// What is known of jobs: their states, slots and tasks, and what the tasks have written.

package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"
	"bursar/internal/role"
)

// The states of a job.
const (
	JobActive  = "active"
	JobPaused  = "paused"
	JobRemoved = "removed" // it is not declared any more; its slots are kept
)

// JobStatus is what is known of a job.
type JobStatus struct {
	Name     string          `json:"job"`
	Schedule string          `json:"schedule,omitempty"`
	After    string          `json:"after,omitempty"`
	Zone     string          `json:"zone"`
	State    string          `json:"state"`
	Since    *time.Time      `json:"since,omitempty"` // nothing before was due; nil: no process has decided about the job yet
	Paused   *time.Time      `json:"paused,omitempty"`
	PausedBy string          `json:"paused_by,omitempty"`
	Running  int             `json:"running"`
	Waiting  int             `json:"waiting"`
	Next     *time.Time      `json:"next,omitempty"`
	Last     *record.Slot    `json:"last,omitempty"`
	Counters record.Counters `json:"counters"`
}

// FindJob finds a job by its name: one that is declared, or else one whose slots are kept, which is due never and in UTC. known are the names of
// the jobs that there are.
func (a *App) FindJob(ctx context.Context, name string) (j *project.Job, known []string, err error) {
	if declared := a.Project.Job(name); declared != nil {
		return declared, nil, nil
	}
	states, err := a.slots().States(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, kept := states[name]; kept {
		return &project.Job{Name: name, Zone: time.UTC}, nil, nil
	}
	for _, j := range a.Project.Jobs {
		known = append(known, j.Name)
	}
	return nil, known, nil
}

// JobStatus returns the states of all jobs in the order of their names, also of those that were removed.
func (a *App) JobStatus(ctx context.Context) ([]JobStatus, error) {
	states, err := a.slots().States(ctx)
	if err != nil {
		return nil, err
	}
	list := []JobStatus{}
	for _, j := range a.Project.Jobs {
		st, known := states[j.Name]
		delete(states, j.Name)
		one, err := a.jobStatus(ctx, j, &st, known)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	for name, st := range states {
		one, err := a.jobStatus(ctx, &project.Job{Name: name, Zone: time.UTC}, &st, true)
		if err != nil {
			return nil, err
		}
		one.State = JobRemoved
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b JobStatus) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (a *App) jobStatus(ctx context.Context, j *project.Job, st *record.State, known bool) (JobStatus, error) {
	one := JobStatus{
		Name: j.Name, Schedule: j.Schedule.String(), After: j.After, Zone: cmp.Or(j.Zone, time.UTC).String(), State: JobActive,
		Counters: st.Counters,
	}
	if known {
		one.Since = &st.Since
	}
	if st.Paused != nil {
		one.State, one.Paused, one.PausedBy = JobPaused, st.Paused, st.PausedBy
	}
	if next := a.JobDue(j, 1); len(next) > 0 {
		one.Next = &next[0]
	}
	running, waiting, err := a.slots().Open(ctx, j.Name)
	if err != nil {
		return one, err
	}
	one.Running, one.Waiting = len(running), len(waiting)
	last, _, err := a.slots().List(ctx, record.Query{Job: j.Name, Limit: 1})
	if len(last) > 0 {
		one.Last = &last[0]
	}
	return one, err
}

// JobDue returns the next due times of a job, at most so many.
func (a *App) JobDue(j *project.Job, most int) (list []time.Time) {
	next := record.DueTimes(a.Project.Jobs, j)
	for due := next(time.Now()); !due.IsZero() && len(list) < most; due = next(due) {
		list = append(list, due)
	}
	return list
}

// JobSlots returns slots of a job, the newest first; truncated is whether there are more.
func (a *App) JobSlots(ctx context.Context, q record.Query) (list []record.Slot, truncated bool, err error) {
	return a.slots().List(ctx, q)
}

// JobSlot returns a slot.
func (a *App) JobSlot(ctx context.Context, ref record.Ref) (record.Slot, error) {
	return a.slots().Get(ctx, ref)
}

// NewestJobSlot returns the newest run of a due time.
func (a *App) NewestJobSlot(ctx context.Context, job string, due time.Time) (record.Slot, error) {
	return a.slots().Newest(ctx, job, due)
}

// LatestJobSlot returns the newest slot of a job, or the newest that has begun.
func (a *App) LatestJobSlot(ctx context.Context, job string, begun bool) (record.Slot, error) {
	q := record.Query{Job: job, Limit: 1}
	if begun {
		q.States = []slot.State{slot.Running, slot.Done, slot.Failed, slot.Late}
	}
	list, _, err := a.slots().List(ctx, q)
	if err != nil {
		return record.Slot{}, err
	}
	if len(list) == 0 {
		return record.Slot{}, &record.NotFoundError{What: "slot of job " + job}
	}
	return list[0], nil
}

// JobExplanation says why a slot is as it is.
type JobExplanation struct {
	record.Explanation
	Progress *record.Summary `json:"progress,omitempty"` // of a slot that is executed
	Idle     bool            `json:"idle,omitempty"`     // nothing is up that executes it
	Failed   []chunk.Task    `json:"failed,omitempty"`   // the first tasks that have failed
	Retried  []chunk.Task    `json:"retried,omitempty"`  // the first tasks that have failed, and wait for their next attempt
}

// shownFailures bounds the tasks that an explanation names.
const shownFailures = 5

// JobWhy explains a slot, which may be due in the future.
func (a *App) JobWhy(ctx context.Context, j *project.Job, ref record.Ref) (e JobExplanation, err error) {
	if e.Explanation, err = a.slots().Why(ctx, a.Project.Jobs, j, ref); err != nil || !e.Known {
		return e, err
	}
	switch e.Slot.State {
	case slot.Running:
		summary, _, err := a.work().Summarize(ctx, e.Slot.Ref)
		if err != nil {
			return e, err
		}
		e.Progress = &summary
		e.Idle = !a.ExecutesJobs(ctx)
	case slot.Failed:
	default:
		return e, nil
	}
	err = a.addFailures(ctx, &e)
	return e, err
}

// ExecutesJobs reports whether a process is up that executes slots. If that cannot be found out, one may be.
func (a *App) ExecutesJobs(ctx context.Context) bool {
	if !a.IsShared() {
		return a.followsJobs() // else `bursar up` would execute this command
	}
	processes, err := a.Processes(ctx)
	return err != nil || slices.ContainsFunc(processes, func(p Process) bool {
		return p.Silent == nil && slices.Contains(p.Roles, role.Job)
	})
}

// addFailures adds the first tasks that have failed, and the first that are tried again.
func (a *App) addFailures(ctx context.Context, e *JobExplanation) error {
	return a.JobTasks(ctx, e.Slot.Ref, func(t *chunk.Task) error {
		switch {
		case t.State == chunk.Failed && len(e.Failed) < shownFailures:
			e.Failed = append(e.Failed, *t)
		case t.State == chunk.Waiting && !t.Retry.IsZero() && e.Slot.State == slot.Running && len(e.Retried) < shownFailures:
			e.Retried = append(e.Retried, *t)
		}
		if len(e.Failed) == shownFailures && (len(e.Retried) == shownFailures || e.Slot.State != slot.Running) {
			return failure.ErrStop
		}
		return nil
	})
}

// JobTasks calls fn for each task of a slot, until it fails.
func (a *App) JobTasks(ctx context.Context, ref record.Ref, fn func(*chunk.Task) error) error {
	return a.work().EachTask(ctx, ref, fn)
}

// JobOutput calls fn for what each attempt of a slot's tasks has written, until it fails. A nil key means all tasks.
func (a *App) JobOutput(ctx context.Context, ref record.Ref, key *string, fn func(chunk.Output) error) error {
	return a.work().EachOutput(ctx, ref, key, fn)
}
