// The walk over all artifacts of a generation in key order, the check that none is missing, and the scratch files through which
// SQL reads rows and artifacts.

package query

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// walkRows is how many artifacts walk reads at a time.
const walkRows = 1 << 14

// Walk calls each with all published artifacts of a generation, in key order, some thousand at a time.
func (e *Reader) Walk(ctx context.Context, plan *fold.Plan, g *runs.Generation, each func(row []column.Vector) error) error {
	var entries []artifact.Entry
	var counts walkCounts
	row := reconcile.NewRow(plan)
	flush := func() error {
		if len(entries) == 0 {
			return nil
		}
		records := make([][]byte, len(entries))
		err := artifact.Fetch(ctx, e.Objects, g.Space(), entries, e.Workers, func(_, i int, record []byte) error {
			records[i] = append([]byte(nil), record...)
			return nil
		})
		if err != nil {
			return err
		}
		reconcile.ResetRow(row)
		for i, record := range records {
			if err := reconcile.DecodeRecord(record, row, i, entries[i]); err != nil {
				return err
			}
		}
		entries = entries[:0]
		counts.add(row[len(plan.Key)])
		return each(row)
	}
	err := e.Index.Scan(ctx, g.Space(), g.Published, func(entry artifact.Entry) error {
		entry.Key = bytes.Clone(entry.Key)
		entries = append(entries, entry)
		if len(entries) == walkRows {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = counts.check(g)
	}
	return reconcile.Unreadable(g.Pipeline, err)
}

// walkCounts counts the artifacts of a walk and the events in them.
type walkCounts struct{ artifacts, events int64 }

func (w *walkCounts) add(events column.Vector) {
	w.artifacts += int64(events.Len())
	for _, n := range events.Ints {
		w.events += n
	}
}

// check compares the counts with what the published runs folded: an artifact made from an old state balances in its own run,
// but lacks the changes of the runs between (rule 4).
func (w *walkCounts) check(g *runs.Generation) error {
	if w.artifacts == g.Artifacts && (g.Events == nil || w.events == *g.Events) {
		return nil
	}
	folded := w.events
	if g.Events != nil {
		folded = *g.Events
	}
	return &ArtifactTotalsError{Pipeline: g.Pipeline, Artifacts: g.Artifacts, Events: folded, StoredArtifacts: w.artifacts, StoredEvents: w.events}
}

// ArtifactTotalsError reports that the artifacts of a pipeline are not what its published runs made (rule 4).
type ArtifactTotalsError struct {
	failure.Unbalanced

	Pipeline                   string
	Artifacts, StoredArtifacts int64
	Events, StoredEvents       int64
}

func (e *ArtifactTotalsError) Error() string {
	return fmt.Sprintf("control totals do not balance: the runs of %s made %s from %s, but the index has %s from %s; run `bursar rebuild %s`",
		e.Pipeline, reconcile.Plural(e.Artifacts, "artifact"), reconcile.Plural(e.Events, "event"),
		reconcile.Plural(e.StoredArtifacts, "artifact"), reconcile.Plural(e.StoredEvents, "event"), e.Pipeline)
}

// Spill writes rows to a new scratch file and returns a SELECT over it. The file is deleted by remove.
func (e *Reader) Spill(name string, fields []column.Field, rows []column.Vector) (sql string, remove func(), err error) {
	return e.spill(name, fields, func(out *column.ParquetWriter) error { return out.WriteGroup(rows) })
}

// SpillArtifacts is Spill for all published artifacts of a generation.
func (e *Reader) SpillArtifacts(ctx context.Context, name string, plan *fold.Plan, g *runs.Generation) (sql string, remove func(), err error) {
	return e.spill(name, reconcile.StoredFields(plan), func(out *column.ParquetWriter) error { return e.Walk(ctx, plan, g, out.WriteGroup) })
}

func (e *Reader) spill(name string, fields []column.Field, write func(out *column.ParquetWriter) error) (sql string, remove func(), err error) {
	file, err := os.CreateTemp(e.Scratch, name+"-*.parquet")
	if err != nil {
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	remove = func() { _ = os.Remove(file.Name()) } // scratch is emptied at the next start
	out, err := column.NewParquetWriter(file, fields)
	if err == nil {
		err = write(out)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	return "SELECT * FROM read_parquet(" + duck.Literal(file.Name()) + ")", remove, nil
}
