// Export of all artifacts of a pipeline, and the walk over them.

package reconcile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// Exported is the result of an export. The digest is the SHA-256 of the written bytes; equal results have equal digests.
type Exported struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// Export writes all artifacts of a pipeline, sorted by key, one {"key":…,"artifact":{…}} a line. If no run is published it returns
// an UnpublishedError: an empty file would look like a result.
func (e *Engine) Export(ctx context.Context, pipeline string, w io.Writer) (Exported, error) {
	q, err := e.openSnapshot(ctx, pipeline)
	if err != nil {
		return Exported{}, err
	}
	defer q.release()
	plan, g := q.plan, q.generation
	return e.export(ctx, plan, &g, g.Published, w)
}

func (e *Engine) export(ctx context.Context, plan *fold.Plan, g *Generation, asOf uint64, w io.Writer) (Exported, error) {
	hash := sha256.New()
	w = io.MultiWriter(w, hash)
	printer := newPrinter(plan)
	var out Exported
	var lines []byte
	err := e.walk(ctx, plan, g, asOf, func(row []column.Vector) error {
		lines = lines[:0]
		for i := range row[0].Len() {
			lines = printer.line(lines, row, i)
		}
		out.Rows += int64(row[0].Len())
		_, err := w.Write(lines)
		return err
	})
	if err != nil {
		return Exported{}, fmt.Errorf("export %s: %w", plan.Pipeline.Name, err)
	}
	out.Digest = hex.EncodeToString(hash.Sum(nil))
	return out, nil
}

// ArtifactFields returns the columns of a pipeline's artifacts: those of the key, then the declared ones in their order.
func (e *Engine) ArtifactFields(ctx context.Context, pipeline string) ([]column.Field, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	return newPrinter(plan).fields(recordFields(plan)), nil
}

// Artifacts calls each with all artifacts of a pipeline as values of ArtifactFields, sorted by key, some thousand at a time. If no
// run is published it returns an UnpublishedError.
func (e *Engine) Artifacts(ctx context.Context, pipeline string, each func(values []column.Vector) error) error {
	q, err := e.openSnapshot(ctx, pipeline)
	if err != nil {
		return err
	}
	defer q.release()
	return e.walk(ctx, q.plan, &q.generation, q.generation.Published, func(row []column.Vector) error {
		return each(q.printer.values(row))
	})
}

// walkRows is how many artifacts walk reads at a time.
const walkRows = 1 << 14

// walk calls each with all artifacts as of a run, in key order, some thousand at a time.
func (e *Engine) walk(ctx context.Context, plan *fold.Plan, g *Generation, asOf uint64, each func(row []column.Vector) error) error {
	var entries []artifact.Entry
	var counts walkCounts
	row := newRow(plan)
	flush := func() error {
		if len(entries) == 0 {
			return nil
		}
		records := make([][]byte, len(entries))
		err := artifact.Fetch(ctx, e.Objects, g.space(), entries, e.Workers, func(_, i int, record []byte) error {
			records[i] = append([]byte(nil), record...)
			return nil
		})
		if err != nil {
			return err
		}
		resetRow(row)
		for i, record := range records {
			if err := decode(record, row, i, entries[i]); err != nil {
				return err
			}
		}
		entries = entries[:0]
		counts.add(row[len(plan.Key)])
		return each(row)
	}
	err := e.Index.Scan(ctx, g.space(), asOf, func(entry artifact.Entry) error {
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
	if err == nil && asOf == g.Published {
		err = counts.check(g)
	}
	return unreadable(g.Pipeline, err)
}

// unreadable adds the remedy to an error about a damaged or missing part.
func unreadable(pipeline string, err error) error {
	if errors.Is(err, artifact.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
		return failure.Wrap(failure.Data, fmt.Errorf("%w; run `bursar rebuild %s`", err, pipeline))
	}
	return err
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
func (w *walkCounts) check(g *Generation) error {
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
	Pipeline                   string
	Artifacts, StoredArtifacts int64
	Events, StoredEvents       int64
}

func (e *ArtifactTotalsError) Error() string {
	return fmt.Sprintf("control totals do not balance: the runs of %s made %s from %s, but the index has %s from %s; run `bursar rebuild %s`",
		e.Pipeline, plural(int(e.Artifacts), "artifact"), plural(int(e.Events), "event"),
		plural(int(e.StoredArtifacts), "artifact"), plural(int(e.StoredEvents), "event"), e.Pipeline)
}

// Class is Data: a retry reads the same.
func (e *ArtifactTotalsError) Class() failure.Class { return failure.Data }

// ExitCode is 4 (DESIGN §7).
func (e *ArtifactTotalsError) ExitCode() int { return breachExit }

// decode appends a record as row i of the columns, and checks that it has the key of the index entry.
func decode(record []byte, row []column.Vector, i int, entry artifact.Entry) error {
	if err := artifact.DecodeRecord(record, row); err != nil {
		return fmt.Errorf("read artifact of run %d at %+v: %w", entry.Run, entry.Location, err)
	}
	if !artifact.IsKey(entry.Key, row, i) {
		return fmt.Errorf("read artifact of run %d at %+v: the index points to another key's record: %w", entry.Run, entry.Location, artifact.ErrCorrupt)
	}
	return nil
}
