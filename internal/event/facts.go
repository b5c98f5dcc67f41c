// The columns by which events are compared, and the canonical form in which they are digested.

package event

import (
	"bursar/internal/column"
	"bursar/internal/project"
)

// facts are the columns by which the events of a stream are compared: all except `origin` columns.
type facts struct {
	positions []int    // of these columns, in the order of digests
	seeds     []uint64 // the seed of each column of the stream
}

// newFacts returns the compared columns in a stored order: that of the stream's state for new events, that of a sealed batch for its own events.
func newFacts(s *project.Stream, stored []Definition) *facts {
	f := &facts{}
	for _, c := range s.Columns {
		f.seeds = append(f.seeds, column.NameSeed(c.Name))
	}
	for _, i := range columnOrder(s, stored) {
		if !s.Columns[i].Origin {
			f.positions = append(f.positions, i)
		}
	}
	return f
}

// appendRow appends a row's values of some columns, by their positions, in canonical form.
func (f *facts) appendRow(buffer []byte, columns []column.Vector, positions []int, row int) []byte {
	for _, c := range positions {
		buffer = columns[c].AppendCanonical(buffer, f.seeds[c], row)
	}
	return buffer
}
