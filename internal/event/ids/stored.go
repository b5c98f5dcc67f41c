// Reads the ids and contents of a stream's sealed events, to rebuild its dedupe index and to undo a retraction.

package ids

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Stored reads the ids and contents of a stream's sealed events as the dedupe index stores them.
type Stored struct {
	store    *event.Store
	files    object.Files
	session  *duck.Session
	stream   *project.Stream
	digester *Digester // for the index
	sealed   *Digester // of the current batch, which may have another column order

	occurrenceFile uint64                   // number of the file whose occurrences are searched
	found          map[column.Digest]uint32 // the last occurrence found there, of contents that occur more than once
	file           event.File               // loaded when needed
}

// NewStored returns a reader of the ids of a stream's events. Close it.
func NewStored(st *event.Store, s *project.Stream, state *event.StreamState, key *identity.Key) (*Stored, error) {
	session, err := duck.Open(st.Duck)
	if err != nil {
		return nil, err
	}
	files := st.Objects.Files()
	session.ExplainWith(files.Explain)
	return &Stored{store: st, files: files, session: session, stream: s, digester: NewDigester(s, state.Columns, key)}, nil
}

// Close releases the session.
func (r *Stored) Close() {
	r.session.Close()
	r.files.Release()
}

type emitIDs func(entries []dedupe.Entry, b *event.Batch) error

// Batch reads the events of a batch, which must match what was sealed.
func (r *Stored) Batch(ctx context.Context, b event.Batch, emit emitIDs) error {
	events, digest := int64(0), column.Digest{}
	r.sealed = NewDigester(r.stream, b.Columns, r.digester.key)
	if slices.Equal(r.sealed.facts.Positions, r.digester.facts.Positions) {
		r.sealed = r.digester
	}
	for _, o := range b.Objects {
		if err := o.Check(ctx, r.store.Objects); err != nil {
			return err
		}
		part := b
		part.Objects = []object.Description{o}
		sql := fmt.Sprintf("SELECT * FROM (%s)", event.ViewSQL(r.files, r.stream, []event.Batch{part}))
		if err := r.files.Pin(ctx); err != nil {
			return err
		}
		err := r.session.Query(ctx, sql, func(rows []column.Vector) error {
			events += int64(rows[0].Len())
			return r.add(ctx, &b, rows, &digest, emit)
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", o.Name, err)
		}
		r.files.Release()
	}
	if events != b.Accepted {
		return fmt.Errorf("its objects have %d events, %d were accepted", events, b.Accepted)
	}
	if got := digest.String(); b.Accepted > 0 && got != b.Digest {
		return fmt.Errorf("the digest of its events is %s, not %s", got, b.Digest)
	}
	return nil
}

// add reads rows of a batch with the columns of Fields.
func (r *Stored) add(ctx context.Context, b *event.Batch, rows []column.Vector, digest *column.Digest, emit emitIDs) error {
	n := rows[0].Len()
	own, places := rows[:len(r.stream.Columns)], rows[len(rows)-2:]
	p := r.digester.Digest(own, n)
	sealed := p
	if r.sealed != r.digester {
		sealed = r.sealed.Digest(own, n)
	}
	entries := make([]dedupe.Entry, n)
	for i := range n {
		file, row := uint64(places[0].Ints[i]), uint64(places[1].Ints[i])
		if r.stream.DerivedID() {
			id, err := r.derived(ctx, &p, &sealed, i, rows[len(own)].Text(i), file)
			if err != nil {
				return fmt.Errorf("file %d, row %d: %w", file, row, err)
			}
			p.IDs[i] = r.digester.IndexedID(id)
		}
		place, err := dedupe.PlaceOf(file, row)
		if err != nil {
			return err
		}
		entries[i] = dedupe.Entry{Hi: p.IDs[i].Hi, Lo: p.IDs[i].Lo, Content: p.Contents[i], Place: place}
		digest.Add(sealed.Digests[i])
	}
	return emit(entries, b)
}

// derived returns the derived identity of an event, whose text is stored. An identity made from an older project's digest of the content, or in the
// column order of the sealed batch, is replaced by the one that the same row gets when it is sent again.
func (r *Stored) derived(ctx context.Context, p, sealed *RowDigests, i int, text []byte, file uint64) (column.Digest, error) {
	stored, err := column.ParseDigest(text)
	if err != nil || r.stream.ID[0] == project.RowID {
		return stored, err
	}
	occurrence, err := r.occurrence(ctx, stored, sealed.Equal[i], sealed.Digests[i], file)
	return strongContentID(p.Equal[i], occurrence), err
}

// maxFound bounds the contents whose last occurrence is cached.
const maxFound = 1 << 20

// occurrence returns which occurrence of its content an event was in its file. Equal rows are usually close together, so it searches around the one
// that was found last.
func (r *Stored) occurrence(ctx context.Context, stored, content, old column.Digest, file uint64) (uint32, error) {
	if r.occurrenceFile != file || len(r.found) > maxFound {
		r.occurrenceFile, r.found = file, map[column.Digest]uint32{}
	}
	matches := func(n int64) bool {
		return strongContentID(content, uint32(n)) == stored || legacyContentID(old, uint32(n)) == stored
	}
	near := int64(r.found[content]) + 1
	if matches(near) {
		return r.keepFound(content, near), nil
	}
	if r.file.Number != file {
		var err error
		if r.file, err = event.FindFile(ctx, r.store.Catalog, r.stream.Name, file); err != nil {
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

func (r *Stored) keepFound(content column.Digest, n int64) uint32 {
	if n > 1 || r.found[content] > 0 {
		r.found[content] = uint32(n)
	}
	return uint32(n)
}
