// Lets waiting slots begin, and notices those that are behind their deadlines.

package record

import (
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// mostQueued bounds the slots of a job that were on time and wait; the oldest are skipped. After days in which none could begin, as the job that
// they come after was executed, they do not all begin at once.
const mostQueued = 100

// mostLooked bounds the waiting slots of a job that one decision looks at. It is more than mostQueued, so that those which are on time hide none
// that people have asked for.
const mostLooked = 2 * mostQueued

// begin lets the waiting slots of a job begin for which it is time, and lists those that are executed.
func (d *decision) begin(j *project.Job, st *State, p *slot.Policy) error {
	executed, err := d.listExecuted(j)
	if err != nil {
		return err
	}
	waiting, err := firstWaiting(d.tx, j.Name)
	if err != nil {
		return err
	}
	looked, changed := len(waiting), len(d.Start)+len(d.Ended)
	if waiting, err = d.bound(st, waiting); err != nil {
		return err
	}
	for _, s := range waiting {
		if err := d.waiting(j, st, p, s, executed); err != nil {
			return err
		}
	}
	if looked == mostLooked && len(d.Start)+len(d.Ended) > changed {
		d.again(d.now) // there may be more that begin
	}
	return nil
}

// bound skips the oldest of the slots that were on time and wait if they are too many, and returns the others.
func (d *decision) bound(st *State, waiting []*Slot) (rest []*Slot, err error) {
	tooMany := -mostQueued
	for _, s := range waiting {
		if s.Kind == slot.Scheduled {
			tooMany++
		}
	}
	for i, s := range waiting { // those that were on time come first
		if i >= tooMany {
			return waiting[i:], nil
		}
		if err := d.end(st, s, slot.Skipped, slot.ByOverlap); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// firstWaiting returns the waiting slots of a job that begin first.
func firstWaiting(tx catalog.Tx, job string) (list []*Slot, err error) {
	var refs []Ref
	for ref, err := range catalog.Documents[Ref](tx, waitingPrefix+job+"/", "") {
		if err != nil {
			return nil, err
		}
		if refs = append(refs, ref); len(refs) == mostLooked {
			break
		}
	}
	for _, ref := range refs {
		s, err := listed(tx, ref)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// listExecuted lists the slots of a job that are executed, and counts them.
func (d *decision) listExecuted(j *project.Job) (slot.Executed, error) {
	running, err := catalog.All[Ref](d.tx, runningPrefix+j.Name+"/", "")
	if err != nil {
		return nil, err
	}
	executed := slot.Executed{}
	for _, ref := range running {
		s, err := listed(d.tx, ref)
		if err != nil {
			return nil, err
		}
		executed[s.Kind]++
		d.Start = append(d.Start, ref)
		if s.CancelAsked != nil {
			d.Cancel = append(d.Cancel, ref)
		}
		if err := d.watch(j, s); err != nil {
			return nil, err
		}
	}
	return executed, nil
}

// watch notices that an open slot has not ended by its deadline.
func (d *decision) watch(j *project.Job, s *Slot) error {
	if j.Deadline == 0 || s.Overdue != nil || s.Began == nil && s.Kind != slot.Scheduled {
		return nil
	}
	if deadline := deadlineOf(j, s); d.now.Before(deadline) {
		d.again(deadline)
		return nil
	}
	s.Overdue = &d.now
	d.Late = append(d.Late, *s)
	return put(d.tx, s)
}

// deadlineOf returns when a slot is late: that of one which a person has asked for, or that was missed, counts from its begin.
func deadlineOf(j *project.Job, s *Slot) time.Time {
	if s.Kind != slot.Scheduled && s.Began != nil {
		return s.Began.Add(j.Deadline)
	}
	return s.Due.Add(j.Deadline)
}

// waiting decides about a waiting slot.
func (d *decision) waiting(j *project.Job, st *State, p *slot.Policy, s *Slot, executed slot.Executed) error {
	if st.Paused != nil && s.Kind != slot.Manual {
		return nil
	}
	switch p.Begin(s.Kind, executed) {
	case slot.Skip:
		return d.end(st, s, slot.Skipped, slot.ByOverlap)
	case slot.CancelRunning:
		return d.cancelFor(j, st, s)
	case slot.Wait:
		return d.watch(j, s)
	}
	if ready, err := d.after(j, st, s); err != nil || !ready {
		return err
	}
	if !d.permitted(j, st, s) {
		return nil
	}
	s.State, s.Began = slot.Running, &d.now
	executed[s.Kind]++
	st.Counters.Fired++
	d.Start = append(d.Start, s.Ref)
	if err := put(d.tx, s); err != nil {
		return err
	}
	return d.watch(j, s)
}

// cancelFor cancels the executed slots of a job for a newer one that is due, and skips others that wait before it.
func (d *decision) cancelFor(j *project.Job, st *State, s *Slot) error {
	waiting, err := firstWaiting(d.tx, j.Name)
	if err != nil {
		return err
	}
	for _, other := range waiting {
		if other.Kind == slot.Scheduled && other.Due.After(s.Due) {
			return d.end(st, s, slot.Skipped, slot.ByOverlap)
		}
	}
	running, err := catalog.All[Ref](d.tx, runningPrefix+j.Name+"/", "")
	if err != nil {
		return err
	}
	for _, ref := range running {
		other, err := listed(d.tx, ref)
		if err != nil {
			return err
		}
		if other.Kind != slot.Scheduled || other.CancelAsked != nil {
			continue
		}
		other.CancelAsked, other.CancelBy = &d.now, "overlap: "+s.In(zoneOf(j))+" is due"
		d.Cancel = append(d.Cancel, ref)
		if err := put(d.tx, other); err != nil {
			return err
		}
	}
	return nil
}

// permitted takes a permit of catch_up.rate for a slot that was missed or is backfilled.
func (d *decision) permitted(j *project.Job, st *State, s *Slot) bool {
	rate := j.CatchUp.Rate
	if rate.Count == 0 || s.Kind != slot.Missed && s.Kind != slot.Backfill {
		return true
	}
	if window := d.now.Truncate(rate.Per); window.After(st.Window) {
		st.Window, st.Begun = window, 0
	}
	if st.Begun >= rate.Count {
		d.again(st.Window.Add(rate.Per))
		return false
	}
	st.Begun++
	return true
}
