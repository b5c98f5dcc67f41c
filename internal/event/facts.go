// The columns by which events are compared, and the canonical form in which they are digested.

package event

import (
	"bursar/internal/column"
	"bursar/internal/project"
)

// Facts are the columns by which the events of a stream are compared: all except `origin` columns.
type Facts struct {
	Positions []int    // of these columns, in the order of digests
	seeds     []uint64 // the seed of each column of the stream
}

// NewFacts returns the compared columns in a stored order: that of the stream's state for new events, that of a sealed batch for its own events.
func NewFacts(s *project.Stream, stored []Definition) *Facts {
	f := &Facts{}
	for _, c := range s.Columns {
		f.seeds = append(f.seeds, column.NameSeed(c.Name))
	}
	for _, i := range columnOrder(s, stored) {
		if !s.Columns[i].Origin {
			f.Positions = append(f.Positions, i)
		}
	}
	return f
}

// AppendRow appends a row's values of some columns, by their positions, in canonical form.
func (f *Facts) AppendRow(buffer []byte, columns []column.Vector, positions []int, row int) []byte {
	for _, c := range positions {
		buffer = columns[c].AppendCanonical(buffer, f.seeds[c], row)
	}
	return buffer
}
