// Identities of rows in order of arrival.

package intake

import (
	"encoding/binary"

	"bursar/internal/column"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/project"
)

// identifier derives the identities of rows, where a stream has no id columns, and makes their entries for the dedupe index.
type identifier struct {
	stream      *project.Stream
	digester    *ids.Digester
	scope       occurrenceScope // the file or delivery in which occurrences are counted
	occurrences map[column.Digest]uint32
}

// identify derives the identities of a block's rows, where needed, and adds the entries to look up: those of rows that were not rejected so far. It
// is called in order of arrival, on which the number of an occurrence depends.
func (d *identifier) identify(p *preparedBlock, seg *segment, block int, rows []int64) error {
	derived := column.NewVector(column.Type{Kind: column.String}, len(rows))
	for r, row := range rows {
		if d.digester.DerivesID() {
			id := d.derive(p, r, seg, block, row)
			derived.AppendText([]byte(id.String()))
			p.IDs[r] = d.digester.IndexedID(id)
		}
		if !p.keep[r] {
			continue
		}
		place, err := dedupe.PlaceOf(seg.file.Number, uint64(row))
		if err != nil {
			return err
		}
		seg.entries = append(seg.entries, dedupe.Entry{Hi: p.IDs[r].Hi, Lo: p.IDs[r].Lo, Content: p.Contents[r], Place: place})
	}
	if d.digester.DerivesID() {
		p.columns = append(p.columns, derived)
	}
	return nil
}

// derive computes the identity of a row without id columns: `_row` from the digest of the file or delivery and the row's place in it, `_content`
// from the row's content and the number of equal rows before it in the file or delivery.
func (d *identifier) derive(p *preparedBlock, r int, seg *segment, block int, row int64) column.Digest {
	if d.stream.ID[0] == project.RowID {
		source := seg.identitySource(block, row)
		buffer := append([]byte(source.Digest), 0)
		return column.Sum128(binary.LittleEndian.AppendUint64(buffer, uint64(source.Line)))
	}
	if p.occurrences == nil {
		p.occurrences = make([]uint32, len(p.Digests))
	}
	if p.occurrences[r] = seg.sourceOf(block, row).occurrence; p.occurrences[r] == 0 {
		p.occurrences[r] = d.occurrence(d.digester.ContentOf(&p.RowDigests, r), seg.scopeOf(block, row))
	}
	return d.digester.ContentID(&p.RowDigests, r, p.occurrences[r])
}

// occurrence counts equal contents within a file or delivery.
func (d *identifier) occurrence(content column.Digest, scope occurrenceScope) uint32 {
	if d.scope != scope || d.occurrences == nil {
		d.scope, d.occurrences = scope, map[column.Digest]uint32{}
	}
	d.occurrences[content]++
	return d.occurrences[content]
}
