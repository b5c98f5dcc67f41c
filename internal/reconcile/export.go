package reconcile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/fold"
)

// Exported says what an export wrote: its digest is the SHA-256 of the bytes, equal for equal results.
type Exported struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// Export writes all artifacts of a pipeline, sorted by key, one {"key":…,"artifact":{…}} a line.
func (e *Engine) Export(ctx context.Context, pipeline string, w io.Writer) (Exported, error) {
	q, err := e.reading(ctx, pipeline)
	if err != nil {
		return Exported{}, err
	}
	defer q.done()
	plan, g := q.plan, q.g
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

// walkRows is how many artifacts a walk reads at a time.
const walkRows = 1 << 14

// walk hands all artifacts as of a run to each, in key order, some thousand at a time.
func (e *Engine) walk(ctx context.Context, plan *fold.Plan, g *Generation, asOf uint64, each func(row []column.Vector) error) error {
	var entries []artifact.Entry
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
	if err != nil {
		return err
	}
	return flush()
}

// decode appends a record to the columns as their row i, and asserts that it is of the key whose entry led to it.
func decode(record []byte, row []column.Vector, i int, entry artifact.Entry) error {
	if err := artifact.DecodeRecord(record, row); err != nil {
		return fmt.Errorf("read artifact of run %d at %+v: %w", entry.Run, entry.Location, err)
	}
	if !artifact.IsKey(entry.Key, row, i) {
		return fmt.Errorf("read artifact of run %d at %+v: the index points to another key's record: %w", entry.Run, entry.Location, artifact.ErrCorrupt)
	}
	return nil
}
