// bursar job run: executes a slot now.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) jobRunCommand() *cobra.Command {
	due, follow, onlyFailed := "", false, false
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Execute a slot of a job now, and wait until it has ended",
		Long: `Executes the tasks of a job as those of a slot that is due now, and waits until all have ended. With --slot, executes a slot of the past:
that of the due time if it waits, or else a new run of it, whose tasks have the same idempotency keys as before. A slot that a person
asks for waits for no other job, and begins although the job is paused; the overlap policy applies. While ` + "`bursar up`" + ` runs, it and the workers execute the tasks.

With --failed, the new run has only the tasks that the newest run of the slot has not done: those that failed, and those that were cancelled.

The exit code is 1 if the slot fails. Ctrl-C ends the waiting, not the slot: ` + "`bursar job cancel`" + ` does.`,
		Example: `  bursar job run reminders
  bursar job run reminders --slot 2026-11-25T08:00
  bursar job run reminders --slot latest --failed
  bursar job run reminders --follow`,
		RunE: onJob(c.open, func(ctx context.Context, a *app.App, j *project.Job, _ []string) error {
			if err := declared(a, j); err != nil {
				return err
			}
			if onlyFailed && due == "" {
				return usagef("--failed needs --slot: which slot has failed?")
			}
			var at time.Time
			if due != "" {
				var err error
				if at, err = pastDue(ctx, a, j, due); err != nil {
					return err
				}
			}
			return c.runJob(ctx, a, j, at, onlyFailed, follow)
		}),
	}
	cmd.Flags().StringVar(&due, "slot", "", "the `due` time of a slot of the past; by default now")
	cmd.Flags().BoolVar(&onlyFailed, "failed", false, "execute only the tasks of the slot that are not done; needs --slot")
	cmd.Flags().BoolVar(&follow, "follow", false, "print what the tasks write on standard error")
	return cmd
}

// pastDue reads --slot, which names a due time, but no run.
func pastDue(ctx context.Context, a *app.App, j *project.Job, text string) (time.Time, error) {
	if text == latestSlot {
		s, err := a.LatestJobSlot(ctx, j.Name, false)
		return s.Due, slotHint(err, j, record.Ref{})
	}
	ref, hasRun, err := parseSlot(j, text)
	switch {
	case err != nil:
		return ref.Due, err
	case hasRun:
		return ref.Due, usagef("--slot %s: it names a due time; leave out /%d", text, ref.Run)
	case ref.Due.After(time.Now()):
		return ref.Due, usagef("--slot %s is in the future", text)
	}
	return ref.Due, nil
}

func (c *cli) runJob(ctx context.Context, a *app.App, j *project.Job, due time.Time, onlyFailed, follow bool) error {
	if c.remote == nil {
		a.SetCommands(remoteCommands(a))
	}
	watch := c.watchTasks(ctx, a, j, follow)
	s, err := a.RunJob(ctx, j, due, onlyFailed, c.announce(ctx, a, j, watch.look))
	watch.end(s.Ref, err == nil)
	if err != nil {
		return runError(err, &s, zoneOf(j))
	}
	err = c.result(map[string]any{"slot": s}, func(w io.Writer) { printRan(w, &s, zoneOf(j)) })
	return errors.Join(err, failedSlot(&s, zoneOf(j)))
}

// waitsSilently is how long a slot waits before people are informed.
const waitsSilently = time.Second

// announce returns a function that names a slot on standard error when it begins, says what one waits for that does not begin soon, and then calls
// look, unless that is nil.
func (c *cli) announce(ctx context.Context, a *app.App, j *project.Job, look func(s record.Slot, done, total int)) func(s record.Slot, done, total int) {
	asked, begun, waits := time.Now(), c.json, c.json
	return func(s record.Slot, done, total int) {
		name := j.Name + " " + formatSlot(&s, zoneOf(j))
		switch {
		case s.State == slot.Waiting:
			if !waits && time.Since(asked) >= waitsSilently {
				waits = true
				fmt.Fprintf(c.err, "%s waits%s.\n", name, waitsFor(ctx, a, j, s.Ref))
			}
			return
		case s.State == slot.Running && !begun:
			begun = true
			fmt.Fprintf(c.err, "%s begins.\n", name)
		}
		if look != nil {
			look(s, done, total)
		}
	}
}

