// Backfills: slots of the past that people ask for.

package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// Interval is what a backfill fills in: the due times from one time until before another.
type Interval struct {
	From, To time.Time
	Again    bool // also due times whose slot is done
	Dry      bool // nothing is recorded
}

// Backfilled is what a backfill has recorded.
type Backfilled struct {
	Recorded int   `json:"recorded"` // slots that wait now
	Existing int   `json:"existing"` // due times with a slot that is done, or open
	Slots    []Ref `json:"slots,omitempty"`
}

// mostBackfilled bounds the due times of a backfill.
const mostBackfilled = 10_000

// Backfill records waiting slots for the due times of an interval. Due times that have a slot which is done, or open, are left out; those that
// are done are executed again if that is asked for. The slots follow one another.
func (s *Slots) Backfill(ctx context.Context, jobs []*project.Job, j *project.Job, in Interval, by string) (out Backfilled, err error) {
	if err := checkDue(in.From); err != nil {
		return out, fmt.Errorf("backfill %s: %w", j.Name, err)
	}
	fn := func(d *decision, st *State) (err error) {
		out, err = d.backfill(j, st, &in, by)
		return err
	}
	if in.Dry {
		err = s.undone(ctx, jobs, j, fn)
	} else {
		err = s.onceDecided(ctx, jobs, j, fn)
	}
	return out, err
}

var errUndone = errors.New("the transaction is undone")

// undone is onceDecided, all in one transaction, which is undone.
func (s *Slots) undone(ctx context.Context, jobs []*project.Job, j *project.Job, fn func(*decision, *State) error) error {
	_, err := s.update(ctx, jobs, func(d *decision) (err error) {
		for more := true; more && err == nil; {
			more, err = d.onceDecided(j, fn)
		}
		return cmp.Or(err, errUndone)
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// backfill records the slots of an interval.
func (d *decision) backfill(j *project.Job, st *State, in *Interval, by string) (out Backfilled, err error) {
	dues, err := backfilled(j.Name, slot.PolicyOf(j, d.jobs), in, st.Cursor)
	for i := 0; i < len(dues) && err == nil; i++ {
		err = out.add(d.tx, Ref{Job: j.Name, Due: dues[i]}, in.Again, by)
	}
	return out, err
}

// backfilled returns the due times of an interval that are not after the cursor of a job.
func backfilled(job string, p *slot.Policy, in *Interval, cursor time.Time) (dues []time.Time, err error) {
	for due := p.Due(in.From.Add(-time.Nanosecond)); !due.IsZero() && due.Before(in.To) && !due.After(cursor); due = p.Due(due) {
		if len(dues) == mostBackfilled {
			return nil, failure.Wrap(failure.Data, fmt.Errorf("backfill %s: there are more than %d due times: choose a shorter interval", job, mostBackfilled))
		}
		dues = append(dues, due)
	}
	return dues, nil
}

func (b *Backfilled) add(tx catalog.Tx, ref Ref, again bool, by string) error {
	ref.Run = 1
	for before, err := range runsOf(tx, ref) {
		if err != nil {
			return err
		}
		if before.State.IsOpen() || !again && (before.State == slot.Done || before.State == slot.Late) {
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
