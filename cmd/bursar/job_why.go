// bursar job why: what a slot waits for, why it ended so, and what to do.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bursar/internal/app"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) jobWhyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "why JOB SLOT",
		Short: "Explain a slot: what it waits for, or why it ended so",
		Long: `Explains a slot, which may also be due in the future: its state and the reason, what it waits for and when it may begin, how far it is,
which tasks have failed or are tried again, with which error, and what to do next. Where other slots have to end before, the begin is guessed from how long the last slots took.`,
		Example: `  bursar job why reminders latest
  bursar job why reminders 2026-11-25T08:00
  bursar job why reminders 2026-11-25T07:00:00Z/2 --json`,
		RunE: onJob(c.openToRead, func(ctx context.Context, a *app.App, j *project.Job, args []string) error {
			ref, err := parseSlotOrNewest(ctx, a, j, args[0])
			if err != nil {
				return slotHint(err, j, ref)
			}
			e, err := a.JobWhy(ctx, j, ref)
			if err != nil {
				return slotHint(err, j, ref)
			}
			return c.result(e, func(w io.Writer) { printWhy(w, &e, j) })
		}),
	}
}

// parseSlotOrNewest reads the name of a slot, which need not be recorded: without a run it is the newest one of its due time, or run 0.
func parseSlotOrNewest(ctx context.Context, a *app.App, j *project.Job, text string) (record.Ref, error) {
	if text == latestSlot {
		s, err := a.LatestJobSlot(ctx, j.Name, false)
		return s.Ref, err
	}
	ref, hasRun, err := parseSlot(j, text)
	if err != nil || hasRun {
		return ref, err
	}
	s, err := a.NewestJobSlot(ctx, j.Name, ref.Due)
	if errors.As(err, new(*record.NotFoundError)) {
		return ref, nil
	}
	return s.Ref, err
}

// explanation prints the lines of an explanation, each with its name.
type explanation struct {
	*app.JobExplanation
	w    io.Writer
	j    *project.Job
	zone *time.Location
}

func (e *explanation) line(name, value string) {
	if value != "" && value != noValue {
		fmt.Fprintf(e.w, "  %-10s %s\n", name, printable(value))
	}
}

func printWhy(w io.Writer, e *app.JobExplanation, j *project.Job) {
	x := &explanation{e, w, j, zoneOf(j)}
	s := &e.Slot
	fmt.Fprintf(w, "%s %s is %s", s.Job, formatSlot(s, x.zone), describeSlotState(s))
	if s.Reason != "" {
		fmt.Fprintf(w, ": %s", printable(s.Reason))
	}
	fmt.Fprintln(w, ".")
	x.times()
	x.expectations()
	x.tasks()
	x.line("because", x.because())
	if e.Upstream != nil {
		x.line("now", fmt.Sprintf("%s is %s", e.Upstream.In(x.zone), describeSlotState(e.Upstream)))
	}
	x.line("next", x.next())
}

// times prints when the slot began and ended, and who has asked for that.
func (e *explanation) times() {
	s := &e.Slot
	if s.By != "" {
		e.line("asked by", s.By)
	}
	e.line("began", formatIn(s.Began, e.zone))
	e.line("ended", formatIn(s.Ended, e.zone))
	e.line("overdue", formatIn(s.Overdue, e.zone))
	if s.CancelAsked != nil && s.State == slot.Running {
		e.line("cancelled", fmt.Sprintf("by %s at %s", s.CancelBy, formatIn(s.CancelAsked, e.zone)))
	}
}

// expectations prints what a slot that has not begun waits for, and when it begins.
func (e *explanation) expectations() {
	for _, text := range e.Waits {
		e.line("waits for", text)
	}
	e.line("expected", e.Expected)
	if e.Slot.State == slot.Waiting {
		e.line("begins", e.begins())
	}
}

func (e *explanation) begins() string {
	switch {
	case e.Begins.IsZero() && e.Expected != "":
		return ""
	case e.Begins.IsZero():
		return "unknown"
	case len(e.Waits) == 0:
		return "as soon as `bursar up` or a worker with the role job looks"
	}
	return "about " + formatIn(&e.Begins, e.zone)
}

