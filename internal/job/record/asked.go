// What people ask for: slots by hand, and pauses.

package record

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// RunNow records that a person asks for a slot; a zero due time is now. A slot of the due time that waits becomes the one that is asked
// for; otherwise the due time gets the next run. A due time that nothing has decided about is decided first: what was due is executed once.
func (s *Slots) RunNow(ctx context.Context, jobs []*project.Job, j *project.Job, due time.Time, by string) (ref Ref, err error) {
	now := s.Now().UTC().Truncate(time.Second)
	ref = Ref{Job: j.Name, Due: due.UTC().Truncate(time.Second)}
	if due.IsZero() {
		ref.Due = now
	}
	if ref.Due.After(now) {
		return ref, failure.Wrap(failure.Data, fmt.Errorf("run %s: it is due in the future; it cannot have been missed", ref.In(zoneOf(j))))
	}
	if err := checkDue(ref.Due); err != nil {
		return ref, fmt.Errorf("run %s: %w", ref.In(zoneOf(j)), err)
	}
	undecided, err := s.isUndecided(ctx, jobs, j, ref.Due)
	if err != nil {
		return ref, err
	}
	if undecided {
		err = s.onceDecided(ctx, jobs, j, func(d *decision, _ *State) error { return d.ask(j, &ref, by) })
	} else {
		_, err = s.update(ctx, jobs, func(d *decision) error {
			if err := d.ensureState(j.Name); err != nil {
				return err
			}
			return d.ask(j, &ref, by)
		})
	}
	return ref, err
}

// checkDue refuses due times that references to slots cannot have.
func checkDue(due time.Time) error {
	if due.Unix() < 0 {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is before 1970", due.Format(time.RFC3339)))
	}
	return nil
}

// isUndecided reports whether a job was due at a time about which nothing is recorded yet.
func (s *Slots) isUndecided(ctx context.Context, jobs []*project.Job, j *project.Job, due time.Time) (bool, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (bool, error) {
		st, isSeen, err := readState(tx, j.Name)
		if err != nil || !isSeen || !due.After(st.Cursor) {
			return false, err
		}
		return slot.PolicyOf(j, byName(jobs)).Due(due.Add(-time.Second)).Equal(due), nil
	})
}

// ask records that a person asks for a slot of a due time, and sets its run.
func (d *decision) ask(j *project.Job, ref *Ref, by string) error {
	before, err := newestRun(d.tx, *ref)
	if err != nil {
		return err
	}
	run := 1
	switch {
	case before == nil:
	case before.State == slot.Waiting && before.Kind != slot.Manual:
		if err := d.tx.Delete(waitingKey(before)); err != nil { // it has the kind
			return err
		}
		run = before.Run
	case before.State.IsOpen():
		return failure.Wrap(failure.Data, fmt.Errorf("run %s: it is %s: `bursar job why %s %s` says more", before.In(zoneOf(j)), before.State, ref.Job, before.Due.In(zoneOf(j)).Format(time.RFC3339)))
	default:
		run = before.Run + 1
	}
	ref.Run = run
	return put(d.tx, &Slot{Ref: *ref, Count: 1, Kind: slot.Manual, State: slot.Waiting, By: by})
}

// RunFailed records that a person asks for what is not done of a due time whose newest run has ended: its next run has only the tasks of that
// run that are neither done nor excluded. A run that was not divided into tasks has left those of the run before.
func (s *Slots) RunFailed(ctx context.Context, jobs []*project.Job, j *project.Job, due time.Time, by string) (ref Ref, err error) {
	ref = Ref{Job: j.Name, Due: due.UTC().Truncate(time.Second)}
	_, err = s.update(ctx, jobs, func(d *decision) error {
		before, err := newestRun(d.tx, ref)
		if err != nil {
			return err
		}
		switch {
		case before == nil:
			return notFound(ref)
		case before.State.IsOpen():
			return failure.Wrap(failure.Data, fmt.Errorf("run what has failed of %s: it is %s: wait until it has ended", before.In(zoneOf(j)), before.State))
		case before.State == slot.Done, before.State == slot.Late, before.Summary.Tasks > 0 && before.Summary.Failed+before.Summary.Cancelled == 0:
			return failure.Wrap(failure.Data, fmt.Errorf("run what has failed of %s: all its tasks are done or excluded", before.In(zoneOf(j))))
		}
		ref.Run = before.Run + 1
		next := &Slot{Ref: ref, Count: 1, Kind: slot.Manual, State: slot.Waiting, By: by}
		if err := next.onlyFailed(d.tx); err != nil {
			return err
		}
		return put(d.tx, next)
	})
	return ref, err
}

