// Records of earlier runs that are merged but were not indexed when a run's prefetch began.

package step

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/runs"
)

// pending spills the records that earlier runs merged but had not indexed when this run's prefetch began, from the parts of these
// runs. The SELECT gives a row for each row of the delta, in the same order, all null if none of those runs changed the key; it is
// empty if there are no such runs.
func (e *Executor) pending(ctx context.Context, plan *fold.Plan, run *runs.Run, partition int) (sql string, remove func(), err error) {
	runs, err := e.pendingRuns(ctx, run)
	if err != nil || len(runs) == 0 {
		return "", func() {}, err
	}
	keys, err := e.deltaKeys(ctx, plan, run, partition)
	if err != nil {
		return "", nil, err
	}
	var failed error
	sql, remove, err = e.Spill("pending", reconcile.StateFields(plan), func(out *column.ParquetWriter) error {
		failed = e.writePending(ctx, plan, e.pendingReaders(ctx, plan, runs, run, partition), keys, out)
		return failed
	})
	if failed == nil {
		return sql, remove, err
	}
	if errors.Is(failed, artifact.ErrCorrupt) || errors.Is(failed, fs.ErrNotExist) { // the run that made the part finds this too, and is reset
		failed = failure.Wrap(failure.Transient, failed)
	}
	return "", nil, fmt.Errorf("read records that are not indexed yet: %w", failed)
}

// writePending merges the delta's keys with the runs' parts: both are sorted by key.
func (e *Executor) writePending(ctx context.Context, plan *fold.Plan, readers []*pendingReader, keys [][]byte, out *column.ParquetWriter) error {
	defer func() {
		for _, r := range readers {
			r.Close()
		}
	}()
	row := column.NewVectors(column.Types(reconcile.StateFields(plan)), window)
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
	return nil
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
func (e *Executor) stateSQL(plan *fold.Plan, state []object.Description, pending string) string {
	fields := reconcile.StateFields(plan)
	switch {
	case pending == "":
		return e.tableSQL(state, fields)
	case len(state) == 0:
		return pending
	}
	list := make([]string, len(fields))
	for i, f := range fields {
		name := column.QuoteIdentifier(f.Name)
		list[i] = fmt.Sprintf("CASE WHEN p.%s IS NULL THEN s.%s ELSE p.%s END AS %s", column.QuoteIdentifier(fold.EventCount), name, name, name)
	}
	return fmt.Sprintf("SELECT %s FROM (%s) AS p POSITIONAL JOIN (%s) AS s", strings.Join(list, ", "), pending, e.tableSQL(state, fields))
}
