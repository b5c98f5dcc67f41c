// How a slot with a long history continues as new.

package flow

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

const (
	// pauseTime is how long a slot with a long history hands out no chunks. Activities without long tasks have ended then.
	pauseTime = 3 * time.Second
	// pauseEvents is how many events are added to the history before the next pause.
	pauseEvents = 4_000
	// mostEvents bounds a history: from there on the pause lasts until all activities have ended. The server ends workflows with 51,200 events.
	mostEvents = 40_000
)

// pause is a time without new activities: a workflow can continue as new only if it waits for none. While some have long tasks, which others
// must not wait for, pauses are short.
type pause struct {
	until time.Time
	next  int // events of the history, from which on there is another one
}

// isDue reports whether there is a pause now.
func (p *pause) isDue(ctx workflow.Context) bool {
	now, events := workflow.Now(ctx), workflow.GetInfo(ctx).GetCurrentHistoryLength()
	if isLong(ctx) && events >= p.next {
		p.until, p.next = now.Add(pauseTime), events+pauseEvents
	}
	return now.Before(p.until) || events > mostEvents
}

func isLong(ctx workflow.Context) bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }

func (s *slotRun) continueAsNew(ctx workflow.Context) error {
	in := s.in
	in.Next, in.Later, in.Losses = s.next, s.later, s.losses
	return workflow.NewContinueAsNewError(ctx, Slot, in)
}
