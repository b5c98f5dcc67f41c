// The step prefetch: reads the current records of the keys in a delta.

package step

import (
	"context"
	"fmt"
	"sort"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
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
	found := make([]artifact.Entry, 0, len(keys))
	positions := make([]int, 0, len(keys)) // of the found entries' keys in keys
	err = e.Index.Find(ctx, run.Space(), *run.AsOf, keys, func(i int, entry artifact.Entry) error {
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
	out := newTable(ctx, e.Objects, run.ObjectName("state", partition), reconcile.StateFields(plan))
	defer out.abort()
	if err := e.writeState(ctx, run, out, found, positions, len(keys)); err != nil {
		return share, reconcile.Unreadable(run.Pipeline, err)
	}
	share.Rows = int64(len(found))
	share.Objects, err = out.finish()
	return share, err
}

// writeState fetches and writes records window by window; the next window is fetched while one is written.
func (e *Executor) writeState(ctx context.Context, run *runs.Run, out *table, found []artifact.Entry, positions []int, keys int) error {
	group, ctx := errgroup.WithContext(ctx)
	fetched := make(chan *stateWindow, 1)
	group.Go(func() error {
		defer close(fetched)
		for lo := 0; lo < keys; lo += window {
			hi := min(lo+window, keys)
			n := sort.SearchInts(positions, hi)
			w := &stateWindow{rows: hi - lo, first: lo, entries: found[:n], positions: positions[:n]}
			found, positions = found[n:], positions[n:]
			if err := w.fetch(ctx, e.Engine, run); err != nil {
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
		row := column.NewVectors(column.Types(out.fields), window)
		for w := range fetched {
			reconcile.ResetRow(row)
			if err := w.decode(row); err != nil {
				return err
			}
			if err := out.add(row); err != nil {
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

func (w *stateWindow) fetch(ctx context.Context, e *reconcile.Engine, run *runs.Run) error {
	w.records = make([][]byte, len(w.entries))
	arenas := make([][]byte, e.Workers)
	return artifact.Fetch(ctx, e.Objects, run.Space(), w.entries, e.Workers, func(worker, i int, record []byte) error {
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
