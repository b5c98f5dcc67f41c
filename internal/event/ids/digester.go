// Digests of rows: identities for the dedupe index, contents for conflicts and for the digest of a batch; and those of sealed events.

package ids

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
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

// Digester computes the digests of rows.
type Digester struct {
	stream  *project.Stream
	key     *identity.Key // nil for the index of an older project, which has no key
	id      []int         // positions of the id columns; of all facts if the stream keeps versions; nil if the id is derived
	facts   *event.Facts
	leading bool // the facts begin with the id columns
}

// NewDigester digests columns in a stored order: that of the stream's state for new events, that of a sealed batch for its own events.
func NewDigester(s *project.Stream, stored []event.Definition, key *identity.Key) *Digester {
	d := &Digester{stream: s, key: key, facts: event.NewFacts(s, stored)}
	if !s.DerivedID() {
		for _, name := range s.ID {
			d.id = append(d.id, slices.IndexFunc(s.Columns, func(c project.Column) bool { return c.Name == name }))
		}
	}
	if s.Versions { // each version is an event
		d.id = d.facts.Positions
	}
	d.leading = len(d.id) <= len(d.facts.Positions) && slices.Equal(d.id, d.facts.Positions[:len(d.id)])
	return d
}

// RowDigests are the digests of a block's rows.
type RowDigests struct {
	Digests []column.Digest // of each row's content, for the batch's digest
	IDs     []column.Digest // of each row's identity, as stored in the dedupe index

	Contents []uint64        // of each row's content, as stored in the dedupe index
	Equal    []column.Digest // of each row's content, by which equal rows are counted if identities are derived from it: strong, unless there is no key
}

// Digest computes the digests of each row's content and, unless it is derived, of its identity.
func (d *Digester) Digest(columns []column.Vector, rows int) RowDigests {
	p := RowDigests{Digests: make([]column.Digest, rows), IDs: make([]column.Digest, rows), Contents: make([]uint64, rows)}
	if d.key != nil {
		d.digestKeyed(&p, columns, rows)
		return p
	}
	p.Equal = p.Digests
	var buffer []byte
	for r := range rows {
		buffer = d.facts.AppendRow(buffer[:0], columns, d.facts.Positions, r)
		p.Digests[r] = column.Sum128(buffer)
		p.Contents[r] = p.Digests[r].Hi
		if d.id != nil {
			buffer = d.facts.AppendRow(buffer[:0], columns, d.id, r)
			p.IDs[r] = column.Sum128(buffer)
		}
	}
	return p
}

// digestKeyed is digest with a key. If the facts begin with the id columns, their bytes are written once for both.
func (d *Digester) digestKeyed(p *RowDigests, columns []column.Vector, rows int) {
	byContent := d.stream.ID[0] == project.ContentID
	if byContent {
		p.Equal = make([]column.Digest, rows)
	}
	rest := d.facts.Positions
	if d.leading {
		rest = rest[len(d.id):]
	}
	var buffer []byte
	for r := range rows {
		buffer = d.facts.AppendRow(buffer[:0], columns, d.id, r)
		if n := len(buffer); d.id != nil {
			buffer = identity.Pad(buffer)
			p.IDs[r] = d.key.ID(buffer)
			buffer = buffer[:n]
		}
		if !d.leading {
			buffer = buffer[:0]
		}
		buffer = d.facts.AppendRow(buffer, columns, rest, r)
		p.Digests[r] = column.Sum128(buffer)
		if byContent {
			p.Equal[r] = strongDigest(buffer)
		}
		buffer = identity.Pad(buffer)
		p.Contents[r] = d.key.Content(buffer)
	}
}

// strongDigest returns a collision-resistant digest that is equal in all projects: 128 bits of SHA-256.
func strongDigest(b []byte) column.Digest {
	sum := sha256.Sum256(b)
	return column.DigestOf(sum[:])
}

// DerivesID reports whether identities are derived in order of arrival, because there are no id columns.
func (d *Digester) DerivesID() bool { return d.id == nil }

// ContentID returns the identity of a row that is identified by its content and its number among equal rows.
func (d *Digester) ContentID(p *RowDigests, r int, occurrence uint32) column.Digest {
	if d.key == nil {
		return legacyContentID(p.Equal[r], occurrence)
	}
	return strongContentID(p.Equal[r], occurrence)
}

// strongContentID returns the identity of a row in a `_content` stream; content is the strong digest of its values.
func strongContentID(content column.Digest, occurrence uint32) column.Digest {
	return strongDigest(appendOccurrence(content, occurrence))
}

// legacyContentID returns the identity that older projects gave to such rows.
func legacyContentID(content column.Digest, occurrence uint32) column.Digest {
	return column.Sum128(appendOccurrence(content, occurrence))
}

func appendOccurrence(content column.Digest, occurrence uint32) []byte {
	buffer := binary.LittleEndian.AppendUint64(make([]byte, 0, 20), content.Hi)
	buffer = binary.LittleEndian.AppendUint64(buffer, content.Lo)
	return binary.LittleEndian.AppendUint32(buffer, occurrence)
}

// IndexedID returns what the dedupe index stores for a derived identity.
func (d *Digester) IndexedID(id column.Digest) column.Digest {
	if d.key == nil {
		return id
	}
	buffer := binary.BigEndian.AppendUint64(make([]byte, 0, 32), id.Hi)
	buffer = binary.BigEndian.AppendUint64(buffer, id.Lo)
	return d.key.ID(identity.Pad(buffer))
}

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
