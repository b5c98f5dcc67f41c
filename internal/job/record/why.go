// Explains slots: what one waits for, and when it may begin.

package record

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// Explanation says why a slot is as it is.
type Explanation struct {
	Slot  Slot     `json:"slot"`
	Known bool     `json:"recorded"` // false: it is due in the future, or nothing has looked since
	Waits []string `json:"waits_for,omitempty"`
	// Begins is when it begins as things are; zero if that is unknown. Where others have to end before, it is guessed from how long they took.
	Begins time.Time `json:"begins,omitzero"`
}

// Why explains a slot, which may be due in the future.
func (s *Slots) Why(ctx context.Context, jobs []*project.Job, j *project.Job, ref Ref) (Explanation, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (Explanation, error) {
		e := &explaining{decision: s.decision(tx, jobs), j: j}
		st, isSeen, err := readState(tx, j.Name)
		if err != nil {
			return Explanation{}, err
		}
		if !isSeen {
			st.Cursor = e.now // nothing before will be due
		}
		e.state = st
		found, err := find(tx, ref)
		switch {
		case err != nil:
			return Explanation{}, err
		case found != nil:
			e.Explanation = Explanation{Slot: *found, Known: true}
		case ref.Run == 0 && ref.Due.After(st.Cursor) && slot.PolicyOf(j, e.jobs).Due(ref.Due.Add(-time.Second)).Equal(ref.Due):
			e.Slot = Slot{Ref: ref, Count: 1, Kind: slot.Scheduled, State: slot.Waiting}
		default:
			return Explanation{}, notFound(ref)
		}
		return e.Explanation, e.explain()
	})
}

// explaining collects what a slot waits for.
type explaining struct {
	*decision
	Explanation
	j     *project.Job
	state *State
}

func (e *explaining) explain() error {
	if e.Slot.State != slot.Waiting {
		return nil
	}
	e.Begins = e.now
	if e.Slot.Due.After(e.now) {
		e.Begins = e.Slot.Due
		e.Waits = append(e.Waits, "its due time")
	}
	if e.state.Paused != nil && e.Slot.Kind != slot.Manual {
		e.Begins = time.Time{}
		e.Waits = append(e.Waits, fmt.Sprintf("the job is paused by %s since %s: `bursar job resume %s`", e.state.PausedBy, e.state.Paused.Format(time.RFC3339), e.j.Name))
		return nil
	}
	if err := e.othersFirst(); err != nil {
		return err
	}
	if err := e.jobBefore(); err != nil {
		return err
	}
	return e.rate()
}

// othersFirst lists the slots of the same job that are executed, or begin before.
func (e *explaining) othersFirst() error {
	running, err := slotsOf(e.tx, runningPrefix, e.j.Name)
	if err != nil {
		return err
	}
	executed := slot.Executed{}
	for i := range running {
		executed[running[i].Kind]++
	}
	p := slot.PolicyOf(e.j, e.jobs)
	if p.Begin(e.Slot.Kind, executed) == slot.Begin {
		return nil
	}
	usual, err := e.usualTime()
	if err != nil {
		return err
	}
	before := 0
	waiting, err := slotsOf(e.tx, waitingPrefix, e.j.Name)
	for i := range waiting {
		if waitingKey(&waiting[i]) < waitingKey(&e.Slot) {
			before++
		}
	}
	for i := range running {
		e.Waits = append(e.Waits, fmt.Sprintf("%s is executed since %s", running[i].Ref, running[i].Began.Format(time.RFC3339)))
	}
	if before > 0 {
		e.Waits = append(e.Waits, fmt.Sprintf("%d slots that begin before it", before))
	}
	if usual == 0 {
		e.Begins = time.Time{}
		return err
	}
	if ends := running[0].Began.Add(usual * time.Duration(before+1)); ends.After(e.Begins) {
		e.Begins = ends
	}
	return err
}

// usualTime returns how long the last slots of the job took on average; 0 if none is done.
func (e *explaining) usualTime() (time.Duration, error) {
	const some = 10
	var sum time.Duration
	n := 0
	for s, err := range catalog.Documents[Slot](e.tx, slotPrefix+e.j.Name+"/", "") {
		if err != nil {
			return 0, err
		}
		if (s.State == slot.Done || s.State == slot.Late) && s.Began != nil && s.Ended != nil {
			sum += s.Ended.Sub(*s.Began)
			if n++; n == some {
				break
			}
		}
	}
	return sum / time.Duration(max(n, 1)), nil
}

// jobBefore adds the slot of the job that this one comes after.
func (e *explaining) jobBefore() error {
	if e.j.After == "" || e.Slot.Kind == slot.Manual {
		return nil
	}
	st, _, err := readState(e.tx, e.j.After)
	if err != nil {
		return err
	}
	before, err := slotBefore(e.tx, e.j.After, e.Slot.Due)
	switch {
	case err != nil:
		return err
	case before != nil && before.State.IsOpen():
		e.Waits = append(e.Waits, fmt.Sprintf("%s is %s", before.Ref, before.State))
	case st.Cursor.Before(e.Slot.Due):
		e.Waits = append(e.Waits, fmt.Sprintf("the slot of %s that is due before", e.j.After))
	default:
		return nil
	}
	e.Begins = time.Time{}
	return nil
}

// rate adds the wait for catch_up.rate: its permits are given in the order in which slots begin.
func (e *explaining) rate() error {
	rate := e.j.CatchUp.Rate
	if rate.Count == 0 || e.Slot.Kind != slot.Missed && e.Slot.Kind != slot.Backfill {
		return nil
	}
	waiting, err := slotsOf(e.tx, waitingPrefix, e.j.Name)
	if err != nil {
		return err
	}
	window, ahead := e.now.Truncate(rate.Per), 0
	if !window.After(e.state.Window) {
		window, ahead = e.state.Window, e.state.Begun
	}
	for i := range waiting {
		if isRated := waiting[i].Kind == slot.Missed || waiting[i].Kind == slot.Backfill; isRated && waitingKey(&waiting[i]) < waitingKey(&e.Slot) {
			ahead++
		}
	}
	if ahead < rate.Count {
		return nil
	}
	e.Waits = append(e.Waits, fmt.Sprintf("catch_up.rate, %d per %s", rate.Count, project.FormatTime(rate.Per)))
	if next := window.Add(time.Duration(ahead/rate.Count) * rate.Per); next.After(e.Begins) && !e.Begins.IsZero() {
		e.Begins = next
	}
	return nil
}
