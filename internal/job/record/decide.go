// Decides about all jobs of a project in one transaction: what is skipped, begins, waits, or is late.

package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// Decided is what follows from a decision.
type Decided struct {
	Start  []Ref     // all slots that are recorded as running: also those of earlier decisions, whose workflows may be lost
	Cancel []Ref     // of these, those that are to end
	Again  time.Time // when to decide again at the latest; zero: nothing is scheduled
	Ended  []Slot    // now
	Late   []Slot    // open ones that were noticed to be behind their deadlines
	Broken []error   // of jobs about which nothing can be decided, as their records are damaged
}

// Decide decides what becomes of everything that is due. It may be called at any time, by several processes: what is recorded is not decided
// again. A job whose records are damaged does not stop the others.
func (s *Slots) Decide(ctx context.Context, jobs []*project.Job) (out Decided, err error) {
	var broken []error
	for leftOut := map[string]bool{}; ; {
		out, err = s.update(ctx, jobs, func(d *decision) error { return d.all(inOrder(jobs), leftOut) })
		var one *jobError
		if !errors.As(err, &one) || failure.Of(err).Retryable() {
			out.Broken = broken
			return out, err
		}
		broken = append(broken, err)
		leftOut[one.job] = true
	}
}

// jobError is the error of a decision about one job.
type jobError struct {
	job   string
	cause error
}

func (e *jobError) Error() string {
	return fmt.Sprintf("decide about the slots of %s: %v", e.job, e.cause)
}
func (e *jobError) Unwrap() error { return e.cause }

// all decides about all jobs but those that are left out. Jobs that come after such a one wait.
func (d *decision) all(jobs []*project.Job, leftOut map[string]bool) error {
	for _, j := range jobs {
		if leftOut[j.Name] {
			d.cursors[j.Name] = time.Time{}
			continue
		}
		if err := d.job(j); err != nil {
			return &jobError{j.Name, err}
		}
	}
	return d.removed(leftOut)
}

func (s *Slots) decision(tx catalog.Tx, jobs []*project.Job) *decision {
	return &decision{tx: tx, now: s.Now().UTC(), jobs: byName(jobs), cursors: map[string]time.Time{}}
}

func byName(jobs []*project.Job) map[string]*project.Job {
	named := map[string]*project.Job{}
	for _, j := range jobs {
		named[j.Name] = j
	}
	return named
}

// inOrder returns jobs so that each comes after the one that it waits for.
func inOrder(jobs []*project.Job) (list []*project.Job) {
	var add func(j *project.Job)
	add = func(j *project.Job) {
		if slices.Contains(list, j) {
			return
		}
		if at := slices.IndexFunc(jobs, func(o *project.Job) bool { return o.Name == j.After }); at >= 0 && j.After != j.Name {
			add(jobs[at])
		}
		list = append(list, j)
	}
	for _, j := range jobs {
		add(j)
	}
	return list
}

// decision is one decision about all jobs.
type decision struct {
	Decided
	tx      catalog.Tx
	now     time.Time
	jobs    map[string]*project.Job
	cursors map[string]time.Time
}

// job decides about one job.
func (d *decision) job(j *project.Job) error {
	st, p, err := d.advance(j)
	if err != nil {
		return err
	}
	if err := d.begin(j, st, p); err != nil {
		return err
	}
	return d.tx.Put(stateKey(j.Name), st)
}

// advance records what becomes of the due times since the last decision.
func (d *decision) advance(j *project.Job) (*State, *slot.Policy, error) {
	st, found, err := readState(d.tx, j.Name)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		st.Since, st.Cursor = d.now, d.now
	}
	p := slot.PolicyOf(j, d.jobs)
	decided := p.Decide(st.Cursor, d.now, st.Paused != nil)
	for i := range decided.Verdicts {
		if err := d.record(st, &decided.Verdicts[i]); err != nil {
			return nil, nil, err
		}
	}
	st.Cursor = decided.Until
	d.cursors[j.Name] = st.Cursor
	if decided.More {
		d.again(d.now)
	} else {
		d.again(p.Due(st.Cursor))
	}
	return st, p, nil
}

// again asks for another decision at a time.
func (d *decision) again(at time.Time) {
	if !at.IsZero() && (d.Again.IsZero() || at.Before(d.Again)) {
		d.Again = at
	}
}

// record records a verdict.
func (d *decision) record(st *State, v *slot.Verdict) error {
	s := Slot{Ref: Ref{Job: st.Job, Due: v.Last}, Count: v.Count, Kind: v.Kind, State: v.State, Reason: v.Reason}
	if s.State != slot.Skipped {
		return put(d.tx, &s)
	}
	if v.Count > 1 {
		s.First = &v.First
	}
	return d.end(st, &s, slot.Skipped, v.Reason)
}

// end ends a slot that has not begun. One that is skipped joins the due times before it that were skipped for the same reason.
func (d *decision) end(st *State, s *Slot, state slot.State, reason string) error {
	if err := st.end(d.tx, s, state, reason, d.now); err != nil {
		return err
	}
	d.Ended = append(d.Ended, *s)
	if state != slot.Skipped || s.Run > 0 {
		return nil
	}
	before, err := dueBefore(d.tx, s)
	if err != nil || before == nil || before.State != slot.Skipped || before.Reason != reason {
		return err
	}
	joined := *s
	joined.First, joined.Count = &before.Due, s.Count+before.Count
	if before.First != nil {
		joined.First = before.First
	}
	if err := d.tx.Delete(slotKey(before.Ref)); err != nil {
		return err
	}
	return put(d.tx, &joined)
}

// mostBetween bounds the search beyond slots that people have asked for.
const mostBetween = 20

// dueBefore returns the slot of the due time before that of another one; nil if there is none, or many that people have asked for are between.
func dueBefore(tx catalog.Tx, s *Slot) (*Slot, error) {
	looked := 0
	for before, err := range catalog.Documents[Slot](tx, slotPrefix+s.Job+"/", slotKey(s.Ref)) {
		if err != nil || before.Run == 0 {
			return &before, err
		}
		if looked++; looked == mostBetween {
			break
		}
	}
	return nil, nil
}
