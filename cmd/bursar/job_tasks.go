// bursar job tasks: the tasks of a slot with their outcomes.

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

// taskStates are the values of --state.
var taskStates = []chunk.State{chunk.Waiting, chunk.Claimed, chunk.Done, chunk.Failed, chunk.Excluded, chunk.Cancelled}

func (c *cli) jobTasksCommand() *cobra.Command {
	var o rowFlags
	var states []string
	cmd := &cobra.Command{
		Use:   "tasks JOB SLOT",
		Short: "List the tasks of a slot with their outcomes",
		Long: `Lists the tasks of a slot in the order in which they begin, about; only with concurrency 1 exactly: the partition key, the state, how many attempts have ended, how long
the last one took, exit code, error, and the worker that has recorded this. Of the latest slots, ` + "`latest`" + ` is the newest that has begun.

  waiting    for its first or next attempt
  begun      an attempt may have begun
  done       it has succeeded
  failed     it has failed, and is not tried again
  excluded   only_if was not true
  cancelled  with its slot, before it ended

In JSON, the states of what is executed at the moment are those of the last write of its worker.`,
		Example: `  bursar job tasks reminders latest
  bursar job tasks reminders 2026-11-25T08:00 --state failed,excluded
  bursar job tasks reminders latest --to tasks.csv`,
		RunE: onSlot(c.toList(&o), true, func(ctx context.Context, a *app.App, j *project.Job, s *record.Slot, _ []string) error {
			chosen, err := parseTaskStates(states)
			if err != nil {
				return err
			}
			return c.listTasks(ctx, a, j, s, &o, chosen)
		}),
	}
	o.addTo(cmd, 50, "tasks")
	cmd.Flags().StringSliceVar(&states, "state", nil, "tasks in these `states`")
	return cmd
}

func parseTaskStates(names []string) (list []chunk.State, err error) {
	for _, name := range names {
		at := slices.IndexFunc(taskStates, func(s chunk.State) bool { return s.String() == strings.TrimSpace(name) })
		if at < 0 {
			return nil, usagef("--state %s: use %s", name, strings.Join(namesOf(taskStates, chunk.State.String), ", "))
		}
		list = append(list, taskStates[at])
	}
	return list, nil
}

var taskFields = typedFields("key string, id string, state string, attempts bigint, took_ms bigint, exit bigint, error string, class string, cpu_ms bigint, " +
	"memory bigint, retry timestamp, worker string")

func (c *cli) listTasks(ctx context.Context, a *app.App, j *project.Job, s *record.Slot, o *rowFlags, states []chunk.State) error {
	l := listing[chunk.Task]{
		name: "tasks", first: map[string]any{"slot": s}, fields: taskFields, row: taskRow,
		grid: newGrid("task", "state", "attempts", "took", "exit", "worker", "error").wrap("error"), cells: func(t chunk.Task) []string { return taskCells(&t, zoneOf(j)) },
	}
	l.before = func(w io.Writer) {
		fmt.Fprintf(w, "%s %s is %s.\n", j.Name, formatSlot(s, zoneOf(j)), describeSlotState(s))
	}
	l.after = func(w io.Writer, rows int) {
		switch {
		case rows > 0:
			fmt.Fprintf(w, "%s.\n", plural(rows, "task", "tasks"))
		case len(states) > 0:
			fmt.Fprintln(w, "No such tasks.")
		case s.State == slot.Waiting || s.State == slot.Running:
			fmt.Fprintln(w, "Its tasks are not known yet.")
		default:
			fmt.Fprintln(w, "It has no tasks.")
		}
	}
	return printRows(c, o, &l, func(add func(chunk.Task) error) error {
		return a.JobTasks(ctx, s.Ref, func(t *chunk.Task) error {
			if len(states) > 0 && !slices.Contains(states, t.State) {
				return nil
			}
			return add(*t)
		})
	})
}

func taskRow(t chunk.Task) []any {
	var exit any
	if t.Exit != nil {
		exit = *t.Exit
	}
	var retry *time.Time
	if !t.Retry.IsZero() {
		retry = &t.Retry
	}
	return []any{t.Key, t.ID, t.State, t.Attempts, t.Took, exit, t.Error, t.Class, t.CPU, t.Memory, retry, t.Worker}
}

func taskCells(t *chunk.Task, zone *time.Location) []string {
	exit, took := noValue, noValue
	if t.Exit != nil {
		exit = strconv.Itoa(*t.Exit)
	}
	if t.Attempts > 0 {
		took = project.FormatTime(time.Duration(t.Took) * time.Millisecond)
	}
	text := t.Error
	if t.Class != "" {
		text += " [" + t.Class + "]"
	}
	if t.State == chunk.Waiting && !t.Retry.IsZero() {
		text += "; the next attempt is not before " + formatIn(&t.Retry, zone)
	}
	return []string{taskName(t.Key), t.State.String(), formatCount(t.Attempts), took, exit, t.Worker, text}
}

// taskName is the partition key of a task for people; that of a job with one task is empty.
func taskName(key string) string {
	if key == "" {
		return noValue
	}
	return key
}
