// bursar check: the next due times of jobs.

package main

import (
	"fmt"
	"strings"
	"time"

	"bursar/internal/project"
)

// shownDueTimes is how many due times of each job are shown.
const shownDueTimes = 5

// checkedJob is a job in the output of `check --json`.
type checkedJob struct {
	Job string      `json:"job"`
	Due []time.Time `json:"due"` // the next ones; empty if it is executed by hand or after another job

	declared *project.Job
}

// checkJobs lists the jobs with their next due times.
func checkJobs(p *project.Project, now time.Time) []checkedJob {
	list := make([]checkedJob, 0, len(p.Jobs))
	for _, j := range p.Jobs {
		c := checkedJob{Job: j.Name, Due: []time.Time{}, declared: j}
		for due := j.Due(now); !due.IsZero() && len(c.Due) < shownDueTimes; due = j.Due(due) {
			c.Due = append(c.Due, due.UTC())
		}
		list = append(list, c)
	}
	return list
}

// describeJob is one line: "job reminders: due 2026-11-30 08:00, 2026-12-01 08:00 (Europe/Prague)". An hour that the clock shows twice has its
// offset.
func describeJob(c checkedJob) string {
	j := c.declared
	switch {
	case j.Schedule.IsZero() && j.After != "":
		return fmt.Sprintf("job %s: after job %s", j.Name, j.After)
	case j.Schedule.IsZero():
		return fmt.Sprintf("job %s: by hand", j.Name)
	case len(c.Due) == 0:
		return fmt.Sprintf("job %s: not due any more, since all times are on dates of `except`", j.Name)
	}
	times := make([]string, len(c.Due))
	shown := map[string]int{}
	for i, due := range c.Due {
		times[i] = formatDue(due.In(j.Zone))
		shown[times[i]]++
	}
	for i, due := range c.Due {
		if shown[times[i]] > 1 {
			times[i] = due.In(j.Zone).Format("2006-01-02 15:04:05 -07:00")
		}
	}
	return fmt.Sprintf("job %s: due %s (%s)", j.Name, strings.Join(times, ", "), j.Zone)
}

// formatDue writes a time to the minute, unless it has seconds.
func formatDue(due time.Time) string {
	if due.Second() != 0 {
		return due.Format(time.DateTime)
	}
	return due.Format("2006-01-02 15:04")
}
