// The identity and control totals of a stream, as other packages use them.

package project

import "bursar/internal/column"

// DerivedIDColumn is the hidden column of batches with a derived identity as 32 hexadecimal digits.
const DerivedIDColumn = "_id"

// IDColumns lists the columns of a batch that identify an event.
func (s *Stream) IDColumns() []string {
	if s.DerivedID() {
		return []string{DerivedIDColumn}
	}
	return s.ID
}

// Total finds a control total by name, or nil.
func (s *Stream) Total(name string) *Total {
	for i := range s.Totals {
		if s.Totals[i].Name == name {
			return &s.Totals[i]
		}
	}
	return nil
}

// TotalType is the type in which a control total is summed: exact, with the measure's scale (rule 2).
func (s *Stream) TotalType(t *Total) column.Type {
	return column.Type{Kind: column.Decimal, Precision: 38, Scale: s.Column(t.Sum).Type.Scale}
}
