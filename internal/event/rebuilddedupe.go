// Rebuilds a stream's dedupe index from its sealed batches.

package event

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event/dedupe"
	"bursar/internal/object"
	"bursar/internal/project"
)

// RebuildDedupe rebuilds a stream's dedupe index completely from its sealed batches (rule 9), with digests of the project's key; a missing or damaged
// key is replaced. Every events object is checked against its digest before it is read. One transaction replaces the old index: nothing changes
// before it, and a repeat makes the same index. The caller must hold the stream exclusively: nothing of it may be sealed meanwhile.
func RebuildDedupe(ctx context.Context, st *Store, s *project.Stream) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("rebuild dedupe index of stream %s: %w", s.Name, err)
		}
	}()
	files, local := st.Objects.(object.Local)
	if !local {
		return errNotLocal
	}
	state, found, err := st.readState(ctx, s.Name)
	if err != nil || !found {
		return err
	}
	if err := checkGrowth(s, &state); err != nil {
		return err
	}
	key, err := st.Secret.Renew()
	if err != nil {
		return err
	}
	retracted, err := loadRetracted(ctx, st, s, &state, nil)
	if err != nil {
		return err
	}
	session, err := duck.Open(st.Duck)
	if err != nil {
		return err
	}
	defer session.Close()
	twice := &countedTwiceFinder{receipts: newReceipts(st, s), window: shorter(s.Dedupe, state.Window)}
	index := dedupe.NewRebuild(st.Scratch, maxIDBytes, twice.newer(ctx, newReceipts(st, s).newer(ctx, retracted)))
	indexed, unindexed := int64(0), int64(0)
	r := &storedIDs{
		store: st, files: files, session: session, stream: s, digester: newDigester(s, state.Columns, key),
		emit: func(entries []dedupe.Entry, b *Batch) error {
			all := len(entries)
			entries = slices.DeleteFunc(entries, func(e dedupe.Entry) bool { return retracted.has(e.Place) })
			indexed, unindexed = indexed+int64(len(entries)), unindexed+int64(all-len(entries))
			return index.Add(entries, b.Sealed)
		},
	}
	err = r.each(ctx, state.Batches)
	var table dedupe.TableInfo
	if err == nil && indexed > 0 {
		table, err = index.Seal(ctx, st.Objects, rebuiltTable(s.Name, state.Merges+1))
	}
	err = errors.Join(err, index.Close())
	if err != nil {
		return err
	}
	return commitRebuild(ctx, st, s.Name, &state, func(now *streamState) {
		now.Identity, now.Unindexed, now.Versions, now.CountedTwice = key.Check(), unindexed, s.Versions, twice.found
	}, table)
}

// rebuiltTable names the object of a rebuilt index, which takes the place of the stream's n-th merge.
func rebuiltTable(stream string, n uint64) string { return mergedTable(stream, n) + "-whole" }

// commitRebuild replaces the index in the catalog, then deletes the objects of the old one.
func commitRebuild(ctx context.Context, st *Store, stream string, read *streamState, note func(*streamState), table dedupe.TableInfo) error {
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var state streamState
		if _, err := tx.Get(streamKey(stream), &state); err != nil {
			return err
		}
		if !state.sameIntake(read) || state.Merges != read.Merges {
			return errors.New("bug: a batch was sealed, or tables were merged, meanwhile")
		}
		var tables []dedupe.TableInfo
		if table.Name != "" {
			tables = append(tables, table)
		}
		state.replaceTables(tables, state.DedupeTables)
		note(&state)
		return tx.Put(streamKey(stream), state)
	})
	if err != nil {
		return err
	}
	objects, err := dedupeObjects(ctx, st, stream)
	for _, name := range objects {
		if err == nil && name != table.Name {
			err = st.Objects.Delete(ctx, name)
		}
	}
	return err
}

// dedupeObjects lists the objects that may contain tables of a stream's index.
func dedupeObjects(ctx context.Context, st *Store, stream string) ([]string, error) {
	names, err := st.Objects.List(ctx, mergedPrefix(stream))
	if err != nil {
		return nil, err
	}
	batches, err := st.Objects.List(ctx, batchesPrefix(stream))
	for _, name := range batches {
		if strings.HasSuffix(name, "/"+idsObject) {
			names = append(names, name)
		}
	}
	return names, err
}

// storedIDs reads the ids and contents of a stream's sealed events as the dedupe index stores them.
type storedIDs struct {
	store    *Store
	files    object.Local
	session  *duck.Session
	stream   *project.Stream
	digester *digester // for the index
	sealed   *digester // of the current batch, which may have another column order
	emit     func(entries []dedupe.Entry, b *Batch) error
	events   int64

	occurrenceFile uint64                   // number of the file whose occurrences are searched
	found          map[column.Digest]uint32 // the last occurrence found there, of contents that occur more than once
	file           File                     // loaded when needed
}

