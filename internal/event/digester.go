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

// digester digests rows: identity for the dedupe index, content for conflicts and the batch's digest.
type digester struct {
	stream  *project.Stream
	key     *identity.Key // nil for the index of an older project, whose digests have none
	id      []int         // positions of the identity's columns, of versions all facts; nil if it is derived
	seeds   []uint64      // what stands for each column
	facts   []int         // positions of the columns that are compared: all but the origin, in the order that is remembered
	leading bool          // the facts begin with the identity

	scope       occurrenceScope // the file or request whose occurrences are counted
	occurrences map[column.Digest]uint32
}

// newDigester digests the columns in the order of those that are remembered: by the stream's state for new events, by a sealed batch for
// its own.
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
	if s.Versions { // each is an event of its own
		d.id = d.facts
	}
	d.leading = len(d.id) <= len(d.facts) && slices.Equal(d.id, d.facts[:len(d.id)])
	return d
}

// digest fills in the digests of each row's content and, unless it is derived, its identity.
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

// append adds a row's values of some columns in canonical form.
func (d *digester) append(buffer []byte, p *preparedBlock, columns []int, r int) []byte {
	for _, c := range columns {
		buffer = p.columns[c].AppendCanonical(buffer, d.seeds[c], r)
	}
	return buffer
}

// digestKeyed is digest with a key. Where the facts begin with the identity its bytes are written once for both.
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

// strongDigest is a digest that is equal over projects, and of which nobody finds two alike: 128 bits of SHA-256.
func strongDigest(b []byte) column.Digest {
	sum := sha256.Sum256(b)
	return column.DigestOf(sum[:])
}

// identify derives the identities that need it, in order of arrival, and hands the entry of each kept row to add.
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

// derive makes the identity of a stream that has none: `_row` from the digest of the file or request and the row in it,
// `_content` from the row's content and how often the file or request has had it so far.
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

// occurrence counts a content in the file or request that it comes in.
func (d *digester) occurrence(content column.Digest, scope occurrenceScope) uint32 {
	if d.scope != scope || d.occurrences == nil {
		d.scope, d.occurrences = scope, map[column.Digest]uint32{}
	}
	d.occurrences[content]++
	return d.occurrences[content]
}

// contentID is the identity of a row in a `_content` stream: content is the unforgeable digest of its values.
func contentID(content column.Digest, occurrence uint32) column.Digest {
	return strongDigest(appendOccurrence(content, occurrence))
}

// legacyContentID is the identity that older projects gave to such rows.
func legacyContentID(content column.Digest, occurrence uint32) column.Digest {
	return column.Sum128(appendOccurrence(content, occurrence))
}

func appendOccurrence(content column.Digest, occurrence uint32) []byte {
	buffer := binary.LittleEndian.AppendUint64(make([]byte, 0, 20), content.Hi)
	buffer = binary.LittleEndian.AppendUint64(buffer, content.Lo)
	return binary.LittleEndian.AppendUint32(buffer, occurrence)
}

// indexedID is what the dedupe index knows a derived identity by.
func (d *digester) indexedID(id column.Digest) column.Digest {
	if d.key == nil {
		return id
	}
	buffer := binary.BigEndian.AppendUint64(make([]byte, 0, 32), id.Hi)
	buffer = binary.BigEndian.AppendUint64(buffer, id.Lo)
	return d.key.ID(identity.Pad(buffer))
}
