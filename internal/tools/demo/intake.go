// Ingests the batches: one command each, one of them killed and repeated.

package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"

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

// recordKill adds a killed command to the report.
func (s *demonstration) recordKill(args ...string) {
	s.report.Kills++
	s.report.Killed = append(s.report.Killed, s.commandLine(args...))
}
