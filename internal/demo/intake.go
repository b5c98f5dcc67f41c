// Taking the batches in: one command each, one of them killed and repeated.

package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"bursar/internal/shop"
)

// ingested is what `bursar ingest --json` prints, and a batch's manifest too.
type ingested struct {
	Batch       uint64  `json:"batch"`
	Rows        int64   `json:"rows"`
	Accepted    int64   `json:"accepted"`
	Quarantined int64   `json:"quarantined"`
	Duplicates  int64   `json:"duplicates"`
	Totals      Amounts `json:"totals"`
}

// ingest takes in the batches from first to before after. If disturb is set, one of them is killed and repeated.
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
			began = s.busy // the table shows the repetition
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

// file is a batch's path as people type it.
func (s *demonstration) file(batch int) string {
	return filepath.Join(s.Dir, filepath.FromSlash(s.ledger.Batches[batch].File))
}

// ingestBatch takes one batch in, compares what intake counted with the ledger, and adds it up.
func (s *demonstration) ingestBatch(ctx context.Context, batch int) (ingested, error) {
	var t ingested
	if _, err := s.run(ctx, &t, "ingest", stream, s.file(batch)); err != nil {
		return t, err
	}
	if t.Batch == 0 { // a killed command had sealed it: its manifest says what it counted
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

// compareBatch names the first figure of a batch that is another one in the ledger.
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

// killIntake kills the intake of a batch in its middle and shows that nothing of it counts. It reports false if the
// command was quicker; then the batch is in, and taking it in again changes nothing.
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
	if _, err := s.run(ctx, &now, "status"); err != nil {
		return false, err
	}
	if s.sealed(&now) > batch {
		s.printf("Killed (SIGKILL) after %s s, just after batch %d was sealed: the same command again changes nothing.",
			seconds(took), batch+1)
		return false, nil
	}
	s.printf("Killed (SIGKILL) after %s s, in the middle of batch %d: unfinished objects lie there (%d, %s), and no batch."+
		" The same command again:", seconds(took), batch+1, max(left.files, seen.files), size(max(left.bytes, seen.bytes)))
	s.recordKill("ingest", stream, s.file(batch))
	return true, nil
}

// recordKill enters a kill that hit in the report.
func (s *demonstration) recordKill(args ...string) {
	s.report.Kills++
	s.report.Killed = append(s.report.Killed, s.commandLine(args...))
}
