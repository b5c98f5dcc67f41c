// bursar job list and show: the jobs, what they declare, and when they are due.

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/job/record"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) jobListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List jobs with their states, next due times and counters",
		Long: `Lists each job: when it is due, whether it is active or paused, how many of its slots are executed and wait, when it is due
next, its newest slot, and how its slots have ended since the job is known. A job that is not declared any more is removed; its slots are
kept. Times are those of the job's zone; with --json in UTC.`,
		Example: `  bursar job list
  bursar job list --json`,
		RunE: onProject(c.openToRead, func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.JobStatus(ctx)
			if err != nil {
				return err
			}
			return c.result(map[string]any{"jobs": list}, func(w io.Writer) { c.printJobs(w, a, list) })
		}),
	}
}

func (c *cli) printJobs(w io.Writer, a *app.App, list []app.JobStatus) {
	if len(list) == 0 {
		fmt.Fprintln(w, "The project declares no jobs: add jobs/NAME.yaml, or import a crontab with `bursar job import-crontab FILE`.")
		return
	}
	g := newGrid("job", "state", "next due", "newest slot", "its state", "running", "waiting", "done", "failed", "skipped", "late", "blocked", "schedule", "zone")
	for i := range list {
		one := &list[i]
		zone := time.UTC
		if j := a.Project.Job(one.Name); j != nil {
			zone = zoneOf(j)
		}
		newest, state := noValue, noValue
		if one.Last != nil {
			newest, state = formatIn(&one.Last.Due, zone), describeSlotState(one.Last)
		}
		n, schedule := &one.Counters, noValue
		if one.State != app.JobRemoved {
			schedule = describeSchedule(one.Schedule, one.After)
		}
		g.add(one.Name, one.State, formatIn(one.Next, zone), newest, state, formatCount(one.Running), formatCount(one.Waiting),
			formatCount(n.Done), formatCount(n.Failed), formatCount(n.Skipped), formatCount(n.Late), formatCount(n.Blocked),
			schedule, one.Zone)
	}
	g.print(w, width(c.out))
}

func describeSchedule(schedule, after string) string {
	switch {
	case schedule != "" && after != "":
		return schedule + ", after " + after
	case after != "":
		return "after " + after
	case schedule == "":
		return "by hand"
	}
	return schedule
}

// shownSlots bounds the slots that show lists.
const shownSlots = 10

func (c *cli) jobShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show JOB",
		Short: "Show what a job declares, its next due times and its last slots",
		Long: `Shows what a job declares, with the values of keys that its file leaves out, whether it is paused, its next five due times, and its
last slots. Times are those of the job's zone; with --json in UTC.`,
		Example: `  bursar job show reminders
  bursar job show reminders --json`,
		RunE: onJob(c.openToRead, func(ctx context.Context, a *app.App, j *project.Job, _ []string) error { return c.showJob(ctx, a, j) }),
	}
}

// shownJob is the output of `job show --json`.
type shownJob struct {
	app.JobStatus
	File     string            `json:"file,omitempty"`
	Declared map[string]string `json:"declared,omitempty"`
	Due      []time.Time       `json:"due"`
	Slots    []record.Slot     `json:"slots"`
}

func (c *cli) showJob(ctx context.Context, a *app.App, j *project.Job) error {
	all, err := a.JobStatus(ctx)
	if err != nil {
		return err
	}
	shown := shownJob{File: j.File, Due: append([]time.Time{}, a.JobDue(j, shownDueTimes)...)}
	for i := range all {
		if all[i].Name == j.Name {
			shown.JobStatus = all[i]
		}
	}
	slots, truncated, err := a.JobSlots(ctx, record.Query{Job: j.Name, Limit: shownSlots})
	if err != nil {
		return err
	}
	shown.Slots = append([]record.Slot{}, slots...)
	var facts []fact
	if shown.State != app.JobRemoved {
		facts, shown.Declared = declaration(j), map[string]string{}
		for _, f := range facts {
			shown.Declared[f.key] = f.value
		}
	}
	return c.result(shown, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n", j.Name, describeJobState(&shown.JobStatus, zoneOf(j)))
		for _, f := range facts {
			fmt.Fprintf(w, "  %-12s %s\n", f.key, shorten(f.value))
		}
		for i := range shown.Due {
			fmt.Fprintf(w, "%s %s\n", map[bool]string{true: "next due:", false: "         "}[i == 0], formatIn(&shown.Due[i], zoneOf(j)))
		}
		if len(slots) == 0 {
			fmt.Fprintln(w, "It has no slots yet.")
			return
		}
		c.printSlots(w, slots, zoneOf(j))
		if truncated {
			fmt.Fprintf(w, "`bursar job slots %s` lists earlier ones.\n", j.Name)
		}
	})
}

