// Records of earlier runs that are merged but were not indexed when a run's prefetch began.

package step

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/runs"
)

// pendingState holds the records that earlier runs merged but had not indexed when this run's prefetch began: a row for each row
// of the delta, in the same order, all null if none of those runs changed the key.
type pendingState struct {
	path string // a scratch file
}

func (p *pendingState) remove() {
	if p != nil {
		_ = os.Remove(p.path)
	}
}

// pending reads these records from the parts of the runs; it is nil if there are no such runs.
func (e *Executor) pending(ctx context.Context, plan *fold.Plan, run *runs.Run, partition int) (*pendingState, error) {
	runs, err := e.pendingRuns(ctx, run)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	keys, err := e.deltaKeys(ctx, plan, run, partition)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(e.Scratch, "pending-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	p := &pendingState{path: file.Name()}
	if err := e.writePending(ctx, plan, e.pendingReaders(ctx, plan, runs, run, partition), keys, file); err != nil {
		p.remove()
		if errors.Is(err, artifact.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) { // the run that made the part finds this too, and is reset
			err = failure.Wrap(failure.Transient, err)
		}
		return nil, fmt.Errorf("read records that are not indexed yet: %w", err)
	}
	return p, nil
}

// writePending merges the delta's keys with the runs' parts: both are sorted by key.
func (e *Executor) writePending(ctx context.Context, plan *fold.Plan, readers []*pendingReader, keys [][]byte, to io.Writer) error {
	fields := reconcile.StateFields(plan)
	out, err := column.NewParquetWriter(to, fields)
	if err != nil {
		return err
	}
	defer func() {
		for _, r := range readers {
			r.Close()
		}
	}()
	row := column.NewVectors(column.Types(fields), window)
	for i, key := range keys {
		if err := appendNewest(readers, key, row, i%window); err != nil {
			return err
		}
		if i%window == window-1 || i == len(keys)-1 {
			if err := errors.Join(ctx.Err(), out.WriteGroup(row)); err != nil {
				return err
			}
			reconcile.ResetRow(row)
		}
	}
	return out.Close()
}

// pendingReaders returns readers of those parts of runs that may contain keys of a run's partition, newest run first.
func (e *Executor) pendingReaders(ctx context.Context, plan *fold.Plan, runs []runs.Run, run *runs.Run, partition int) (readers []*pendingReader) {
	for i := range runs {
		for p := range runs[i].Partitions {
			if p == partition || !runs[i].SameSplit(run) {
				readers = append(readers, &pendingReader{PartReader: index.NewPartReader(ctx, e.Objects, plan, &runs[i], p)})
			}
		}
	}
	return readers
}

// appendNewest appends the key's record of the newest run that has one, or nulls. readers are sorted newest first.
func appendNewest(readers []*pendingReader, key []byte, row []column.Vector, i int) error {
	for _, r := range readers {
		found, err := r.seek(key)
		if err != nil {
			return err
		}
		if found {
			return reconcile.DecodeRecord(r.Record, row, i, r.entry)
		}
	}
	reconcile.AppendNulls(row)
	return nil
}

// pendingReader reads one run's records by ascending keys.
type pendingReader struct {
	*index.PartReader
	entry artifact.Entry
	begun bool
	ended bool
}

// seek advances to the first record at or after the key and reports whether it has the key.
func (r *pendingReader) seek(key []byte) (bool, error) {
	for !r.ended && (!r.begun || bytes.Compare(r.entry.Key, key) < 0) {
		entry, err := r.Next()
		r.begun = true
		if errors.Is(err, io.EOF) {
			r.ended = true
			break
		}
		if err != nil {
			return false, err
		}
		r.entry = entry
	}
	return !r.ended && bytes.Equal(r.entry.Key, key), nil
}

// stateSQL selects the state that merge reads: the pending record of a key if there is one, else the prefetched one.
func (e *Executor) stateSQL(files object.Files, plan *fold.Plan, state []object.Description, pending *pendingState) string {
	fields := reconcile.StateFields(plan)
	if pending == nil {
		return tableSQL(files, state, fields)
	}
	waiting := "SELECT * FROM read_parquet(" + duck.Literal(pending.path) + ")"
	if len(state) == 0 {
		return waiting
	}
	list := make([]string, len(fields))
	for i, f := range fields {
		name := column.QuoteIdentifier(f.Name)
		list[i] = fmt.Sprintf("CASE WHEN p.%s IS NULL THEN s.%s ELSE p.%s END AS %s", column.QuoteIdentifier(fold.EventCount), name, name, name)
	}
	return fmt.Sprintf("SELECT %s FROM (%s) AS p POSITIONAL JOIN (%s) AS s", strings.Join(list, ", "), waiting, tableSQL(files, state, fields))
}
