// The state that a run changes: the step prefetch reads the current records of the keys in a delta, and merge adds those of earlier runs
// that were not indexed then.

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

	"golang.org/x/sync/errgroup"
)

// window is how many keys are fetched at a time: it bounds the memory for their records.
const window = 1 << 15

// prefetch reads the state of exactly the keys in a partition's delta: index lookup, then coalesced byte ranges of parts. The
// state has a row for each row of the delta, in the same order, all null for a new key; if all keys are new there is no state.
func (e *Executor) prefetch(ctx context.Context, plan *fold.Plan, run *runs.Run, partition int) (share runs.Share, err error) {
	if err := e.checkDerived(ctx, run, partition, runs.StepReduce); err != nil {
		return share, err
	}
	keys, err := e.deltaKeys(ctx, plan, run, partition)
	if err != nil {
		return share, err
	}
	out := newTable(ctx, e.Objects, run.ObjectName("state", partition), reconcile.StateFields(plan))
	defer out.abort()
	if share.Rows, err = e.writeState(ctx, run, out, keys); err != nil || share.Rows == 0 {
		return share, err
	}
	share.Objects, err = out.finish()
	return share, err
}

// writeState writes the state of the keys and returns the number of records; without any it writes nothing. Keys are looked up while the
// records of those before are fetched, and these while those before them are written.
func (e *Executor) writeState(ctx context.Context, run *runs.Run, out *table, keys [][]byte) (found int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	located, fetched := make(chan *stateWindow, 1), make(chan *stateWindow, 1)
	group.Go(func() (err error) {
		defer close(located)
		found, err = e.findState(ctx, run, keys, located)
		return err
	})
	group.Go(func() error {
		defer close(fetched)
		var parts artifact.PartCache
		defer parts.Clear()
		for w := range located {
			if err := w.fetch(ctx, e.Engine, &parts, run); err != nil {
				return reconcile.Unreadable(run.Pipeline, err)
			}
			if err := send(ctx, fetched, w); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		row := column.NewVectors(column.Types(out.fields), window)
		for w := range fetched {
			reconcile.ResetRow(row)
			if err := w.decode(row); err != nil {
				return reconcile.Unreadable(run.Pipeline, err)
			}
			if err := out.add(row); err != nil {
				return err
			}
		}
		return nil
	})
	return found, group.Wait()
}

func send(ctx context.Context, to chan<- *stateWindow, w *stateWindow) error {
	select {
	case to <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// findState looks up the keys and sends the windows that contain them all, once a key is found.
func (e *Executor) findState(ctx context.Context, run *runs.Run, keys [][]byte, windows chan<- *stateWindow) (found int64, err error) {
	w := &stateWindow{rows: min(window, len(keys))}
	sendWindow := func() error {
		full := w
		next := full.first + full.rows
		w = &stateWindow{first: next, rows: min(window, len(keys)-next)}
		return send(ctx, windows, full)
	}
	err = e.Index.Find(ctx, run.Space(), *run.AsOf, keys, func(i int, entry artifact.Entry) error {
		for i >= w.first+w.rows {
			if err := sendWindow(); err != nil {
				return err
			}
		}
		entry.Key = keys[i]
		w.entries, w.positions = append(w.entries, entry), append(w.positions, i)
		found++
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find state: %w", err)
	}
	for found > 0 && w.rows > 0 {
		if err := sendWindow(); err != nil {
			return 0, err
		}
	}
	return found, nil
}

// stateWindow is a range of the delta's keys with the records that exist for them.
type stateWindow struct {
	first, rows int
	entries     []artifact.Entry
	positions   []int
	records     [][]byte // one per entry
}

func (w *stateWindow) fetch(ctx context.Context, e *reconcile.Engine, parts *artifact.PartCache, run *runs.Run) error {
	w.records = make([][]byte, len(w.entries))
	arenas := make([][]byte, e.Workers)
	return parts.Fetch(ctx, e.Objects, run.Space(), w.entries, e.Workers, func(worker, i int, record []byte) error {
		arena := &arenas[worker]
		if cap(*arena)-len(*arena) < len(record) {
			*arena = make([]byte, 0, max(1<<20, len(record)))
		}
		start := len(*arena)
		*arena = append(*arena, record...)
		w.records[i] = (*arena)[start:]
		return nil
	})
}

// decode appends a row for each key of the window.
func (w *stateWindow) decode(row []column.Vector) error {
	next := 0
	for i := range w.rows {
		if next < len(w.positions) && w.positions[next] == w.first+i {
			if err := reconcile.DecodeRecord(w.records[next], row, i, w.entries[next]); err != nil {
				return err
			}
			next++
			continue
		}
		reconcile.AppendNulls(row)
	}
	return nil
}

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
func (e *Executor) stateSQL(files object.Files, plan *fold.Plan, state []object.Description, pending string) string {
	fields := reconcile.StateFields(plan)
	switch {
	case pending == "":
		return tableSQL(files, state, fields)
	case len(state) == 0:
		return pending
	}
	list := make([]string, len(fields))
	for i, f := range fields {
		name := column.QuoteIdentifier(f.Name)
		list[i] = fmt.Sprintf("CASE WHEN p.%s IS NULL THEN s.%s ELSE p.%s END AS %s", column.QuoteIdentifier(fold.EventCount), name, name, name)
	}
	return fmt.Sprintf("SELECT %s FROM (%s) AS p POSITIONAL JOIN (%s) AS s", strings.Join(list, ", "), pending, tableSQL(files, state, fields))
}
