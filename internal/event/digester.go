package event

import (
	"encoding/binary"

	"bursar/internal/column"
	"bursar/internal/event/memory"
	"bursar/internal/project"
)

// digester digests rows: identity for the duplicate memory, content for conflicts and the batch's digest.
type digester struct {
	stream *project.Stream
	id     []int    // positions of the identity's columns; nil if it is derived
	seeds  []uint64 // what stands for each column
	facts  []int    // positions of the columns that are compared: all but the origin

	within      any // the file or request whose occurrences are counted
	occurrences map[column.Digest]uint32
}

func newDigester(s *project.Stream) *digester {
	d := &digester{stream: s}
	for i, c := range s.Columns {
		d.seeds = append(d.seeds, column.NameSeed(c.Name))
		if !c.Origin {
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
	return d
}

// digest fills in the content digest of each row.
func (d *digester) digest(p *part, rows int) {
	p.digests = make([]column.Digest, rows)
	p.ids = make([]column.Digest, rows)
	var buffer []byte
	for r := range rows {
		buffer = buffer[:0]
		for _, c := range d.facts {
			buffer = p.columns[c].AppendCanonical(buffer, d.seeds[c], r)
		}
		p.digests[r] = column.Sum128(buffer)
		if d.id == nil {
			continue
		}
		buffer = buffer[:0]
		for _, c := range d.id {
			buffer = p.columns[c].AppendCanonical(buffer, d.seeds[c], r)
		}
		p.ids[r] = column.Sum128(buffer)
	}
}

// identify derives the identities that need it, in order of arrival, and hands the entry of each kept row to add.
func (d *digester) identify(p *part, seg *segment, block int, rows []int64, add func(memory.Entry)) error {
	derived := column.NewVector(column.Type{Kind: column.String}, len(rows))
	for r, row := range rows {
		if d.id == nil {
			p.ids[r] = d.derive(p, r, seg, block, row)
			derived.AppendText([]byte(p.ids[r].String()))
		}
		if !p.keep[r] {
			continue
		}
		place, err := memory.PlaceOf(seg.file.Number, uint64(row))
		if err != nil {
			return err
		}
		add(memory.Entry{Hi: p.ids[r].Hi, Lo: p.ids[r].Lo, Content: p.digests[r].Hi, Place: place})
	}
	if d.id == nil {
		p.columns = append(p.columns, derived)
	}
	return nil
}

// derive makes the identity of a stream that has none: `_row` from the digest of the file or request and the row in it,
// `_content` from the row's content and how often the file or request has held it so far.
func (d *digester) derive(p *part, r int, seg *segment, block int, row int64) column.Digest {
	if d.stream.ID[0] == project.RowID {
		from := seg.sourceOf(block, row)
		buffer := append([]byte(from.digest), 0)
		return column.Sum128(binary.LittleEndian.AppendUint64(buffer, uint64(from.line)))
	}
	content := p.digests[r]
	if p.occurrences == nil {
		p.occurrences = make([]uint32, len(p.digests))
	}
	if p.occurrences[r] = seg.requested(block, row).occurrence; p.occurrences[r] == 0 {
		p.occurrences[r] = d.occurrence(content, seg.within(row))
	}
	var buffer []byte
	buffer = binary.LittleEndian.AppendUint64(buffer, content.Hi)
	buffer = binary.LittleEndian.AppendUint64(buffer, content.Lo)
	return column.Sum128(binary.LittleEndian.AppendUint32(buffer, p.occurrences[r]))
}

// occurrence counts a content in the file or request that it comes in.
func (d *digester) occurrence(content column.Digest, within any) uint32 {
	if d.within != within {
		d.within, d.occurrences = within, map[column.Digest]uint32{}
	}
	d.occurrences[content]++
	return d.occurrences[content]
}
