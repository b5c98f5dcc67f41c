// Rebuilds a stream's dedupe index from its sealed batches, and compacts it.

package ids

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// Rebuild rebuilds a stream's dedupe index completely from its sealed batches (rule 9), with digests of the project's key; a missing or damaged
// key is replaced. Every events object is checked against its digest before it is read. One transaction replaces the old index: nothing changes
// before it, and a repeat makes the same index. The caller must hold the stream exclusively: nothing of it may be sealed meanwhile.
func Rebuild(ctx context.Context, st *event.Store, s *project.Stream) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("rebuild dedupe index of stream %s: %w", s.Name, err)
		}
	}()
	state, found, err := st.ReadState(ctx, s.Name)
	if err != nil || !found {
		return err
	}
	if err := state.CheckGrowth(s); err != nil {
		return err
	}
	key, err := st.Secret.Renew()
	if err != nil {
		return err
	}
	retracted, err := LoadRetracted(ctx, st, s, &state, nil)
	if err != nil {
		return err
	}
	stored, err := NewStored(st, s, &state, key)
	if err != nil {
		return err
	}
	defer stored.Close()
	twice := &countedTwiceFinder{receipts: NewReceipts(st, s), window: event.Shorter(s.Dedupe, state.Window)}
	index := dedupe.NewRebuild(st.Scratch, MaxBytes, twice.newer(ctx, NewReceipts(st, s).newer(ctx, retracted)))
	indexed, unindexed := int64(0), int64(0)
	add := func(entries []dedupe.Entry, b *event.Batch) error {
		all := len(entries)
		entries = slices.DeleteFunc(entries, func(e dedupe.Entry) bool { return retracted.Has(e.Place) })
		indexed, unindexed = indexed+int64(len(entries)), unindexed+int64(all-len(entries))
		return index.Add(entries, b.Sealed)
	}
	err = st.EachBatch(ctx, s.Name, state.Batches, func(b event.Batch) error {
		if err := stored.Batch(ctx, b, add); err != nil {
			return fmt.Errorf("batch %d: %w", b.Batch, err)
		}
		return nil
	})
	var table dedupe.TableInfo
	var attempt event.Attempt
	if err == nil && indexed > 0 {
		if attempt, err = st.BeginTable(ctx, s.Name, rebuiltTable(s.Name, state.Merges+1)); err == nil {
			table, err = index.Seal(ctx, st.Objects, attempt.Prefix)
		}
	}
	err = errors.Join(err, index.Close())
	if err != nil {
		return err
	}
	return commitRebuild(ctx, st, s.Name, &attempt, &state, func(now *event.StreamState) {
		now.Identity, now.Unindexed, now.Versions, now.CountedTwice = key.Check(), unindexed, s.Versions, twice.found
	}, table)
}

// rebuiltTable names the object of a rebuilt index, which takes the place of the stream's n-th merge.
func rebuiltTable(stream string, n uint64) string { return mergedTable(stream, n) + "-whole" }

// commitRebuild replaces the index in the catalog, then deletes the objects of the old one.
func commitRebuild(ctx context.Context, st *event.Store, stream string, attempt *event.Attempt, read *event.StreamState, note func(*event.StreamState), table dedupe.TableInfo) error {
	objects, err := dedupeObjects(ctx, st, stream)
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, func(name string) bool { return name == table.Name })
	var deletable []string
	err = st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if err := attempt.End(tx); err != nil {
			return err
		}
		state, err := event.GetState(tx, stream)
		if err != nil {
			return err
		}
		if !state.SameIntake(read) || state.Merges != read.Merges {
			return errors.New("bug: a batch was sealed, or tables were merged, meanwhile")
		}
		var tables []dedupe.TableInfo
		if table.Name != "" {
			tables = append(tables, table)
		}
		if deletable, err = st.Replace(tx, objects); err != nil {
			return err
		}
		state.Merges, state.DedupeTables, state.Dropped = state.Merges+1, tables, deletable
		note(&state)
		return event.PutState(tx, stream, &state)
	})
	if err != nil {
		return err
	}
	return st.DeleteObjects(ctx, deletable)
}

