// Digests of rows: identities for the dedupe index, contents for conflicts and for the digest of a batch.

package event

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event/identity"
	"bursar/internal/project"
)

// digester computes the digests of rows.
type digester struct {
	stream  *project.Stream
	key     *identity.Key // nil for the index of an older project, which has no key
	id      []int         // positions of the id columns; of all facts if the stream keeps versions; nil if the id is derived
	facts   *facts
	leading bool // the facts begin with the id columns
}

// newDigester digests columns in a stored order: that of the stream's state for new events, that of a sealed batch for its own events.
func newDigester(s *project.Stream, stored []Definition, key *identity.Key) *digester {
	d := &digester{stream: s, key: key, facts: newFacts(s, stored)}
	if !s.DerivedID() {
		for _, name := range s.ID {
			for i, c := range s.Columns {
				if c.Name == name {
					d.id = append(d.id, i)
				}
			}
		}
	}
	if s.Versions { // each version is an event
		d.id = d.facts.positions
	}
	d.leading = len(d.id) <= len(d.facts.positions) && slices.Equal(d.id, d.facts.positions[:len(d.id)])
	return d
}

// rowDigests are the digests of a block's rows.
type rowDigests struct {
	digests []column.Digest // of each row's content, for the batch's digest
	ids     []column.Digest // of each row's identity, as stored in the dedupe index

	contents      []uint64        // of each row's content, as stored in the dedupe index
	strongDigests []column.Digest // of each row's content, if identities are derived from it
}

// digest computes the digests of each row's content and, unless it is derived, of its identity.
func (d *digester) digest(columns []column.Vector, rows int) rowDigests {
	p := rowDigests{digests: make([]column.Digest, rows), ids: make([]column.Digest, rows), contents: make([]uint64, rows)}
	if d.key != nil {
		d.digestKeyed(&p, columns, rows)
		return p
	}
	var buffer []byte
	for r := range rows {
		buffer = d.facts.appendRow(buffer[:0], columns, d.facts.positions, r)
		p.digests[r] = column.Sum128(buffer)
		p.contents[r] = p.digests[r].Hi
		if d.id != nil {
			buffer = d.facts.appendRow(buffer[:0], columns, d.id, r)
			p.ids[r] = column.Sum128(buffer)
		}
	}
	return p
}

// digestKeyed is digest with a key. If the facts begin with the id columns, their bytes are written once for both.
func (d *digester) digestKeyed(p *rowDigests, columns []column.Vector, rows int) {
	byContent := d.stream.ID[0] == project.ContentID
	if byContent {
		p.strongDigests = make([]column.Digest, rows)
	}
	rest := d.facts.positions
	if d.leading {
		rest = rest[len(d.id):]
	}
	var buffer []byte
	for r := range rows {
		buffer = d.facts.appendRow(buffer[:0], columns, d.id, r)
		if n := len(buffer); d.id != nil {
			buffer = identity.Pad(buffer)
			p.ids[r] = d.key.ID(buffer)
			buffer = buffer[:n]
		}
		if !d.leading {
			buffer = buffer[:0]
		}
		buffer = d.facts.appendRow(buffer, columns, rest, r)
		p.digests[r] = column.Sum128(buffer)
		if byContent {
			p.strongDigests[r] = strongDigest(buffer)
		}
		buffer = identity.Pad(buffer)
		p.contents[r] = d.key.Content(buffer)
	}
}

// strongDigest returns a collision-resistant digest that is equal in all projects: 128 bits of SHA-256.
func strongDigest(b []byte) column.Digest {
	sum := sha256.Sum256(b)
	return column.DigestOf(sum[:])
}

// derivesID reports whether identities are derived in order of arrival, because there are no id columns.
func (d *digester) derivesID() bool { return d.id == nil }

// contentOf returns the digest by which equal rows are counted in a stream that identifies rows by their content.
func (d *digester) contentOf(p *rowDigests, r int) column.Digest {
	if d.key == nil {
		return p.digests[r]
	}
	return p.strongDigests[r]
}

// contentID returns the identity of a row that is identified by its content and its number among equal rows.
func (d *digester) contentID(p *rowDigests, r int, occurrence uint32) column.Digest {
	if d.key == nil {
		return legacyContentID(p.digests[r], occurrence)
	}
	return strongContentID(p.strongDigests[r], occurrence)
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

// indexedID returns what the dedupe index stores for a derived identity.
func (d *digester) indexedID(id column.Digest) column.Digest {
	if d.key == nil {
		return id
	}
	buffer := binary.BigEndian.AppendUint64(make([]byte, 0, 32), id.Hi)
	buffer = binary.BigEndian.AppendUint64(buffer, id.Lo)
	return d.key.ID(identity.Pad(buffer))
}
