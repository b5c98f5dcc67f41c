// bursar job cancel, pause, resume and backfill: what people ask of jobs.

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"bursar/internal/app"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) jobCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel JOB SLOT",
		Short: "End a slot that is executed or waits",
		Long: `Ends a slot as failed. One that waits ends at once. Of one that is executed no more tasks begin, programs get SIGTERM and later SIGKILL,
and what is done stays done; the command does not wait for it. A slot that has ended stays as it is.`,
		Example: `  bursar job cancel reminders latest
  bursar job cancel reminders 2026-11-25T08:00`,
		RunE: onSlot(c.open, false, func(ctx context.Context, a *app.App, j *project.Job, s *record.Slot, _ []string) error {
			open := s.State.IsOpen()
			after, err := a.CancelSlot(ctx, s.Ref)
			if err != nil {
				return err
			}
			return c.result(map[string]any{"slot": after, "changed": open}, func(w io.Writer) {
				name := j.Name + " " + formatSlot(&after, zoneOf(j))
				switch {
				case !open:
					fmt.Fprintf(w, "%s has ended already: it is %s.\n", name, after.State)
				case after.State == slot.Running:
					fmt.Fprintf(w, "%s is asked to end: `bursar job why %s %s` shows how far it is.\n", name, j.Name, slotArgument(&after, zoneOf(j)))
				default:
					fmt.Fprintf(w, "%s is cancelled.\n", name)
				}
			})
		}),
	}
}

func (c *cli) jobPauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pause JOB",
		Short: "Have a job skip what is due, until it is resumed",
		Long: `What is due from now on is skipped, and recorded as skipped. Slots that are executed go on; those that wait, wait for the end of the
pause. ` + "`bursar job run`" + ` still executes slots.`,
		Example: "  bursar job pause reminders",
		RunE:    c.changeJob(app.JobPaused, (*app.App).PauseJob),
	}
}

func (c *cli) jobResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resume JOB",
		Short: "End the pause of a job",
		Long: `The job is due again by its schedule, and slots that wait begin. What was due during the pause was skipped;
` + "`bursar job backfill`" + ` executes it.`,
		Example: "  bursar job resume reminders",
		RunE:    c.changeJob(app.JobActive, (*app.App).ResumeJob),
	}
}

// changeJob is the code of a command that changes the state of a job.
func (c *cli) changeJob(state string, change func(*app.App, context.Context, *project.Job) (bool, error)) func(*cobra.Command, []string) error {
	return onJob(c.open, func(ctx context.Context, a *app.App, j *project.Job, _ []string) error {
		if err := declared(a, j); err != nil {
			return err
		}
		changed, err := change(a, ctx, j)
		if err != nil {
			return err
		}
		return c.result(map[string]any{"job": j.Name, "state": state, "changed": changed}, func(w io.Writer) {
			already := ""
			if !changed {
				already = " already"
			}
			fmt.Fprintf(w, "Job %s is %s%s.\n", j.Name, state, already)
		})
	})
}

func (c *cli) jobBackfillCommand() *cobra.Command {
	var interval intervalFlags
	var in record.Interval
	cmd := &cobra.Command{
		Use:   "backfill JOB",
		Short: "Execute the slots of a time in the past",
		Long: `Records a slot that waits for each time at which the job was due from --from until before --to, also before the job was declared. Those
whose slot is done or open are left out; --again includes those that are done. ` + "`bursar up`" + ` and the workers execute the slots one after
another, as catch_up.rate allows, and after what is due meanwhile. Pausing the job pauses the backfill.

Tasks have the same idempotency keys as when they were due. --dry-run only counts.`,
		Example: `  bursar job backfill reminders --from 2026-11-01 --to 2026-12-01 --dry-run
  bursar job backfill reminders --from 2026-11-01T08:00 --to 2026-11-05T08:00 --again`,
		RunE: onJob(c.open, func(ctx context.Context, a *app.App, j *project.Job, _ []string) error {
			if err := declared(a, j); err != nil {
				return err
			}
			var err error
			if in.From, in.To, err = interval.parse(j); err != nil {
				return err
			}
			if interval.from == "" {
				return usagef("a backfill needs --from, the time of the first slot")
			}
			if interval.to == "" {
				in.To = time.Now()
			}
			if !in.From.Before(in.To) {
				return usagef("--from %s is in the future: there is nothing to fill in", interval.from)
			}
			done, err := a.BackfillJob(ctx, j, in)
			if err != nil {
				return err
			}
			return c.printBackfill(j, &in, &done)
		}),
	}
	interval.addTo(cmd, "slots that were due")
	cmd.Flags().BoolVar(&in.Again, "again", false, "also execute slots again that are done")
	cmd.Flags().BoolVar(&in.Dry, "dry-run", false, "count the slots, and record nothing")
	return cmd
}

func (c *cli) printBackfill(j *project.Job, in *record.Interval, done *record.Backfilled) error {
	result := struct {
		*record.Backfilled
		Dry bool `json:"dry_run"`
	}{done, in.Dry}
	return c.result(result, func(w io.Writer) {
		kept := ""
		if done.Existing > 0 {
			kept = fmt.Sprintf("; %s done or open already", plural(done.Existing, "is", "are"))
		}
		switch n := len(done.Slots); {
		case n == 0 && done.Existing == 0:
			fmt.Fprintf(w, "Job %s was not due in this time.\n", j.Name)
			return
		case n == 0:
			fmt.Fprintf(w, "Nothing to do%s.\n", kept)
			return
		case in.Dry:
			fmt.Fprintf(w, "%s would be executed%s.\n", plural(n, "slot", "slots"), kept)
		default:
			fmt.Fprintf(w, "%s%s. `bursar up` executes %s.\n", plural(n, "slot waits", "slots wait"), kept, backfillOrder(n))
		}
		if len(done.Slots) == 1 {
			fmt.Fprintf(w, "It is %s.\n", formatIn(&done.Slots[0].Due, zoneOf(j)))
			return
		}
		first, last := &done.Slots[0].Due, &done.Slots[len(done.Slots)-1].Due
		fmt.Fprintf(w, "The first is %s, the last %s.\n", formatIn(first, zoneOf(j)), formatIn(last, zoneOf(j)))
	})
}

func backfillOrder(slots int) string {
	if slots == 1 {
		return "it"
	}
	return "them one after another"
}