// tasks prints how far the tasks are, and the errors of some.
func (e *explanation) tasks() {
	counts := &e.Slot.Summary
	if e.Progress != nil {
		counts = e.Progress
	}
	if counts.Tasks > 0 {
		e.line("tasks", describeSummary(counts))
	}
	isOpen := e.Slot.State == slot.Running && counts.Done+counts.Failed+counts.Excluded+counts.Cancelled < counts.Tasks
	if rate := e.j.Rate; isOpen && rate.Count > 0 {
		e.line("rate", fmt.Sprintf("at most %s begin in each %s", plural(rate.Count, "attempt", "attempts"), project.FormatTime(rate.Per)))
	}
	if e.Idle {
		e.line("executed", "by nothing now; it goes on when `bursar up` or a worker with the role job starts")
	}
	if len(e.Failed) == 0 && e.Slot.Reason == "" {
		e.line("error", counts.Error)
	}
	for i := range e.Failed {
		e.line("failed", withTask(&e.Failed[i], e.Failed[i].Error))
	}
	for i := range e.Retried {
		e.line("retried", withTask(&e.Retried[i], describeRetry(&e.Retried[i], e.zone)))
	}
}

// withTask puts the key of a task before a text, if it has one.
func withTask(t *chunk.Task, text string) string {
	if t.Key == "" {
		return text
	}
	return shorten(t.Key) + ": " + text
}

// describeRetry says when the next attempt of a task begins, and why there is one.
func describeRetry(t *chunk.Task, zone *time.Location) string {
	return fmt.Sprintf("not before %s, after %s: %s", formatIn(&t.Retry, zone), plural(t.Attempts, "attempt", "attempts"), t.Error)
}

// because says in a sentence why a slot was skipped.
func (e *explanation) because() string {
	if e.Slot.State != slot.Skipped {
		return ""
	}
	switch e.Slot.Reason {
	case slot.ByPause:
		return "somebody had paused the job"
	case slot.ByAge:
		return "nothing was up at its due time, and it was older than catch_up.age when something was up again"
	case slot.ByCatchUp:
		return "nothing was up at its due time, and catch_up.policy leaves it out"
	case slot.ByRemoval:
		return "no process has declared the job for an hour"
	case slot.ByOverlap:
		if e.Overlapped != nil {
			return fmt.Sprintf("%s, which began at %s, was executed when it was due", e.Overlapped.In(e.zone), formatIn(e.Overlapped.Began, e.zone))
		}
		return "an earlier slot was executed, or a later one was due, and overlap leaves it out"
	}
	return ""
}

// next says what to do about a slot that has not done its work.
func (e *explanation) next() string {
	s := &e.Slot
	execute := adviseAgain(s, e.zone)
	switch s.State {
	case slot.Skipped:
		return execute
	case slot.Blocked:
		if up := e.Upstream; up != nil && up.State != slot.Done && up.State != slot.Late {
			return fmt.Sprintf("`bursar job why %s %s` says more; when that is repaired, %s", up.Job, slotArgument(up, e.zone), execute)
		}
		return execute
	case slot.Failed:
		if s.Summary.Failed > 0 {
			return fmt.Sprintf("`bursar job logs %s %s --failed` shows what they have written, if anything; %s", s.Job, slotArgument(s, e.zone), adviseFailed(s, e.zone))
		}
		return execute
	}
	return ""
}

// adviseAgain says how to execute a slot that was not, or all due times of a range.
func adviseAgain(s *record.Slot, zone *time.Location) string {
	if s.First != nil {
		end := s.Due.Add(time.Second)
		return fmt.Sprintf("`bursar job backfill %s --from %s --to %s` executes all, `bursar job run %s --slot DUE` one", s.Job, formatIn(s.First, zone), formatIn(&end, zone), s.Job)
	}
	return fmt.Sprintf("`bursar job run %s --slot %s` executes it", s.Job, formatIn(&s.Due, zone))
}
