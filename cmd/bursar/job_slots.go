// bursar job slots and why: how slots have ended, and what they wait for.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

// intervalFlags are an interval of due times.
type intervalFlags struct{ from, to string }

func (f *intervalFlags) addTo(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&f.from, "from", "", what+" from this `time` on, such as 2026-11-25, 2026-11-25T08:00 in the job's zone, or RFC 3339")
	cmd.Flags().StringVar(&f.to, "to", "", what+" before this `time`")
}

func (f *intervalFlags) parse(j *project.Job) (from, to time.Time, err error) {
	for _, one := range []struct {
		name, text string
		at         *time.Time
	}{{"from", f.from, &from}, {"to", f.to, &to}} {
		if one.text == "" {
			continue
		}
		if *one.at, err = parseLocalTime(one.text, zoneOf(j)); err != nil {
			return from, to, usagef("--%s %s is not a time: write 2026-11-25, 2026-11-25T08:00, or 2026-11-25T07:00:00Z", one.name, one.text)
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, usagef("--from %s is not before --to %s", f.from, f.to)
	}
	return from, to, nil
}

// slotStates are the values of --state.
var slotStates = []slot.State{slot.Waiting, slot.Running, slot.Done, slot.Failed, slot.Skipped, slot.Late, slot.Blocked}

func (c *cli) jobSlotsCommand() *cobra.Command {
	var interval intervalFlags
	var states []string
	limit := 0
	cmd := &cobra.Command{
		Use:   "slots JOB",
		Short: "List the slots of a job, the newest first",
		Long: `Lists the slots of a job: when each was due, why it exists, its state, when it began and how long it took, and its tasks. Each due
time is in exactly one slot. Those that were skipped in a row for the same reason are one line: first – last (number).

  waiting   for earlier slots, the job that it comes after, a rate, or the end of a pause
  running   its tasks are executed
  done      all tasks are done, or excluded
  failed    a task has failed, or the slot was cancelled
  skipped   by a policy, or because the job was paused
  late      done, but after the job's deadline
  blocked   the slot of the job that it comes after has failed, is blocked, or was skipped by a pause or an overlap

Times are those of the job's zone; with --json in UTC.`,
		Example: `  bursar job slots reminders
  bursar job slots reminders --state failed,late
  bursar job slots reminders --from 2026-11-01 --to 2026-12-01 --json`,
	}
	cmd.RunE = onJob(c.openToRead, func(ctx context.Context, a *app.App, j *project.Job, _ []string) error {
		q := record.Query{Job: j.Name, Limit: limit}
		if c.json && !cmd.Flags().Changed("limit") {
			q.Limit = 0
		}
		var err error
		if q.From, q.To, err = interval.parse(j); err != nil {
			return err
		}
		if q.States, err = parseSlotStates(states); err != nil {
			return err
		}
		return c.listSlots(ctx, a, j, q)
	})
	interval.addTo(cmd, "slots that were due")
	cmd.Flags().StringSliceVar(&states, "state", nil, "slots in these `states`")
	countVar(cmd.Flags(), &limit, "limit", 50, "maximum number of slots; 0 is all, as with --json alone")
	return cmd
}

func parseSlotStates(names []string) (list []slot.State, err error) {
	for _, name := range names {
		state := slot.State(strings.TrimSpace(name))
		if !slices.Contains(slotStates, state) {
			return nil, usagef("--state %s: use %s", name, strings.Join(namesOf(slotStates, func(s slot.State) string { return string(s) }), ", "))
		}
		list = append(list, state)
	}
	return list, nil
}

func (c *cli) listSlots(ctx context.Context, a *app.App, j *project.Job, q record.Query) error {
	list, truncated, err := a.JobSlots(ctx, q)
	if err != nil {
		return err
	}
	return c.result(map[string]any{"slots": append([]record.Slot{}, list...), "truncated": truncated}, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintf(w, "Job %s has no such slots.\n", j.Name)
			return
		}
		c.printSlots(w, list, zoneOf(j))
		if truncated {
			fmt.Fprintln(w, "There are more: --limit shows them.")
		}
	})
}

func (c *cli) printSlots(w io.Writer, list []record.Slot, zone *time.Location) {
	g := newGrid("slot", "kind", "state", "began", "took", "tasks", "done", "failed", "why").wrap("why")
	for i := range list {
		s := &list[i]
		tasks, done, failed := noValue, noValue, noValue
		if n := &s.Summary; n.Tasks > 0 || s.State == slot.Done || s.State == slot.Late {
			tasks, done, failed = formatCount(n.Tasks), formatCount(n.Done), formatCount(n.Failed)
		}
		g.add(formatSlot(s, zone), string(s.Kind), describeSlotState(s), formatIn(s.Began, zone), formatTook(s), tasks, done, failed, describeReason(s))
	}
	g.print(w, width(c.out))
}

