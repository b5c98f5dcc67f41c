// The order of a stream's columns that digests are made in.

package event

import (
	"slices"

	"bursar/internal/project"
)

// columnOrder is the positions of the stream's columns in the order that digests are made in: those that are remembered first, as
// they are remembered, then new ones. The order in the stream's file may change, and the same values must keep their digests.
// Values that are null add nothing to a digest, so columns that an event was sealed without may stand anywhere.
func columnOrder(s *project.Stream, remembered []Definition) []int {
	order := make([]int, 0, len(s.Columns))
	for _, d := range remembered {
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
