// Ingests and reconciles the batches: one command for each step, of which one is killed and repeated.

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/reconcile/runs"
	"bursar/internal/tools/shop"
)

// ingested is the output of `bursar ingest --json`; a batch's manifest has the same fields.
type ingested struct {
	Batch       uint64  `json:"batch"`
	Rows        int64   `json:"rows"`
	Accepted    int64   `json:"accepted"`
	Quarantined int64   `json:"quarantined"`
	Duplicates  int64   `json:"duplicates"`
	Totals      Amounts `json:"totals"`
}

// ingest ingests the batches in [first, after). If disturb is set, one of the commands is killed and repeated.
func (s *demonstration) ingest(ctx context.Context, first, after int, disturb bool) error {
	s.printf("$ %s%s", s.commandLine("ingest", stream, s.file(first)), andSoOn(after-first))
	var rows [][]string
	for i := first; i < after; i++ {
		began := s.busy
		if disturb {
			killed, err := s.killIntake(ctx, i)
			if err != nil {
				return err
			}
			disturb = !killed
			began = s.busy // the table shows the time of the repetition
		}
		t, err := s.ingestBatch(ctx, i)
		if err != nil {
			return err
		}
		took := s.busy - began
		rows = append(rows, []string{
			fmt.Sprint(t.Batch), number(t.Rows), number(t.Accepted), number(t.Duplicates), number(t.Quarantined),
			seconds(took), rate(t.Rows, took),
		})
	}
	s.Table([]string{"batch", "rows", "accepted", "duplicates", "quarantined", "seconds", "rows a second"}, rows)
	return nil
}

func andSoOn(files int) string {
	if files < 2 {
		return ""
	}
	return fmt.Sprintf("   (and so on, %d files)", files)
}

// file returns the path of a batch, as it is shown in commands.
func (s *demonstration) file(batch int) string {
	return filepath.Join(s.Dir, filepath.FromSlash(s.ledger.Batches[batch].File))
}

// ingestBatch ingests one batch, compares the counts with the ledger, and adds them to the report.
func (s *demonstration) ingestBatch(ctx context.Context, batch int) (ingested, error) {
	var t ingested
	if err := s.run(ctx, &t, "ingest", stream, s.file(batch)); err != nil {
		return t, err
	}
	if t.Batch == 0 { // a killed command had sealed it: its counts are in the manifest
		text, err := os.ReadFile(s.manifest(uint64(batch) + 1))
		if err == nil {
			t = ingested{}
			err = json.Unmarshal(text, &t)
		}
		if err != nil {
			return t, fmt.Errorf("read manifest of batch %d: %w", batch+1, err)
		}
	}
	r := &s.report
	r.Rows += t.Rows
	r.Accepted += t.Accepted
	r.Quarantined += t.Quarantined
	r.Duplicates += t.Duplicates
	err := r.Totals.add(t.Totals)
	if err == nil {
		err = compareBatch(&s.ledger.Batches[batch], &t)
	}
	return t, err
}

// compareBatch returns an error that names the first figure of a batch that differs from the ledger.
func compareBatch(want *shop.Batch, got *ingested) error {
	for _, figure := range []struct {
		name      string
		got, want int64
	}{
		{"rows", got.Rows, want.Rows},
		{"accepted", got.Accepted, want.Accepted},
		{"quarantined", got.Quarantined, want.Quarantined()},
		{"duplicates", got.Duplicates, want.Duplicates},
	} {
		if figure.got != figure.want {
			return fmt.Errorf("batch %d: %s: %s is %d, ledger has %d", got.Batch, want.File, figure.name, figure.got, figure.want)
		}
	}
	if totals := want.Totals(); !maps.Equal(got.Totals["amount"], totals) {
		return newTotalsError("intake of "+want.File, totals, got.Totals["amount"])
	}
	return nil
}

// killIntake kills the intake of a batch half-way and shows that nothing of it counts. It returns false if the command ended
// before; then the batch is sealed, and ingesting it again changes nothing.
func (s *demonstration) killIntake(ctx context.Context, batch int) (bool, error) {
	info, err := os.Stat(s.file(batch))
	if err != nil {
		return false, fmt.Errorf("measure batch: %w", err)
	}
	var seen fileCount
	var t ingested
	killed, took, err := s.kill(ctx, &t, s.midIntake(info.Size(), &seen), "ingest", stream, s.file(batch))
	if err != nil || !killed {
		return false, err
	}
	left := s.unfinished()
	var now status
	if err := s.run(ctx, &now, "status"); err != nil {
		return false, err
	}
	if s.sealed(&now) > batch {
		s.printf("Killed (SIGKILL) after %s s, just after batch %d was sealed: repeating the command changes nothing.",
			seconds(took), batch+1)
		return false, nil
	}
	s.printf("Killed (SIGKILL) after %s s, in the middle of batch %d: there are unfinished objects (%d, %s), but no batch."+
		" Repeating the command:", seconds(took), batch+1, max(left.files, seen.files), size(max(left.bytes, seen.bytes)))
	s.recordKill("ingest", stream, s.file(batch))
	return true, nil
}

func (s *demonstration) recordKill(args ...string) {
	s.report.Kills++
	s.report.Killed = append(s.report.Killed, s.commandLine(args...))
}

// status is the output of `bursar status --json`.
type status struct {
	Pipelines []struct {
		Runs      uint64 `json:"runs"` // published
		Backlog   int    `json:"backlog"`
		Artifacts int64  `json:"artifacts"`
	} `json:"pipelines"`
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
