// Processes the backlog with the command run, which is killed once and repeated.

package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/reconcile/runs"
)

// status is the output of `bursar status --json`.
type status struct {
	Pipelines []pipelineStatus `json:"pipelines"`
}

type pipelineStatus struct {
	Runs      uint64 `json:"runs"` // published
	Backlog   int    `json:"backlog"`
	Artifacts int64  `json:"artifacts"`
}

// sealed counts the sealed batches: those in the reported runs, and the backlog.
func (s *demonstration) sealed(now *status) int {
	n := 0
	for _, r := range s.report.Runs {
		n += r.Batches
	}
	for _, p := range now.Pipelines {
		n += p.Backlog
	}
	return n
}

func (s *demonstration) hasKilled(command string) bool {
	return slices.ContainsFunc(s.report.Killed, func(line string) bool {
		return strings.HasPrefix(line, shellQuote(s.Name)+" "+command+" ")
	})
}

// reconcile processes the backlog. If disturb is set, the command is killed and repeated.
func (s *demonstration) reconcile(ctx context.Context, disturb bool) error {
	s.printf("$ %s", s.commandLine("run"))
	var done struct {
		Runs []Run `json:"runs"`
	}
	if disturb {
		if err := s.killRun(ctx, &done); err != nil {
			return err
		}
	}
	if len(done.Runs) == 0 { // unless the command ended before the kill
		if err := s.run(ctx, &done, "run"); err != nil {
			return err
		}
	}
	return s.printRuns(done.Runs)
}

// killRun kills a run half-way and shows that nothing of it is visible. If the command ended before, into contains its result.
func (s *demonstration) killRun(ctx context.Context, into any) error {
	next := uint64(len(s.report.Runs)) + 1
	var seen fileCount
	killed, took, err := s.kill(ctx, into, s.midRun(next, &seen), "run")
	if err != nil || !killed {
		return err
	}
	var now status
	if err := s.run(ctx, &now, "status"); err != nil {
		return err
	}
	if len(now.Pipelines) != 1 {
		return fmt.Errorf("status shows %d pipelines, the demo has one", len(now.Pipelines))
	}
	p := now.Pipelines[0]
	if p.Runs >= next {
		return errors.New("the run was published as it was killed")
	}
	s.printf("Killed (SIGKILL) after %s s, in the middle of run %d: its delta of %s is written, but readers still see"+
		" the %s artifacts of run %d. Repeating the command:",
		seconds(took), next, size(seen.bytes), number(p.Artifacts), p.Runs)
	s.recordKill("run")
	return nil
}

// printRuns prints runs and adds them to the report.
func (s *demonstration) printRuns(done []Run) error {
	header := []string{"run", "batches", "events", "created", "updated"}
	for _, step := range runs.StepNames {
		header = append(header, string(step)+" s")
	}
	header = append(header, "events a second", "balanced")
	var rows [][]string
	for _, r := range done {
		row := []string{fmt.Sprint(r.Run), fmt.Sprint(r.Batches), number(r.Events), number(r.Created), number(r.Updated)}
		for _, step := range runs.StepNames {
			row = append(row, seconds(time.Duration(r.Steps[string(step)]*float64(time.Second))))
		}
		took := time.Duration(r.Seconds * float64(time.Second))
		rows = append(rows, append(row, rate(r.Events, took), mark(r.Balanced)))
		if !r.Balanced {
			return unbalanced("run %d does not balance", r.Run)
		}
	}
	s.Table(header, rows)
	s.report.Runs = append(s.report.Runs, done...)
	return nil
}
