// What people ask for: slots by hand, backfills, and pauses.

package record

import (
	"context"
	"fmt"
	"iter"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// RunNow records that a person asks for a slot; a zero due time is now. A due time that has slots gets the next run.
func (s *Slots) RunNow(ctx context.Context, j *project.Job, due time.Time, by string) (ref Ref, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		now := s.Now().UTC().Truncate(time.Second)
		ref = Ref{Job: j.Name, Due: due.UTC().Truncate(time.Second)}
		if due.IsZero() {
			ref.Due = now
		}
		if ref.Due.After(now) {
			return failure.Wrap(failure.Data, fmt.Errorf("run %s: it is due in the future; it cannot have been missed", ref))
		}
		if ref.Due.Unix() < 0 {
			return failure.Wrap(failure.Data, fmt.Errorf("run %s: it is due before 1970", ref))
		}
		if err := s.ensureState(tx, j.Name); err != nil {
			return err
		}
		before, err := newestRun(tx, ref)
		switch {
		case err != nil:
			return err
		case before != nil && before.State.IsOpen():
			return failure.Wrap(failure.Data, fmt.Errorf("run %s: it is %s: `bursar job why %s %s` says more", before.Ref, before.State, j.Name, before.Due.Format(time.RFC3339)))
		case before != nil:
			ref.Run = before.Run + 1
		default:
			ref.Run = 1
		}
		return put(tx, &Slot{Ref: ref, Count: 1, Kind: slot.Manual, State: slot.Waiting, By: by})
	})
	return ref, err
}

// Begin lets one waiting slot begin, if it may, where nothing decides about the others.
func (s *Slots) Begin(ctx context.Context, jobs []*project.Job, j *project.Job, ref Ref) (out Slot, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		found, err := existing(tx, ref)
		if err != nil {
			return err
		}
		out = *found
		if out.State != slot.Waiting {
			return nil
		}
		d := s.decision(tx, jobs)
		st, _, err := readState(tx, j.Name)
		if err != nil {
			return err
		}
		running, err := slotsOf(tx, runningPrefix, j.Name)
		if err != nil {
			return err
		}
		executed := slot.Executed{}
		for i := range running {
			executed[running[i].Kind]++
		}
		if err := d.waiting(j, st, slot.PolicyOf(j, d.jobs), &out, executed); err != nil {
			return err
		}
		return tx.Put(stateKey(j.Name), st)
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

func (s *Slots) ensureState(tx catalog.Tx, job string) error {
	st, found, err := readState(tx, job)
	if err != nil || found {
		return err
	}
	st.Since = s.Now().UTC()
	st.Cursor = st.Since
	return tx.Put(stateKey(job), st)
}

// Backfilled is what a backfill has recorded.
type Backfilled struct {
	Recorded int   `json:"recorded"` // slots that wait now
	Existing int   `json:"existing"` // due times with a slot that is done, or open
	Slots    []Ref `json:"slots,omitempty"`
}

// mostBackfilled bounds the due times of a backfill.
const mostBackfilled = 10_000

// Backfill records waiting slots for the due times from one time until before another. Due times that have a slot which is done, or open, are
// left out, unless all are asked for: then only open ones. The slots follow one another.
func (s *Slots) Backfill(ctx context.Context, jobs []*project.Job, j *project.Job, from, to time.Time, all bool, by string) (out Backfilled, err error) {
	err = s.onceDecided(ctx, jobs, j, func(tx catalog.Tx, st *State, _ time.Time) error {
		out = Backfilled{}
		dues, err := backfilled(j.Name, slot.PolicyOf(j, byName(jobs)), from, to, st.Cursor)
		if err != nil {
			return err
		}
		for _, due := range dues {
			if err := out.add(tx, Ref{Job: j.Name, Due: due}, all, by); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// backfilled returns the due times from one time until before another that are not after the cursor of a job.
func backfilled(job string, p *slot.Policy, from, to, cursor time.Time) (dues []time.Time, err error) {
	for due := p.Due(from.Add(-time.Nanosecond)); !due.IsZero() && due.Before(to) && !due.After(cursor); due = p.Due(due) {
		if len(dues) == mostBackfilled {
			return nil, failure.Wrap(failure.Data, fmt.Errorf("backfill %s: there are more than %d due times: choose a shorter interval", job, mostBackfilled))
		}
		dues = append(dues, due)
	}
	return dues, nil
}

func (b *Backfilled) add(tx catalog.Tx, ref Ref, all bool, by string) error {
	ref.Run = 1
	for before, err := range runsOf(tx, ref) {
		if err != nil {
			return err
		}
		if before.State.IsOpen() || !all && (before.State == slot.Done || before.State == slot.Late) {
			b.Existing++
			return nil
		}
		ref.Run = max(ref.Run, before.Run+1)
	}
	b.Recorded++
	b.Slots = append(b.Slots, ref)
	return put(tx, &Slot{Ref: ref, Count: 1, Kind: slot.Backfill, State: slot.Waiting, By: by})
}

// runsOf yields the slots of one due time, the newest run first.
func runsOf(tx catalog.Tx, ref Ref) iter.Seq2[Slot, error] {
	prefix := slotPrefix + ref.Job + "/"
	return catalog.Documents[Slot](tx, prefix+newestFrom(ref.Due)+"/", "")
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
	err = s.onceDecided(ctx, jobs, j, func(_ catalog.Tx, st *State, now time.Time) error {
		changed = change(st, now)
		return nil
	})
	return changed, err
}

// onceDecided calls fn in the transaction in which the last of what was due of a job is decided: what a person asks for concerns what is due
// later, or is compared with the slots of what was due before.
func (s *Slots) onceDecided(ctx context.Context, jobs []*project.Job, j *project.Job, fn func(tx catalog.Tx, st *State, now time.Time) error) (err error) {
	for more := true; more && err == nil; {
		err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
			d := s.decision(tx, jobs)
			st, _, err := d.advance(j)
			if err != nil {
				return err
			}
			if more = d.Again.Equal(d.now); !more {
				if err := fn(tx, st, d.now); err != nil {
					return err
				}
			}
			return tx.Put(stateKey(j.Name), st)
		})
	}
	return err
}