// onlyFailed gives a slot what the newest run that had tasks has left. If there is none, the slot has all tasks.
func (s *Slot) onlyFailed(tx catalog.Tx) error {
	for before, err := range runsOf(tx, s.Ref) {
		if err != nil {
			return err
		}
		if before.Summary.Tasks == 0 { // it has executed nothing
			continue
		}
		s.FailedOf, s.FirstRun = &before.Run, before.FirstRun
		if s.FirstRun == nil {
			s.FirstRun = s.FailedOf
		}
		return nil
	}
	return nil
}

// Begin lets one slot begin that a person has asked for, if it may, where nothing decides about the others.
func (s *Slots) Begin(ctx context.Context, jobs []*project.Job, j *project.Job, ref Ref) (out Slot, err error) {
	_, err = s.update(ctx, jobs, func(d *decision) error {
		found, err := existing(d.tx, ref)
		if err != nil {
			return err
		}
		out = *found
		if out.State != slot.Waiting {
			return nil
		}
		st, _, err := readState(d.tx, j.Name)
		if err != nil {
			return err
		}
		executed, err := d.listExecuted(j)
		if err != nil {
			return err
		}
		if err := d.waiting(j, st, slot.PolicyOf(j, d.jobs), &out, executed); err != nil {
			return err
		}
		return d.tx.Put(stateKey(j.Name), st)
	})
	return out, err
}

// newestRun returns the newest slot of exactly one due time, which is not a range; nil if there is none.
func newestRun(tx catalog.Tx, ref Ref) (*Slot, error) {
	s, err := newest(tx, ref.Job, ref.Due)
	if s == nil || err != nil || !s.Due.Equal(ref.Due) {
		return nil, err
	}
	return s, nil
}

func (d *decision) ensureState(job string) error {
	st, found, err := readState(d.tx, job)
	if err != nil || found {
		return err
	}
	st.Since, st.Cursor = d.now, d.now
	return d.tx.Put(stateKey(job), st)
}

// Pause makes a job skip what is due from now until Resume. Slots that are executed go on; those that wait, wait.
func (s *Slots) Pause(ctx context.Context, jobs []*project.Job, j *project.Job, by string) (changed bool, err error) {
	return s.changeState(ctx, jobs, j, func(st *State, now time.Time) bool {
		if st.Paused != nil {
			return false
		}
		st.Paused, st.PausedBy = &now, by
		return true
	})
}

// Resume ends a pause. What was due meanwhile was skipped.
func (s *Slots) Resume(ctx context.Context, jobs []*project.Job, j *project.Job) (changed bool, err error) {
	return s.changeState(ctx, jobs, j, func(st *State, _ time.Time) bool {
		if st.Paused == nil {
			return false
		}
		st.Paused, st.PausedBy = nil, ""
		return true
	})
}

// changeState changes the state of a job.
func (s *Slots) changeState(ctx context.Context, jobs []*project.Job, j *project.Job, change func(st *State, now time.Time) bool) (changed bool, err error) {
	err = s.onceDecided(ctx, jobs, j, func(d *decision, st *State) error {
		changed = change(st, d.now)
		return nil
	})
	return changed, err
}

// onceDecided calls fn in the transaction in which the last of what was due of a job is decided: what a person asks for concerns what is due
// later, or is compared with the slots of what was due before.
func (s *Slots) onceDecided(ctx context.Context, jobs []*project.Job, j *project.Job, fn func(*decision, *State) error) (err error) {
	for more := true; more && err == nil; {
		_, err = s.update(ctx, jobs, func(d *decision) error {
			more, err = d.onceDecided(j, fn)
			return err
		})
	}
	return err
}

// onceDecided decides about what was due of a job, and then calls fn, unless there is more to decide.
func (d *decision) onceDecided(j *project.Job, fn func(*decision, *State) error) (more bool, err error) {
	d.Again = time.Time{}
	st, _, err := d.advance(j)
	if err != nil {
		return false, err
	}
	if more = d.Again.Equal(d.now); !more {
		if err := fn(d, st); err != nil {
			return false, err
		}
	}
	return more, d.tx.Put(stateKey(j.Name), st)
}
