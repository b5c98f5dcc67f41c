// Digests of rows: identities for the dedupe index, contents for conflicts and for the digest of a batch.

package ids

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/identity"
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