// describeSlotState is the state of a slot, with what people should know of one that is executed.
func describeSlotState(s *record.Slot) string {
	switch {
	case s.State == slot.Running && s.CancelAsked != nil:
		return "running, to be cancelled"
	case s.State.IsOpen() && s.Overdue != nil:
		return string(s.State) + ", late"
	}
	return string(s.State)
}

// formatTook formats how long a slot took.
func formatTook(s *record.Slot) string {
	if s.Began == nil || s.Ended == nil {
		return noValue
	}
	return project.FormatTime(s.Ended.Sub(*s.Began).Round(time.Millisecond))
}

// describeReason says why a slot has ended as it has, or who has asked for it.
func describeReason(s *record.Slot) string {
	switch {
	case s.Reason != "":
		return shorten(s.Reason)
	case s.Summary.Error != "":
		return shorten(s.Summary.Error)
	case s.By != "":
		return "asked for by " + s.By
	}
	return ""
}

func (c *cli) jobWhyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "why JOB SLOT",
		Short: "Explain a slot: what it waits for, or why it ended so",
		Long: `Explains a slot, which may also be due in the future: its state and the reason, what it waits for and when it may begin, how far it is,
or which tasks have failed with which error. Where other slots have to end before, the begin is guessed from how long the last slots took.`,
		Example: `  bursar job why reminders latest
  bursar job why reminders 2026-11-25T08:00
  bursar job why reminders 2026-11-25T07:00:00Z/2 --json`,
		RunE: onJob(c.openToRead, func(ctx context.Context, a *app.App, j *project.Job, args []string) error {
			ref, err := parseSlotOrNewest(ctx, a, j, args[0])
			if err != nil {
				return slotHint(err, j.Name)
			}
			e, err := a.JobWhy(ctx, j, ref)
			if err != nil {
				return slotHint(err, j.Name)
			}
			return c.result(e, func(w io.Writer) { printWhy(w, &e, zoneOf(j)) })
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

func printWhy(w io.Writer, e *app.JobExplanation, zone *time.Location) {
	s := &e.Slot
	fmt.Fprintf(w, "%s %s is %s", s.Job, formatSlot(s, zone), describeSlotState(s))
	if s.Reason != "" {
		fmt.Fprintf(w, ": %s", printable(s.Reason))
	}
	fmt.Fprintln(w, ".")
	line := func(name, value string) {
		if value != "" && value != noValue {
			fmt.Fprintf(w, "  %-10s %s\n", name, printable(value))
		}
	}
	if s.By != "" {
		line("asked by", s.By)
	}
	line("began", formatIn(s.Began, zone))
	line("ended", formatIn(s.Ended, zone))
	line("overdue", formatIn(s.Overdue, zone))
	if s.CancelAsked != nil && s.State == slot.Running {
		line("cancelled", fmt.Sprintf("by %s at %s", s.CancelBy, formatIn(s.CancelAsked, zone)))
	}
	counts := &s.Summary
	if e.Progress != nil {
		counts = e.Progress
	}
	if counts.Tasks > 0 {
		line("tasks", describeSummary(counts))
	}
	for _, text := range e.Waits {
		line("waits for", text)
	}
	if s.State == slot.Waiting {
		line("begins", describeBegin(e, zone))
	}
	if len(e.Failed) == 0 && s.Reason == "" {
		line("error", shorten(counts.Error))
	}
	for i := range e.Failed {
		line("failed", describeFailure(e.Failed[i].Key, e.Failed[i].Error))
	}
	if s.State == slot.Failed && counts.Failed > 0 {
		fmt.Fprintf(w, "`bursar job logs %s %s --failed` shows what they have written, if anything; %s.\n", s.Job, slotArgument(s), adviseFailed(s))
	}
}

func describeFailure(key, text string) string {
	if key == "" {
		return shorten(text)
	}
	return shorten(key) + ": " + shorten(text)
}

func describeBegin(e *app.JobExplanation, zone *time.Location) string {
	switch {
	case e.Begins.IsZero():
		return "unknown"
	case len(e.Waits) == 0:
		return "as soon as `bursar up` or a worker with the role job looks"
	}
	return "about " + formatIn(&e.Begins, zone)
}

// describeSummary counts the tasks of a slot.
func describeSummary(n *record.Summary) string {
	text := fmt.Sprintf("%s of %s done", formatCount(n.Done), formatCount(n.Tasks))
	for _, part := range []struct {
		n    int
		what string
	}{{n.Failed, "failed"}, {n.Excluded, "excluded"}, {n.Cancelled, "cancelled"}, {n.Retried, "retried"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %s %s", formatCount(part.n), part.what)
		}
	}
	return text
}
