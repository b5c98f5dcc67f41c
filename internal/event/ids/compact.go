// Compaction of a stream's dedupe index.

package ids

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// Compact merges tables of similar size. The catalog is switched before the old objects are deleted, and lists them until the next compaction, which
// deletes what a crash left behind. Batches may be sealed meanwhile; tables is locked during the switch and the deletion so that nobody opens
// a deleted table. One compaction of a stream runs at a time.
func Compact(ctx context.Context, st *event.Store, s *project.Stream, tables sync.Locker) error {
	stream := s.Name
	for {
		state, _, err := st.ReadState(ctx, stream)
		if err != nil {
			return err
		}
		merging := dedupe.Plan(state.DedupeTables)
		if len(merging) == 0 {
			return nil
		}
		if err := deleteAll(ctx, st, state.Dropped); err != nil {
			return err
		}
		retracted, err := LoadRetracted(ctx, st, s, &state, nil)
		if err != nil {
			return err
		}
		merged, err := dedupe.Compact(ctx, st.Objects, st.Scratch, merging, mergedTable(stream, state.Merges+1), NewReceipts(st, s).newer(ctx, retracted))
		if err != nil {
			return IndexError(stream, fmt.Errorf("merge tables: %w", err))
		}
		if err := commitMerge(ctx, st, stream, merging, merged, tables); err != nil {
			return err
		}
	}
}

// commitMerge replaces several tables by one in the catalog, then deletes their objects.
func commitMerge(ctx context.Context, st *event.Store, stream string, merging []dedupe.TableInfo, merged dedupe.TableInfo, tables sync.Locker) error {
	tables.Lock()
	defer tables.Unlock()
	var dropped []string
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		state, err := event.GetState(tx, stream)
		if err != nil {
			return err
		}
		kept := slices.DeleteFunc(slices.Clone(state.DedupeTables), func(table dedupe.TableInfo) bool { return slices.Contains(merging, table) })
		if len(kept)+len(merging) != len(state.DedupeTables) {
			return errors.New("the index was rebuilt meanwhile")
		}
		state.Dropped = nil // they were deleted before the merge
		replaceTables(&state, append(kept, merged), merging)
		dropped = state.Dropped
		return event.PutState(tx, stream, &state)
	})
	if err != nil {
		return fmt.Errorf("record compaction of %s: %w", stream, err)
	}
	return deleteAll(ctx, st, dropped)
}

// mergedTable names the object of a stream's n-th merge of tables.
func mergedTable(stream string, n uint64) string {
	return fmt.Sprintf("%s%08d", mergedPrefix(stream), n)
}

func mergedPrefix(stream string) string { return "streams/" + stream + "/memory/" }

// replaceTables counts a merge and sets the tables; dropped ones are listed for deletion.
func replaceTables(s *event.StreamState, tables, dropped []dedupe.TableInfo) {
	s.Merges++
	s.DedupeTables = tables
	for _, table := range dropped {
		s.Dropped = append(s.Dropped, table.Name)
	}
}

func deleteAll(ctx context.Context, st *event.Store, names []string) error {
	for _, name := range names {
		if err := st.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
