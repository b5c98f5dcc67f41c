// The step prefetch: reads the current records of the keys in a delta.

package reconcile

import (
	"bytes"
	"context"
	"fmt"
	"sort"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/fold"

	"golang.org/x/sync/errgroup"
)

// window is how many keys are fetched at a time: it bounds the memory for their records.
const window = 1 << 15

// prefetch reads the state of exactly the keys in a partition's delta: index lookup, then coalesced byte ranges of parts. The
// state has a row for each row of the delta, in the same order, all null for a new key; if all keys are new there is no state.
func (e *Engine) prefetch(ctx context.Context, plan *fold.Plan, run *Run, partition int) (share Share, err error) {
	if err := e.checkDerived(ctx, run, partition, StepReduce); err != nil {
		return share, err
	}
	keys, err := e.deltaKeys(ctx, plan, run, partition)
	if err != nil {
		return share, err
	}
	found := make([]artifact.Entry, 0, len(keys))
	positions := make([]int, 0, len(keys)) // of the found entries' keys in keys
	err = e.Index.Find(ctx, run.space(), *run.AsOf, keys, func(i int, entry artifact.Entry) error {
		entry.Key = keys[i]
		found, positions = append(found, entry), append(positions, i)
		return nil
	})
	if err != nil {
		return share, fmt.Errorf("find state: %w", err)
	}
	if len(found) == 0 {
		return share, nil
	}
	out := e.newTable(run.objectName("state", partition), stateFields(plan))
	if err := e.writeState(ctx, run, out, found, positions, len(keys)); err != nil {
		out.abort()
		return share, unreadable(run.Pipeline, err)
	}
	share.Rows = int64(len(found))
	share.Objects, err = out.finish()
	return share, err
}

// stateFields returns the columns of a state: those of a record, all null for a new key.
func stateFields(plan *fold.Plan) []column.Field {
	fields := recordFields(plan)
	for i := range fields {
		fields[i].Required = false
	}
	return fields
}

// writeState fetches and writes records window by window; the next window is fetched while one is written.
func (e *Engine) writeState(ctx context.Context, run *Run, out *table, found []artifact.Entry, positions []int, keys int) error {
	group, ctx := errgroup.WithContext(ctx)
	fetched := make(chan *stateWindow, 1)
	group.Go(func() error {
		defer close(fetched)
		for lo := 0; lo < keys; lo += window {
			hi := min(lo+window, keys)
			n := sort.SearchInts(positions, hi)
			w := &stateWindow{rows: hi - lo, first: lo, entries: found[:n], positions: positions[:n]}
			found, positions = found[n:], positions[n:]
			if err := w.fetch(ctx, e, run); err != nil {
				return err
			}
			select {
			case fetched <- w:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		row := column.NewVectors(typesOf(out.fields), window)
		for w := range fetched {
			resetRow(row)
			if err := w.decode(row); err != nil {
				return err
			}
			if err := out.add(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// stateWindow is a range of the delta's keys with the records that exist for them.
type stateWindow struct {
	first, rows int
	entries     []artifact.Entry
	positions   []int
	records     [][]byte // one per entry
}

func (w *stateWindow) fetch(ctx context.Context, e *Engine, run *Run) error {
	w.records = make([][]byte, len(w.entries))
	arenas := make([][]byte, e.Workers)
	return artifact.Fetch(ctx, e.Objects, run.space(), w.entries, e.Workers, func(worker, i int, record []byte) error {
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
			if err := decode(w.records[next], row, i, w.entries[next]); err != nil {
				return err
			}
			next++
			continue
		}
		for c := range row {
			row[c].AppendNull()
		}
	}
	return nil
}

// deltaKeys lists the keys of the delta in the encoding of the index, ascending.
func (e *Engine) deltaKeys(ctx context.Context, plan *fold.Plan, run *Run, partition int) ([][]byte, error) {
	session, err := e.openViews(ctx, map[string]string{"delta": e.deltaSQL(plan, run, partition)})
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var keys [][]byte
	var arena []byte
	err = session.QueryEstimated(ctx, run.Steps[StepReduce].Shares[partition].Rows, "SELECT "+fold.Names(plan.Key)+" FROM delta", func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			if cap(arena)-len(arena) < 1<<10 {
				arena = make([]byte, 0, 1<<20)
			}
			start := len(arena)
			arena = artifact.AppendKey(arena, rows, i)
			key := arena[start:len(arena):len(arena)]
			if len(keys) > 0 && bytes.Compare(keys[len(keys)-1], key) >= 0 {
				return fmt.Errorf("bug: the delta is not sorted by key")
			}
			keys = append(keys, key)
		}
		return nil
	})
	return keys, err
}

// deltaSQL returns a SELECT over a partition's delta.
func (e *Engine) deltaSQL(plan *fold.Plan, run *Run, partition int) string {
	return e.tableSQL(run.objects(StepReduce, partition), append(append([]column.Field{}, plan.Key...), plan.Delta...))
}

func typesOf(fields []column.Field) []column.Type {
	types := make([]column.Type, len(fields))
	for i, f := range fields {
		types[i] = f.Type
	}
	return types
}
