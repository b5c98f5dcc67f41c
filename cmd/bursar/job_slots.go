// bursar job slots: how slots have ended.

package main

import (
	"context"
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
			fmt.Fprintln(w, describeNoSlots(a, j, &q))
			return
		}
		c.printSlots(w, list, zoneOf(j))
		isRunning := slices.ContainsFunc(list, func(s record.Slot) bool { return s.State == slot.Running })
		if isRunning && !a.ExecutesJobs(ctx) {
			fmt.Fprintln(w, "Nothing executes what is running now: it goes on when `bursar up` or a worker with the role job starts.")
		}
		if truncated {
			fmt.Fprintln(w, "There are more: --limit shows them.")
		}
	})
}

// describeNoSlots says why no slots are listed.
func describeNoSlots(a *app.App, j *project.Job, q *record.Query) string {
	if !q.From.IsZero() || !q.To.IsZero() || len(q.States) > 0 {
		return fmt.Sprintf("Job %s has no such slots.", j.Name)
	}
	if next := a.JobDue(j, 1); len(next) > 0 {
		return fmt.Sprintf("Job %s has no slots yet: it is due next at %s, if `bursar up` runs then.", j.Name, formatIn(&next[0], zoneOf(j)))
	}
	return fmt.Sprintf("Job %s has no slots yet: `bursar job run %s` executes one.", j.Name, j.Name)
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
