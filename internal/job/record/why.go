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
	// Expected is what else becomes of it as things are: it is skipped, or ends another one.
	Expected string `json:"expected,omitempty"`
	// Begins is when it begins as things are; zero if that is unknown. Where others have to end before, it is guessed from how long they took.
	Begins time.Time `json:"begins,omitzero"`
	// Upstream is the slot of the job that a blocked one comes after, as it is now: perhaps it was repaired.
	Upstream *Slot `json:"upstream,omitempty"`
	// Overlapped is the slot for which one was skipped as overlap; nil if that is not known.
	Overlapped *Slot `json:"overlapped,omitempty"`
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
		if err != nil {
			return Explanation{}, err
		}
		isDue := ref.Run == 0 && slot.PolicyOf(j, e.jobs).Due(ref.Due.Add(-time.Second)).Equal(ref.Due)
		switch {
		case found != nil:
			e.Explanation = Explanation{Slot: *found, Known: true}
		case isDue && ref.Due.After(st.Cursor):
			e.Slot = Slot{Ref: ref, Count: 1, Kind: slot.Scheduled, State: slot.Waiting}
		case ref.Run == 0 && !isDue:
			return Explanation{}, &NotFoundError{What: "slot " + ref.In(zoneOf(j)), Why: "the job is not due then"}
		default:
			return Explanation{}, &NotFoundError{What: "slot " + ref.In(zoneOf(j))}
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

func (e *explaining) explain() (err error) {
	switch {
	case e.Slot.State == slot.Waiting:
		return e.waiting()
	case e.Slot.State == slot.Blocked && e.j.After != "":
		e.Upstream, err = slotBefore(e.tx, e.j.After, e.Slot.Due)
	case e.Slot.State == slot.Skipped && e.Slot.Reason == slot.ByOverlap && e.Slot.Ended != nil:
		e.Overlapped, err = executedAt(e.tx, e.Slot.Job, *e.Slot.Ended)
	}
	return err
}

func (e *explaining) waiting() error {
	e.Begins = e.now
	if e.Slot.Due.After(e.now) {
		e.Begins = e.Slot.Due
		e.Waits = append(e.Waits, "its due time")
	}
	if e.state.Paused != nil && e.Slot.Kind != slot.Manual {
		e.paused()
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

// paused says what a pause does: what is due meanwhile is skipped, and what was due before waits.
func (e *explaining) paused() {
	e.Begins = time.Time{}
	pause := fmt.Sprintf("the job is paused by %s since %s: `bursar job resume %s`", e.state.PausedBy, e.clock(e.state.Paused), e.j.Name)
	if e.Known {
		e.Waits = append(e.Waits, "the end of a pause: "+pause)
		return
	}
	e.Expected = "it is skipped, as " + pause
}

// clock formats a time for people.
func (e *explaining) clock(t *time.Time) string { return t.In(zoneOf(e.j)).Format(time.RFC3339) }

// othersFirst says which slots of the same job are executed, or begin before, and what becomes of it therefore.
func (e *explaining) othersFirst() error {
	running, err := slotsOf(e.tx, runningPrefix, e.j.Name)
	if err != nil {
		return err
	}
	executed := slot.Executed{}
	for i := range running {
		executed[running[i].Kind]++
	}
	switch slot.PolicyOf(e.j, e.jobs).Begin(e.Slot.Kind, executed) {
	case slot.Begin:
		return nil
	case slot.Skip:
		e.overlaps("it is skipped", running)
		return nil
	case slot.CancelRunning:
		e.overlaps("it ends the earlier one, and waits until that has ended", running)
		return nil
	}
	return e.waitsForOthers(running)
}

// overlaps says what becomes of a slot if an earlier one is executed when it could begin.
func (e *explaining) overlaps(then string, running []Slot) {
	for i := range running {
		if running[i].Kind != slot.Scheduled {
			continue
		}
		condition := "if %s, which began at %s, is still executed then"
		if e.Known {
			condition = "as %s, which began at %s, is executed"
			e.Begins = time.Time{}
		}
		e.Expected = then + " " + fmt.Sprintf(condition, running[i].In(zoneOf(e.j)), e.clock(running[i].Began)) + ": overlap is " + string(e.j.Overlap)
		return
	}
}

// waitsForOthers lists the slots that are executed, or begin before.
func (e *explaining) waitsForOthers(running []Slot) error {
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
		e.Waits = append(e.Waits, fmt.Sprintf("the end of %s, which began at %s", running[i].In(zoneOf(e.j)), e.clock(running[i].Began)))
	}
	switch {
	case before == 1:
		e.Waits = append(e.Waits, "1 slot that begins before it")
	case before > 1:
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

// mostSearched bounds the search for a slot that was executed.
const mostSearched = 100

// executedAt returns the newest slot that was executed at a time because it was due; nil if there is none.
func executedAt(tx catalog.Tx, job string, at time.Time) (*Slot, error) {
	prefix, looked := slotPrefix+job+"/", 0
	for s, err := range catalog.Documents[Slot](tx, prefix, prefix+newestFrom(at)) {
		if err != nil {
			return nil, err
		}
		if s.Kind == slot.Scheduled && s.Began != nil && !s.Began.After(at) && (s.Ended == nil || !s.Ended.Before(at)) {
			return &s, nil
		}
		if looked++; looked == mostSearched {
			break
		}
	}
	return nil, nil
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
		e.Waits = append(e.Waits, fmt.Sprintf("the end of %s, which is %s", before.In(zoneOf(e.j)), before.State))
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
