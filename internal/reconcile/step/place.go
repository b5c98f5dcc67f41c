// The place of an event in the file that it was read from, for error messages.

package step

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/project"
)

// placeColumn is a column of the built-in streams with the line:column where an event was read. The row number does not help
// there, because rows are made by the import.
const placeColumn = "place"

// eventPlace returns the place of an event, given by its hidden columns: file:row, or file:line:column for a statement's event.
func (e *Executor) eventPlace(ctx context.Context, s *project.Stream, batches []event.Batch, number uint64, row int64) (string, error) {
	file2, err := event.FindFile(ctx, e.Catalog, s.Name, number)
	if err != nil {
		return "", err
	}
	file, at := file2.At(row)
	place := fmt.Sprint(at)
	if !s.Builtin || s.Column(placeColumn) == nil {
		return file + ":" + place, nil
	}
	own := event.FilterStream(batches, s.Name)
	session, err := e.OpenViews(ctx, map[string]string{"events": event.ViewSQL(e.Objects, s, own)})
	if err != nil {
		return "", err
	}
	defer session.Close()
	sql := fmt.Sprintf("SELECT %s FROM events WHERE (%s, %s) = (%d, %d) LIMIT 1", placeColumn, event.FileColumn, event.RowColumn, number, row)
	err = session.Query(ctx, sql, func(rows []column.Vector) error {
		if rows[0].Len() > 0 && !rows[0].IsNull(0) {
			place = string(rows[0].Text(0))
		}
		return nil
	})
	return file + ":" + place, err
}