// each reads batches 1 to last.
func (r *storedIDs) each(ctx context.Context, last uint64) error {
	return r.store.eachBatch(ctx, r.stream.Name, last, func(b Batch) error {
		if err := r.batch(ctx, b); err != nil {
			return fmt.Errorf("batch %d: %w", b.Batch, err)
		}
		return nil
	})
}

// batch reads the events of a batch, which must match what was sealed.
func (r *storedIDs) batch(ctx context.Context, b Batch) error {
	events, digest := r.events, column.Digest{}
	r.sealed = newDigester(r.stream, b.Columns, r.digester.key)
	if slices.Equal(r.sealed.facts, r.digester.facts) {
		r.sealed = r.digester
	}
	for _, o := range b.Objects {
		if err := o.Check(ctx, r.store.Objects); err != nil {
			return err
		}
		part := b
		part.Objects = []object.Description{o}
		sql := fmt.Sprintf("SELECT * FROM (%s)", ViewSQL(r.files, r.stream, []Batch{part}))
		err := r.session.Query(ctx, sql, func(rows []column.Vector) error { return r.add(ctx, &b, rows, &digest) })
		if err != nil {
			return fmt.Errorf("read %s: %w", o.Name, err)
		}
	}
	if r.events-events != b.Accepted {
		return fmt.Errorf("its objects have %d events, %d were accepted", r.events-events, b.Accepted)
	}
	if got := digest.String(); b.Accepted > 0 && got != b.Digest {
		return fmt.Errorf("the digest of its events is %s, not %s", got, b.Digest)
	}
	return nil
}

// add reads rows of a batch with the columns of Fields.
func (r *storedIDs) add(ctx context.Context, b *Batch, rows []column.Vector, digest *column.Digest) error {
	n := rows[0].Len()
	own, places := rows[:len(r.stream.Columns)], rows[len(rows)-2:]
	p := preparedBlock{columns: own}
	r.digester.digest(&p, n)
	sealed := p
	if r.sealed != r.digester {
		r.sealed.digest(&sealed, n)
	}
	entries := make([]dedupe.Entry, n)
	for i := range n {
		file, row := uint64(places[0].Ints[i]), uint64(places[1].Ints[i])
		if r.stream.DerivedID() {
			id, err := r.derived(ctx, &p, &sealed, i, rows[len(own)].Text(i), file)
			if err != nil {
				return fmt.Errorf("file %d, row %d: %w", file, row, err)
			}
			p.ids[i] = r.digester.indexedID(id)
		}
		place, err := dedupe.PlaceOf(file, row)
		if err != nil {
			return err
		}
		entries[i] = dedupe.Entry{Hi: p.ids[i].Hi, Lo: p.ids[i].Lo, Content: p.contents[i], Place: place}
		digest.Add(sealed.digests[i])
	}
	r.events += int64(n)
	return r.emit(entries, b)
}

// derived returns the derived identity of an event, whose text is stored. An identity made from an older project's digest of the content, or in the
// column order of the sealed batch, is replaced by the one that the same row gets when it is sent again.
func (r *storedIDs) derived(ctx context.Context, p, sealed *preparedBlock, i int, text []byte, file uint64) (column.Digest, error) {
	stored, err := column.ParseDigest(text)
	if err != nil || r.stream.ID[0] == project.RowID {
		return stored, err
	}
	occurrence, err := r.occurrence(ctx, stored, sealed.strongDigests[i], sealed.digests[i], file)
	return contentID(p.strongDigests[i], occurrence), err
}

// maxFound bounds the contents whose last occurrence is cached.
const maxFound = 1 << 20

// occurrence returns which occurrence of its content an event was in its file. Equal rows are usually close together, so it searches around the one
// that was found last.
func (r *storedIDs) occurrence(ctx context.Context, stored, content, old column.Digest, file uint64) (uint32, error) {
	if r.occurrenceFile != file || len(r.found) > maxFound {
		r.occurrenceFile, r.found = file, map[column.Digest]uint32{}
	}
	matches := func(n int64) bool {
		return contentID(content, uint32(n)) == stored || legacyContentID(old, uint32(n)) == stored
	}
	near := int64(r.found[content]) + 1
	if matches(near) {
		return r.keepFound(content, near), nil
	}
	if r.file.Number != file {
		var err error
		if r.file, err = FindFile(ctx, r.store.Catalog, r.stream.Name, file); err != nil {
			return 0, err
		}
	}
	for distance := int64(1); near-distance > 0 || near+distance <= r.file.Rows; distance++ {
		for _, n := range []int64{near + distance, near - distance} {
			if n > 0 && n <= r.file.Rows && matches(n) {
				return r.keepFound(content, n), nil
			}
		}
	}
	return 0, fmt.Errorf("its identity %s does not match its values", stored)
}

func (r *storedIDs) keepFound(content column.Digest, n int64) uint32 {
	if n > 1 || r.found[content] > 0 {
		r.found[content] = uint32(n)
	}
	return uint32(n)
}
