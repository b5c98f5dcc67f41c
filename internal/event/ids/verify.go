// Verifies a stream's dedupe index: its key, its tables, the number of its entries, and that it has no other tables.

package ids

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// Verify checks a stream's dedupe index: the key matches, each table is intact, the number of entries is the number of events, and there are no
// other tables. Its error contains all faults. The stream may be ingested meanwhile: batches that are sealed during the check are not
// checked.
func Verify(ctx context.Context, st *event.Store, s *project.Stream) error {
	state, found, err := st.ReadState(ctx, s.Name)
	if err != nil || !found {
		return err
	}
	_, faults := indexKey(st, s.Name, &state)
	faults = errors.Join(faults, verifyTables(ctx, st, s.Name, &state), verifyEntries(ctx, st, s, &state), verifyNoStrayTables(ctx, st, s.Name))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return faults
}

// verifyTables reads every table. A table that was merged meanwhile may be missing: the merge has read it to the end.
func verifyTables(ctx context.Context, st *event.Store, stream string, state *event.StreamState) error {
	var faults error
	for _, table := range state.DedupeTables {
		fault := dedupe.Verify(ctx, st.Objects, table)
		if fault == nil {
			continue
		}
		now, _, err := st.ReadState(ctx, stream)
		if err != nil {
			return errors.Join(faults, err)
		}
		if slices.ContainsFunc(now.DedupeTables, func(r dedupe.TableInfo) bool { return r.Name == table.Name }) {
			faults = errors.Join(faults, IndexError(stream, fault))
		}
	}
	return faults
}

// verifyEntries compares numbers. Each accepted event has an entry, or a merge replaced its entry by a newer one with the same id, or it
// was retracted when the index was rebuilt. Tables of the first format do not state how many entries they replaced: with a dedupe window
// they may have fewer.
func verifyEntries(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState) error {
	accepted := int64(0)
	err := st.EachBatch(ctx, s.Name, state.Batches, func(b event.Batch) error {
		accepted += b.Accepted
		return nil
	})
	if err != nil {
		return err
	}
	entries, exact := state.Unindexed, true
	for _, table := range state.DedupeTables {
		entries += table.Entries + table.Replaced
		exact = exact && (table.Digest != "" || s.Dedupe == 0)
	}
	if entries > accepted || entries < accepted && exact {
		return NeedsRepair(s.Name, fmt.Errorf("it has %d entries, the batches have %d events", entries, accepted))
	}
	return nil
}

// verifyNoStrayTables finds tables that the catalog does not name. It allows those that a crash may have left: of the next batch, of the
// next merge and dropped ones. It lists the objects before and after reading the catalog, since one that intake creates or deletes
// meanwhile is in only one of the lists.
func verifyNoStrayTables(ctx context.Context, st *event.Store, stream string) error {
	before, err := dedupeObjects(ctx, st, stream)
	if err != nil {
		return err
	}
	state, _, err := st.ReadState(ctx, stream)
	if err != nil {
		return err
	}
	after, err := dedupeObjects(ctx, st, stream)
	if err != nil {
		return err
	}
	unfinished, err := st.UnfinishedPrefixes(ctx, []string{stream})
	if err != nil {
		return err
	}
	known := append(slices.Clone(state.Dropped), mergedTable(stream, state.Merges+1), rebuiltTable(stream, state.Merges+1))
	for _, table := range state.DedupeTables {
		known = append(known, table.Name)
	}
	slices.Sort(known)
	slices.Sort(after)
	var faults error
	for _, name := range before {
		_, named := slices.BinarySearch(known, name)
		if _, stayed := slices.BinarySearch(after, name); stayed && !named && !event.HasAnyPrefix(name, unfinished) {
			faults = errors.Join(faults, NeedsRepair(stream, fmt.Errorf("object %s is not in the catalog", name)))
		}
	}
	return faults
}
