// What is shown of slots while a project is up: alerts, counters for Prometheus, and which process executes what.

package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"bursar/internal/job/flow"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/serve"
	"bursar/internal/temporal"
)

// noticed logs how a slot has ended, or that it is late: as a warning, and with an alert, if a person should look. Who executes or cancels a slot
// by a command sees its end there.
func (a *App) noticed(s record.Slot) {
	isAsked := s.State == slot.Done || s.State == slot.Failed || s.State == slot.Late
	if isAsked && !a.followsJobs() && !a.shared.serves {
		return
	}
	a.alert(&s)
	args := []any{"slot", s.String(), "state", s.State, "reason", s.Reason, "tasks", s.Summary.Tasks, "failed", s.Summary.Failed, "error", s.Summary.Error}
	switch s.State {
	case slot.Waiting, slot.Running:
		a.log.Warn("a slot has not ended by its deadline", "slot", s.String(), "began", s.Began)
	case slot.Failed, slot.Late, slot.Blocked:
		a.log.Warn("a slot has ended", args...)
	case slot.Skipped:
		a.log.Warn("due times were skipped", "slot", s.String(), "reason", s.Reason, "count", s.Count)
	default:
		a.log.Info("a slot has ended", args...)
	}
}

// alert calls the hook for a slot that a person should look at. One that is late is reported once: when that is noticed, or else at its end.
func (a *App) alert(s *record.Slot) {
	if a.hooks.OnSlot == nil {
		return
	}
	switch s.State {
	case slot.Failed, slot.Blocked:
	case slot.Late:
		if s.Overdue != nil {
			return
		}
	case slot.Waiting, slot.Running:
		if s.Overdue == nil {
			return
		}
	default:
		return
	}
	a.hooks.OnSlot(*s)
}

// The counters of jobs. All processes of a project count together.
const (
	slotsTotal = "bursar_job_slots_total"
	tasksTotal = "bursar_job_tasks_total"
	// countTimeout bounds the time in which they are read.
	countTimeout = 5 * time.Second
)

// jobSums are the counters of all jobs, as the catalog has them.
func (a *App) jobSums() []serve.Sums {
	return []serve.Sums{{
		Families: []serve.Family{
			{Name: slotsTotal, Help: "Slots by job and state; fired: those that have begun.", Labels: []string{"job", "state"}},
			{Name: tasksTotal, Help: "Tasks of slots that have ended, by job.", Labels: []string{"job"}},
		},
		Read: a.readJobSums,
	}}
}

func (a *App) readJobSums() (sums []serve.Sum) {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	states, err := a.slots().States(ctx)
	if err != nil {
		a.log.Warn("cannot read the counters of jobs", "error", err)
		return nil
	}
	for _, job := range slices.Sorted(maps.Keys(states)) {
		c := states[job].Counters
		for _, one := range []struct {
			state string
			n     int64
		}{
			{"fired", c.Fired},
			{string(slot.Done), c.Done},
			{string(slot.Failed), c.Failed},
			{string(slot.Skipped), c.Skipped},
			{string(slot.Late), c.Late},
			{string(slot.Blocked), c.Blocked},
		} {
			sums = append(sums, serve.Sum{Family: slotsTotal, Labels: []string{job, one.state}, Value: one.n})
		}
		sums = append(sums, serve.Sum{Family: tasksTotal, Labels: []string{job}, Value: c.Tasks})
	}
	return sums
}

// addSlots adds the slots whose tasks each process executes.
func (a *App) addSlots(ctx context.Context, c *temporal.Connection, does map[string][]string) error {
	states, err := a.slots().States(ctx)
	if err != nil {
		return err
	}
	for job := range states {
		running, _, err := a.slots().Open(ctx, job)
		if err != nil {
			return err
		}
		for i := range running {
			chunks, err := flow.Executing(ctx, c.Client(), running[i].Ref)
			if err != nil {
				return err
			}
			for process, n := range chunks {
				does[process] = append(does[process], fmt.Sprintf("%s: %s", running[i].Ref, countChunks(n)))
			}
		}
	}
	return nil
}

func countChunks(n int) string {
	if n == 1 {
		return "1 chunk"
	}
	return fmt.Sprintf("%d chunks", n)
}
