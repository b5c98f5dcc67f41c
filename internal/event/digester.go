// Digests of rows: identities for the dedupe index, contents for conflicts and for the digest of a batch.

package event

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/project"
)

// digester computes the digests of rows.
type digester struct {
	stream  *project.Stream
	key     *identity.Key // nil for the index of an older project, which has no key
	id      []int         // positions of the id columns; of all facts if the stream keeps versions; nil if the id is derived
	seeds   []uint64      // the seed of each column
	facts   []int         // positions of the compared columns, in stored order: all except `origin` columns
	leading bool          // the facts begin with the id columns

	scope       occurrenceScope // the file or request in which occurrences are counted
	occurrences map[column.Digest]uint32
}

// newDigester digests columns in a stored order: that of the stream's state for new events, that of a sealed batch for its own events.
func newDigester(s *project.Stream, stored []Definition, key *identity.Key) *digester {
	d := &digester{stream: s, key: key}
	for _, c := range s.Columns {
		d.seeds = append(d.seeds, column.NameSeed(c.Name))
	}
	for _, i := range columnOrder(s, stored) {
		if !s.Columns[i].Origin {
			d.facts = append(d.facts, i)
		}
	}
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
		d.id = d.facts
	}
	d.leading = len(d.id) <= len(d.facts) && slices.Equal(d.id, d.facts[:len(d.id)])
	return d
}

// digest computes the digests of each row's content and, unless it is derived, of its identity.
func (d *digester) digest(p *preparedBlock, rows int) {
	p.digests = make([]column.Digest, rows)
	p.ids = make([]column.Digest, rows)
	if d.key != nil {
		d.digestKeyed(p, rows)
		return
	}
	p.contents = make([]uint64, rows)
	var buffer []byte
	for r := range rows {
		buffer = d.append(buffer[:0], p, d.facts, r)
		p.digests[r] = column.Sum128(buffer)
		p.contents[r] = p.digests[r].Hi
		if d.id != nil {
			buffer = d.append(buffer[:0], p, d.id, r)
			p.ids[r] = column.Sum128(buffer)
		}
	}
}

// append appends a row's values of some columns in canonical form.
func (d *digester) append(buffer []byte, p *preparedBlock, columns []int, r int) []byte {
	for _, c := range columns {
		buffer = p.columns[c].AppendCanonical(buffer, d.seeds[c], r)
	}
	return buffer
}

// digestKeyed is digest with a key. If the facts begin with the id columns, their bytes are written once for both.
func (d *digester) digestKeyed(p *preparedBlock, rows int) {
	p.contents = make([]uint64, rows)
	byContent := d.stream.ID[0] == project.ContentID
	if byContent {
		p.strongDigests = make([]column.Digest, rows)
	}
	rest := d.facts
	if d.leading {
		rest = d.facts[len(d.id):]
	}
	var buffer []byte
	for r := range rows {
		buffer = d.append(buffer[:0], p, d.id, r)
		if n := len(buffer); d.id != nil {
			buffer = identity.Pad(buffer)
			p.ids[r] = d.key.ID(buffer)
			buffer = buffer[:n]
		}
		if !d.leading {
			buffer = buffer[:0]
		}
		buffer = d.append(buffer, p, rest, r)
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

// identify derives identities in order of arrival, where needed, and passes the entry of each kept row to add.
func (d *digester) identify(p *preparedBlock, seg *segment, block int, rows []int64, add func(dedupe.Entry)) error {
	derived := column.NewVector(column.Type{Kind: column.String}, len(rows))
	for r, row := range rows {
		if d.id == nil {
			id := d.derive(p, r, seg, block, row)
			derived.AppendText([]byte(id.String()))
			p.ids[r] = d.indexedID(id)
		}
		if !p.keep[r] {
			continue
		}
		place, err := dedupe.PlaceOf(seg.file.Number, uint64(row))
		if err != nil {
			return err
		}
		add(dedupe.Entry{Hi: p.ids[r].Hi, Lo: p.ids[r].Lo, Content: p.contents[r], Place: place})
	}
	if d.id == nil {
		p.columns = append(p.columns, derived)
	}
	return nil
}

// derive computes the identity of a row without id columns: `_row` from the digest of the file or request and the row's place in it, `_content`
// from the row's content and the number of equal rows before it in the file or request.
func (d *digester) derive(p *preparedBlock, r int, seg *segment, block int, row int64) column.Digest {
	if d.stream.ID[0] == project.RowID {
		source := seg.identitySource(block, row)
		buffer := append([]byte(source.digest), 0)
		return column.Sum128(binary.LittleEndian.AppendUint64(buffer, uint64(source.line)))
	}
	content := p.digests[r]
	if d.key != nil {
		content = p.strongDigests[r]
	}
	if p.occurrences == nil {
		p.occurrences = make([]uint32, len(p.digests))
	}
	if p.occurrences[r] = seg.requestSource(block, row).occurrence; p.occurrences[r] == 0 {
		p.occurrences[r] = d.occurrence(content, seg.scopeOf(block, row))
	}
	if d.key == nil {
		return legacyContentID(content, p.occurrences[r])
	}
	return contentID(content, p.occurrences[r])
}

// occurrence counts equal contents within a file or request.
func (d *digester) occurrence(content column.Digest, scope occurrenceScope) uint32 {
	if d.scope != scope || d.occurrences == nil {
		d.scope, d.occurrences = scope, map[column.Digest]uint32{}
	}
	d.occurrences[content]++
	return d.occurrences[content]
}

// contentID returns the identity of a row in a `_content` stream; content is the strong digest of its values.
func contentID(content column.Digest, occurrence uint32) column.Digest {
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