// waitsFor says what a slot waits for, if that is known.
func waitsFor(ctx context.Context, a *app.App, j *project.Job, ref record.Ref) string {
	e, err := a.JobWhy(ctx, j, ref)
	if err != nil || len(e.Waits) == 0 {
		return ""
	}
	return " for " + printable(strings.Join(e.Waits, "; "))
}

// runError adds what is left behind to the error of a slot that could not be executed to its end.
func runError(err error, s *record.Slot, zone *time.Location) error {
	if s.Job == "" { // it is not recorded
		return err
	}
	return &interruptedError{err, fmt.Sprintf("slot %s goes on while `bursar up` runs; `bursar job cancel %s %s` ends it", s.In(zone), s.Job, slotArgument(s, zone))}
}

// slotArgument names a slot as an argument of commands.
func slotArgument(s *record.Slot, zone *time.Location) string {
	return strings.TrimPrefix(s.In(zone), s.Job+"/")
}

func printRan(w io.Writer, s *record.Slot, zone *time.Location) {
	text := fmt.Sprintf("%s %s is %s", s.Job, formatSlot(s, zone), describeSlotState(s))
	if s.Summary.Tasks > 0 || s.State == slot.Done || s.State == slot.Late {
		text += ": " + describeSummary(&s.Summary)
	}
	if took := formatTook(s); took != noValue {
		text += ", in " + took
	}
	fmt.Fprintln(w, text+".")
}

// slotFailed is the error of a slot that was executed, and has not ended well.
type slotFailed struct {
	text  string
	class failure.Class
}

func (e *slotFailed) Error() string { return e.text }

// Class is that of the first task that failed.
func (e *slotFailed) Class() failure.Class { return e.class }

// failedSlot returns the error of a slot that is neither done nor late.
func failedSlot(s *record.Slot, zone *time.Location) error {
	if s.State == slot.Done || s.State == slot.Late {
		return nil
	}
	text := fmt.Sprintf("slot %s is %s", s.In(zone), s.State)
	if reason := describeReason(s); reason != "" {
		text += ": " + reason
	}
	class := failure.Data
	if named, ok := failure.Parse(s.Summary.Class); ok {
		class = named
	}
	if s.Summary.Failed == 0 {
		return withHint(&slotFailed{text, class}, "`bursar job why %s %s` says more", s.Job, slotArgument(s, zone))
	}
	return withHint(&slotFailed{text, class}, "`bursar job why %s %s` says more; %s", s.Job, slotArgument(s, zone), adviseFailed(s, zone))
}

// adviseFailed says how to execute the tasks of a slot again that have failed.
func adviseFailed(s *record.Slot, zone *time.Location) string {
	return fmt.Sprintf("`bursar job run %s --slot %s --failed` executes what is not done", s.Job, formatIn(&s.Due, zone))
}

// taskWatch shows the progress of a slot: a bar of its tasks on a terminal, or what they write.
type taskWatch struct {
	look func(s record.Slot, done, total int) // nil: nothing is shown
	end  func(ref record.Ref, ended bool)
}

func (c *cli) watchTasks(ctx context.Context, a *app.App, j *project.Job, follow bool) taskWatch {
	switch {
	case follow:
		f := &follower{out: c.err, seen: map[followed]int64{}}
		show := func(ref record.Ref) {
			if err := a.JobOutput(ctx, ref, nil, f.print); err != nil {
				c.log.Info("cannot read what the tasks write", "error", err)
			}
		}
		return taskWatch{
			look: func(s record.Slot, _, _ int) { show(s.Ref) },
			end: func(ref record.Ref, ended bool) {
				if ended {
					show(ref)
				}
			},
		}
	case width(c.err) == 0:
		return taskWatch{end: func(record.Ref, bool) {}}
	}
	var mu sync.Mutex
	var bar *progressBar
	return taskWatch{
		look: func(_ record.Slot, done, total int) {
			mu.Lock()
			defer mu.Unlock()
			if bar == nil && total > 0 {
				bar = c.meter(j.Name, "tasks", int64(total))
			}
			if bar != nil {
				bar.set(int64(done))
			}
		},
		end: func(record.Ref, bool) {
			mu.Lock()
			defer mu.Unlock()
			if bar != nil {
				bar.done()
			}
		},
	}
}
