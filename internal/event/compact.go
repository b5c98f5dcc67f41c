package event

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// compact merges tables of a stream's dedupe index while there are many of a size. The catalog swaps them before the old
// objects go, and names these until the next time, so that what a crash in between leaves goes then. Batches may be
// sealed meanwhile; swap is held while a table that the catalog named before goes, so that nobody looks for it then. One
// compaction of a stream runs at a time.
func (in *Intake) compact(ctx context.Context, s *project.Stream, tables sync.Locker) error {
	stream := s.Name
	for {
		state, _, err := in.readState(ctx, stream)
		if err != nil {
			return err
		}
		merging := dedupe.Plan(state.DedupeTables)
		if len(merging) == 0 {
			return nil
		}
		if err := in.deleteAll(ctx, state.Dropped); err != nil {
			return err
		}
		retracted, err := in.loadRetracted(ctx, s, &state, nil)
		if err != nil {
			return err
		}
		merged, err := dedupe.Compact(ctx, in.Objects, in.Scratch, merging, mergedTable(stream, state.Merges+1), in.receipts(s).newer(ctx, retracted))
		if err != nil {
			return dedupeError(stream, fmt.Errorf("merge tables: %w", err))
		}
		if err := in.commitMerge(ctx, stream, merging, merged, tables); err != nil {
			return err
		}
	}
}

// commitMerge puts one table in the place of several.
func (in *Intake) commitMerge(ctx context.Context, stream string, merging []dedupe.TableInfo, merged dedupe.TableInfo, tables sync.Locker) error {
	tables.Lock()
	defer tables.Unlock()
	var dropped []string
	err := in.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var state streamState
		if _, err := tx.Get(streamKey(stream), &state); err != nil {
			return err
		}
		kept := slices.DeleteFunc(slices.Clone(state.DedupeTables), func(table dedupe.TableInfo) bool { return slices.Contains(merging, table) })
		if len(kept)+len(merging) != len(state.DedupeTables) {
			return errors.New("the index was made anew meanwhile")
		}
		state.Dropped = nil // they were deleted before the merge
		state.replaceTables(append(kept, merged), merging)
		dropped = state.Dropped
		return tx.Put(streamKey(stream), state)
	})
	if err != nil {
		return fmt.Errorf("record compaction of %s: %w", stream, err)
	}
	return in.deleteAll(ctx, dropped)
}

// mergedTable is the name of the object that a stream's n-th merge of tables makes.
func mergedTable(stream string, n uint64) string {
	return fmt.Sprintf("%s%08d", mergedPrefix(stream), n)
}

func mergedPrefix(stream string) string { return "streams/" + stream + "/memory/" }

// replaceTables counts a merge and puts its outcome in the place of all tables.
func (s *streamState) replaceTables(tables, dropped []dedupe.TableInfo) {
	s.Merges++
	s.DedupeTables = tables
	for _, table := range dropped {
		s.Dropped = append(s.Dropped, table.Name)
	}
}

func (in *Intake) deleteAll(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := in.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// compactInBackground compacts beside the next batches, which need not wait for it: large tables take long to merge.
func (l *LiveIntake) compactInBackground() {
	if l.compacting != nil {
		select {
		case <-l.compacting:
		default:
			return // the next seal looks again
		}
	}
	done := make(chan struct{})
	l.compacting = done
	go func() {
		defer close(done)
		if err := l.in.compact(l.ctx, l.stream, &l.tables); err != nil && l.ctx.Err() == nil {
			l.in.Log.Error("compact dedupe index: it is tried again after the next batch", "stream", l.stream.Name, "error", err)
		}
	}()
}

// awaitCompaction waits for a compaction under way: what seals batches of its own compacts too.
func (l *LiveIntake) awaitCompaction() {
	if l.compacting != nil {
		<-l.compacting
	}
}
