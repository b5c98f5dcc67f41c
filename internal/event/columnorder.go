// The order of columns: for digests and comparisons, and as the positions in a CSV file without a header.

package event

import (
	"slices"

	"bursar/internal/column"
	"bursar/internal/project"
)

// columnOrder returns the positions of the stream's columns in the order of digests: stored columns first, in stored order, then new ones.
// The order in the stream's file may change while equal values keep their digests. Null values add nothing to a digest, so columns that an
// event was sealed without may have any position.
func columnOrder(s *project.Stream, stored []Definition) []int {
	order := make([]int, 0, len(s.Columns))
	for _, d := range stored {
		if i := slices.IndexFunc(s.Columns, func(c project.Column) bool { return c.Name == d.Name }); i >= 0 {
			order = append(order, i)
		}
	}
	for i := range s.Columns {
		if !slices.Contains(order, i) {
			order = append(order, i)
		}
	}
	return order
}

// positions returns the field of a CSV file without a header that each column is read from, from 1; 0 is none.
func positions(s *project.Stream) []int {
	list, n := make([]int, len(s.Columns)), 0
	for i := range s.Columns {
		if s.Format == project.CSVText && !s.CSV.Header && s.Columns[i].Is == "" {
			n++
			list[i] = n
		}
	}
	return list
}

// storedColumns returns the columns of a stream's state with the positions that they were read from. A state without positions stores its columns in
// the order of the stream's file, which is equivalent.
func storedColumns(state *StreamState) []Definition {
	bare := state.Declared != nil && state.Declared.Headless
	if !bare || slices.ContainsFunc(state.Columns, func(d Definition) bool { return d.Position > 0 }) {
		return state.Columns
	}
	columns, n := slices.Clone(state.Columns), 0
	for i := range columns {
		if columns[i].Is == "" {
			n++
			columns[i].Position = n
		}
	}
	return columns
}

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
