// bursar job: shows jobs, their slots and tasks, and asks something of them.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/job/record"
	"bursar/internal/project"
	"bursar/internal/schedule"

	"github.com/spf13/cobra"
)

func (c *cli) jobCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "Show, run and repeat scheduled work",
		Long: `A job is a file jobs/JOB.yaml: when it is due, which tasks it then has, and what each does. A slot is one time at which a job
was due, or was asked for. Each slot ends in exactly one state: done, failed, skipped, late or blocked. ` + "`bursar up`" + ` and workers
with the role job execute slots; ` + "`bursar job run`" + ` does so without them.

SLOT is the due time of a slot: in RFC 3339, as 2026-11-25T07:00:00Z, or in the job's zone, as 2026-11-25T08:00. /2 behind it is its
run 2: run 0 is the slot that was due, and those that a person has asked for are runs from 1 on. Without a run it is the newest. ` + "`latest`" + ` is the newest slot.`,
		Example: `  bursar job list
  bursar job why reminders latest
  bursar job logs reminders 2026-11-25T08:00 --failed
  bursar job run reminders`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, sub := range []*cobra.Command{
		c.jobListCommand(), c.jobShowCommand(), c.jobRunCommand(), c.jobSlotsCommand(), c.jobWhyCommand(), c.jobTasksCommand(), c.jobLogsCommand(),
		c.jobCancelCommand(), c.jobPauseCommand(), c.jobResumeCommand(), c.jobBackfillCommand(), c.jobVerifyCommand(), c.jobImportCommand(),
	} {
		c.readUsage(sub)
		if sub.Args != nil && strings.Contains(sub.Use, " JOB") {
			sub.ValidArgsFunction = c.completeFirst(jobNames, cobra.ShellCompDirectiveNoFileComp)
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

func jobNames(p *project.Project) []string {
	return namesOf(p.Jobs, func(j *project.Job) string { return j.Name })
}

// onJob is the code of a command whose first argument names a job; do gets the other arguments.
func onJob(open opening, do func(context.Context, *app.App, *project.Job, []string) error) func(*cobra.Command, []string) error {
	return onProject(open, func(ctx context.Context, a *app.App, args []string) error {
		j, known, err := a.FindJob(ctx, args[0])
		if err != nil {
			return err
		}
		if j == nil {
			return notFound("job", args[0], known)
		}
		return do(ctx, a, j, args[1:])
	})
}

// declared returns an error if a job is not declared any more: nothing can be asked of it.
func declared(a *app.App, j *project.Job) error {
	if a.Project.Job(j.Name) == nil {
		return notFound("job", j.Name, jobNames(a.Project))
	}
	return nil
}

// onSlot is the code of a command whose arguments name a job and a slot that is recorded; do gets the other arguments. With begun, the latest
// slot is the newest that has begun.
func onSlot(open opening, begun bool, do func(context.Context, *app.App, *project.Job, *record.Slot, []string) error) func(*cobra.Command, []string) error {
	return onJob(open, func(ctx context.Context, a *app.App, j *project.Job, args []string) error {
		s, err := findSlot(ctx, a, j, args[0], begun)
		if err != nil {
			return err
		}
		return do(ctx, a, j, &s, args[1:])
	})
}

// latestSlot names the newest slot.
const latestSlot = "latest"

func findSlot(ctx context.Context, a *app.App, j *project.Job, text string, begun bool) (s record.Slot, err error) {
	if text == latestSlot {
		s, err = a.LatestJobSlot(ctx, j.Name, begun)
		return s, slotHint(err, j, record.Ref{})
	}
	ref, hasRun, err := parseSlot(j, text)
	switch {
	case err != nil:
		return s, err
	case hasRun:
		s, err = a.JobSlot(ctx, ref)
	default:
		s, err = a.NewestJobSlot(ctx, j.Name, ref.Due)
	}
	return s, slotHint(err, j, ref)
}

// slotHint adds the next step to the error of a slot that does not exist, whose name it writes in the job's zone; a zero reference is the latest.
func slotHint(err error, j *project.Job, ref record.Ref) error {
	var missing *record.NotFoundError
	if !errors.As(err, &missing) {
		return err
	}
	if ref.Job != "" {
		err = &record.NotFoundError{What: "slot " + ref.In(zoneOf(j)), Why: missing.Why}
	}
	return withHint(err, "`bursar job slots %s` lists its slots", j.Name)
}

// parseSlot reads the name of a slot: its due time, with /RUN behind it, and perhaps with JOB/ before it, as slots are printed.
func parseSlot(j *project.Job, text string) (ref record.Ref, hasRun bool, err error) {
	at, run, hasRun := strings.Cut(strings.TrimPrefix(text, j.Name+"/"), "/")
	ref.Job = j.Name
	if ref.Due, err = parseLocalTime(at, zoneOf(j)); err != nil {
		return ref, hasRun, usagef("%q is not a slot: write its due time, as 2026-11-25T07:00:00Z, or as 2026-11-25T08:00 in %s, or %s", text, zoneOf(j), latestSlot)
	}
	if hasRun {
		if ref.Run, err = strconv.Atoi(run); err != nil || ref.Run < 0 {
			return ref, hasRun, usagef("%q is not a slot: what follows / is the number of a run, from 0 on", text)
		}
	}
	return ref, hasRun, nil
}

// localForms are the forms of local times. The last is the beginning of a day.
var localForms = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// parseLocalTime reads a time in RFC 3339, or in a zone. A local time that does not exist, or that comes twice, is the one at which a job would
// be due. Its seconds are whole.
func parseLocalTime(text string, zone *time.Location) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	for _, form := range localForms {
		if err == nil {
			break
		}
		if at, err = time.Parse(form, text); err == nil {
			at = schedule.Instant(at, zone)
		}
	}
	if err == nil && at.Nanosecond() != 0 {
		err = fmt.Errorf("%q is not a whole second", text)
	}
	return at.UTC(), err
}

func zoneOf(j *project.Job) *time.Location { return cmp.Or(j.Zone, time.UTC) }

// formatIn formats a time for people in a zone, with its offset.
func formatIn(t *time.Time, zone *time.Location) string {
	if t == nil || t.IsZero() {
		return noValue
	}
	return t.In(zone).Format(time.RFC3339)
}

// formatSlot formats the due time of a slot, or of a range of them, and its run.
func formatSlot(s *record.Slot, zone *time.Location) string {
	text := formatIn(&s.Due, zone)
	switch {
	case s.First != nil:
		return fmt.Sprintf("%s – %s (%s)", formatIn(s.First, zone), text, formatCount(s.Count))
	case s.Run > 0:
		return fmt.Sprintf("%s/%d", text, s.Run)
	}
	return text
}