// dedupeObjects lists the objects that may contain tables of a stream's index.
func dedupeObjects(ctx context.Context, st *event.Store, stream string) ([]string, error) {
	names, err := st.Objects.List(ctx, mergedPrefix(stream))
	if err != nil {
		return nil, err
	}
	batches, err := st.Objects.List(ctx, event.BatchesPrefix(stream))
	for _, name := range batches {
		if strings.HasSuffix(name, "/"+event.IDsObject) {
			names = append(names, name)
		}
	}
	return names, err
}

// countedTwiceFinder finds events with one id that count. With a dedupe window it may miss a pair if a third event has the id outside the window.
type countedTwiceFinder struct {
	receipts *Receipts
	window   time.Duration // the shortest window that the stream was ingested with; 0 is forever
	found    []event.CountedTwice
}

// MaxCountedTwice bounds the recorded pairs.
const MaxCountedTwice = 100

// newer wraps order and records the pairs that it compares; both events of a pair count.
func (d *countedTwiceFinder) newer(ctx context.Context, order dedupe.Newer) dedupe.Newer {
	if d.receipts.stream.Versions { // entries differ by content, too
		return order
	}
	return func(a, b dedupe.Place) (bool, error) {
		if len(d.found) < MaxCountedTwice {
			if err := d.add(ctx, a, b); err != nil {
				return false, err
			}
		}
		return order(a, b)
	}
}

func (d *countedTwiceFinder) add(ctx context.Context, a, b dedupe.Place) error {
	if d.window > 0 {
		first, err := d.receipts.AcceptedAt(ctx, a)
		if err != nil {
			return err
		}
		second, err := d.receipts.AcceptedAt(ctx, b)
		if err != nil || second.Sub(first).Abs() > d.window {
			return err
		}
	}
	d.found = append(d.found, event.CountedTwice{A: min(a, b), B: max(a, b)})
	return nil
}

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
		if err := st.DeleteObjects(ctx, state.Dropped); err != nil {
			return err
		}
		retracted, err := LoadRetracted(ctx, st, s, &state, nil)
		if err != nil {
			return err
		}
		attempt, err := st.BeginTable(ctx, stream, mergedTable(stream, state.Merges+1))
		if err != nil {
			return err
		}
		merged, err := dedupe.Compact(ctx, st.Objects, merging, attempt.Prefix, NewReceipts(st, s).newer(ctx, retracted))
		if err != nil {
			return IndexError(stream, fmt.Errorf("merge tables: %w", err))
		}
		if err := commitMerge(ctx, st, stream, &attempt, merging, merged, tables); err != nil {
			return err
		}
	}
}

// commitMerge replaces several tables by one in the catalog, then deletes their objects.
func commitMerge(ctx context.Context, st *event.Store, stream string, attempt *event.Attempt, merging []dedupe.TableInfo, merged dedupe.TableInfo, tables sync.Locker) error {
	tables.Lock()
	defer tables.Unlock()
	var dropped []string
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if err := attempt.End(tx); err != nil {
			return err
		}
		state, err := event.GetState(tx, stream)
		if err != nil {
			return err
		}
		kept := slices.DeleteFunc(slices.Clone(state.DedupeTables), func(table dedupe.TableInfo) bool { return slices.Contains(merging, table) })
		if len(kept)+len(merging) != len(state.DedupeTables) {
			return errors.New("the index was rebuilt meanwhile")
		}
		names := make([]string, len(merging))
		for i := range merging {
			names[i] = merging[i].Name
		}
		if dropped, err = st.Replace(tx, names); err != nil {
			return err
		}
		state.Merges, state.DedupeTables, state.Dropped = state.Merges+1, append(kept, merged), dropped // earlier dropped ones were deleted before the merge
		return event.PutState(tx, stream, &state)
	})
	if err != nil {
		return fmt.Errorf("record compaction of %s: %w", stream, err)
	}
	return st.DeleteObjects(ctx, dropped)
}

// mergedTable names the object of a stream's n-th merge of tables.
func mergedTable(stream string, n uint64) string {
	return fmt.Sprintf("%s%08d", mergedPrefix(stream), n)
}

func mergedPrefix(stream string) string { return "streams/" + stream + "/memory/" }
