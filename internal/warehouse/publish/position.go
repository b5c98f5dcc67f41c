// How far published tables are, for those who read them step by step.

package publish

import (
	"context"

	"bursar/internal/warehouse"
)

// Position is how far a published table is. Rows of batches or runs up to Through stay as they are while the other numbers do.
type Position struct {
	Generation, Through, Retraction, GivenUp, Remade uint64
}

// Extends reports whether a table that was at an earlier position has only got rows since.
func (p Position) Extends(earlier Position) bool {
	return p.Generation == earlier.Generation && p.Through >= earlier.Through && p.Retraction == earlier.Retraction && p.GivenUp == earlier.GivenUp &&
		p.Remade == earlier.Remade
}

// Positions returns the positions of the published tables, by name.
func Positions(ctx context.Context, r warehouse.Reader) (map[string]Position, error) {
	list, err := readRecords(ctx, r, "")
	positions := make(map[string]Position, len(list))
	for i := range list {
		p := &list[i]
		positions[p.table] = Position{Generation: p.generation, Through: p.through, Retraction: p.retraction, GivenUp: p.givenUp, Remade: p.remade}
	}
	return positions, err
}
