// Where an event stands in the file that it was read from, for errors that name one.

package reconcile

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/project"
)

// placeColumn is the built-in streams' column that says where in its file an event was read, as line:column: the row itself is one that the
// import made.
const placeColumn = "place"

// eventPlace names the place of an event of some batches, given by its hidden columns: file:row, or of a statement's event file:line:column.
func (e *Engine) eventPlace(ctx context.Context, s *project.Stream, batches []event.Batch, number uint64, row int64) (string, error) {
	file2, err := event.FindFile(ctx, e.Catalog, s.Name, number)
	if err != nil {
		return "", err
	}
	file, at := file2.At(row)
	place := fmt.Sprint(at)
	if !s.Builtin || s.Column(placeColumn) == nil {
		return file + ":" + place, nil
	}
	own := slices.DeleteFunc(slices.Clone(batches), func(b event.Batch) bool { return b.Stream != s.Name })
	session, err := e.openViews(ctx, map[string]string{"events": event.ViewSQL(e.Objects, s, own)})
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