func describeJobState(s *app.JobStatus, zone *time.Location) string {
	text := s.State
	switch s.State {
	case app.JobRemoved:
		text += ", it is not declared any more"
	case app.JobPaused:
		text = fmt.Sprintf("paused by %s since %s", printable(s.PausedBy), formatIn(s.Paused, zone))
	}
	return fmt.Sprintf("%s; %s, %s", text, plural(s.Running, "slot is executed", "slots are executed"), plural(s.Waiting, "waits", "wait"))
}

// fact is one declared key of a job, or its default.
type fact struct{ key, value string }

// declaration lists what a job declares, without what is not set and has no default.
func declaration(j *project.Job) (list []fact) {
	add := func(key, value string) {
		if value != "" {
			list = append(list, fact{key, value})
		}
	}
	add("schedule", j.Schedule.String())
	add("zone", zoneOf(j).String())
	add("except", describeExcept(j.Except))
	add("after", j.After)
	add("partition", describePartition(&j.Partition))
	add("task", describeTask(&j.Task))
	add("only_if", j.OnlyIf)
	if j.Once {
		add("once", "true")
	}
	add("concurrency", formatCount(j.Concurrency))
	add("rate", describeRate(j.Rate))
	add("timeout", project.FormatTime(j.Timeout))
	add("heartbeat", project.FormatTime(j.Heartbeat))
	add("retry", fmt.Sprintf("%s, wait %s to %s", plural(j.Retry.Attempts, "attempt", "attempts"), project.FormatTime(j.Retry.Wait), project.FormatTime(j.Retry.Longest)))
	add("overlap", string(j.Overlap))
	add("catch_up", describeCatchUp(&j.CatchUp))
	if j.Deadline > 0 {
		add("deadline", project.FormatTime(j.Deadline))
	}
	add("fairness", j.Fairness)
	return list
}

func describeExcept(ranges []project.DateRange) string {
	var list []string
	for i, r := range ranges {
		if i == shownObjects {
			list = append(list, fmt.Sprintf("and %s more", formatCount(len(ranges)-i)))
			break
		}
		text := r.From
		if r.To != r.From {
			text += ".." + r.To
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func describePartition(p *project.Partition) string {
	switch {
	case p.List != nil:
		return "list of " + formatCount(len(p.List))
	case p.Count > 0:
		return "count " + formatCount(p.Count)
	case p.SQL != "" && len(p.Key) > 0:
		return fmt.Sprintf("sql by %s: %s", strings.Join(p.Key, ", "), p.SQL)
	case p.SQL != "":
		return "sql: " + p.SQL
	case p.Command != nil:
		return "command: " + shellWords(p.Command)
	}
	return "one task"
}

// describeTask shows what a task does. Its environment, headers and bodies are left out.
func describeTask(t *project.Task) string {
	switch t.Kind() {
	case project.HTTPKind:
		return fmt.Sprintf("http: %s %s", t.HTTP.Method, t.HTTP.URL)
	case project.SQLTask:
		return "sql: " + t.SQL
	case project.EmailKind:
		return fmt.Sprintf("email: to %s, %s", t.Email.To, t.Email.Subject)
	case project.BursarTask:
		return "bursar " + shellWords(t.Bursar)
	}
	return "exec: " + shellWords(t.Exec)
}

func describeRate(r project.Rate) string {
	if r.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%s per %s", formatCount(r.Count), project.FormatTime(r.Per))
}

func describeCatchUp(u *project.CatchUp) string {
	text := string(u.Policy)
	if u.Age > 0 {
		text += ", not older than " + project.FormatTime(u.Age)
	}
	if rate := describeRate(u.Rate); rate != "" {
		text += ", " + rate
	}
	return text
}
