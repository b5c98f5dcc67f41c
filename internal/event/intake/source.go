// Where received rows are from, and the identities of rows in order of arrival.

package intake

import (
	"cmp"
	"encoding/binary"

	"bursar/internal/column"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/project"
)

// Source is where received rows are from. The verdict on each row is reported to it.
type Source interface {
	// RowSource returns where a row was received.
	RowSource(row int64) RowSource
	// Decide is called once for each row, in order of arrival except for rejected rows, which follow.
	Decide(row int64, v Verdict)
	// Done is called when all rows are decided on.
	Done()
}

// RowSource says which delivery a row came in. It identifies the rows of a `_row` stream.
type RowSource struct {
	Digest     string // of the delivery, where it identifies rows
	Line       int64  // in the delivery; 0 for rows of files, and for rows that earlier versions quarantined without it
	occurrence uint32 // of a row identified by its content: its number among equal rows so far; 0 is unknown
}

// Verdict is the decision on a row.
type Verdict struct {
	Outcome        Outcome
	Column, Reason string // of a rejected row
}

// Outcome is what became of a row.
type Outcome int

// Outcomes of rows.
const (
	Accepted Outcome = iota
	Duplicate
	Quarantined
)

// occurrenceScope is the file or delivery within which equal rows are counted.
type occurrenceScope struct {
	file      uint64
	firstLine int64 // the line of the file at which the delivery starts; 0 is the whole file
}

// scopeOf returns the scope in which a row's content is counted. It is the same when the row is retried.
func (seg *segment) scopeOf(block int, row int64) occurrenceScope {
	e := occurrenceScope{file: seg.file.Number}
	if line := seg.sourceOf(block, row).Line; line > 0 {
		e.firstLine = row - line + 1
	}
	return e
}

// sourceOf returns the delivery and line of a row; zero for rows of files.
func (seg *segment) sourceOf(block int, row int64) RowSource {
	switch {
	case seg.source != nil:
		return seg.source.RowSource(row)
	case seg.rowSources != nil:
		return seg.rowSources[block]
	}
	return RowSource{}
}

// addSources adds their sources to rejected rows. A retry of rows that are identified by them needs them.
func (seg *segment) addSources(block int, rejects []reject) {
	for i := range rejects {
		source := seg.sourceOf(block, rejects[i].Row)
		source.occurrence = cmp.Or(rejects[i].source.occurrence, source.occurrence)
		rejects[i].source = source
	}
}

func (seg *segment) decide(row int64, outcome Outcome) {
	if seg.source != nil {
		seg.source.Decide(row, Verdict{Outcome: outcome})
	}
}

func (seg *segment) decideRejects(rejects []reject) {
	if seg.source == nil {
		return
	}
	for _, r := range rejects {
		seg.source.Decide(r.Row, Verdict{Quarantined, r.Column, r.Reason})
	}
}

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
		source := seg.sourceOf(block, row)
		if source.Digest == "" {
			source = RowSource{Digest: seg.file.Digest, Line: row}
		}
		buffer := append([]byte(source.Digest), 0)
		return column.Sum128(binary.LittleEndian.AppendUint64(buffer, uint64(source.Line)))
	}
	if p.occurrences == nil {
		p.occurrences = make([]uint32, len(p.Digests))
	}
	if p.occurrences[r] = seg.sourceOf(block, row).occurrence; p.occurrences[r] == 0 {
		p.occurrences[r] = d.occurrence(p.Equal[r], seg.scopeOf(block, row))
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
