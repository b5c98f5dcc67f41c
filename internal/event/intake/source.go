// The source of received rows: where they are from, and what is reported back about them.

package intake

import (
	"cmp"
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

// identitySource returns the source that identifies a row of a `_row` stream.
func (seg *segment) identitySource(block int, row int64) RowSource {
	if source := seg.sourceOf(block, row); source.Digest != "" {
		return source
	}
	return RowSource{Digest: seg.file.Digest, Line: row}
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

// decide reports the verdict on a row to the source.
func (seg *segment) decide(row int64, outcome Outcome) {
	if seg.source != nil {
		seg.source.Decide(row, Verdict{Outcome: outcome})
	}
}

// decideRejects reports quarantined rows to the source.
func (seg *segment) decideRejects(rejects []reject) {
	if seg.source == nil {
		return
	}
	for _, r := range rejects {
		seg.source.Decide(r.Row, Verdict{Quarantined, r.Column, r.Reason})
	}
}
