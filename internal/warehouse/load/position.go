// How far loaded tables are, for those who read them step by step.

package load

import (
	"context"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// Position is how far a loaded table is, as numbers of loads. Rows of loads up to Through stay as they are while Replaced does.
type Position struct {
	Replaced uint64 // the last load that has replaced rows; 0 if none has
	Through  uint64 // the last load
}

const positionsSQL = `SELECT table_name, coalesce(max(CASE WHEN replaced THEN load_number ELSE 0 END), 0), max(load_number)
FROM ` + loadsTable + ` WHERE finished IS NOT NULL GROUP BY table_name`

// Positions returns the positions of the loaded tables, by name.
func Positions(ctx context.Context, r warehouse.Reader) (map[string]Position, error) {
	positions := map[string]Position{}
	if _, found, err := r.Table(ctx, loadsTable); err != nil || !found {
		return positions, err
	}
	err := r.Query(ctx, positionsSQL, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			positions[string(rows[0].Text(i))] = Position{Replaced: uint64(rows[1].Ints[i]), Through: uint64(rows[2].Ints[i])}
		}
		return nil
	})
	return positions, err
}
