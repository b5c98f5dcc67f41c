// Decides when waiting slots begin beside those that are executed.

package slot

import "bursar/internal/project"

// Action is what happens to a waiting slot.
type Action int

// The actions.
const (
	Wait Action = iota
	Begin
	Skip          // ByOverlap
	CancelRunning // those of its job that were due, and wait until they have ended
)

// Executed are the slots of a job that are executed, by kind.
type Executed map[Kind]int

func (e Executed) all() (n int) {
	for _, count := range e {
		n += count
	}
	return n
}

// Begin decides whether a waiting slot begins beside those that are executed. Slots that were missed or are backfilled follow one another
// whatever the policy, so that an outage is not followed by a stampede; and they never make a slot that is due be skipped.
func (p *Policy) Begin(kind Kind, e Executed) Action {
	switch {
	case e.all() == 0:
		return Begin
	case kind == Missed || kind == Backfill:
		return Wait
	case p.Overlap == project.OverlapAllow:
		return Begin
	case kind == Scheduled && e[Scheduled] > 0 && p.Overlap == project.OverlapSkip:
		return Skip
	case kind == Scheduled && e[Scheduled] > 0 && p.Overlap == project.OverlapCancel:
		return CancelRunning
	}
	return Wait
}
