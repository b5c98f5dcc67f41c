// Reads the events of a window with DuckDB, as JSON.

package feed

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// query adds up to rows events of a window to a page, and returns how many it has read.
func (r *Reader) query(ctx context.Context, s *project.Stream, w *window, rows int, p *pageBuilder) (read int, err error) {
	fields := event.Fields(s)
	fields = fields[:len(fields)-2] // without those of the place
	var objects []object.Description
	for i := range w.parts {
		objects = append(objects, w.parts[i].batch.Objects...)
	}
	err = r.withFiles(ctx, objects, func(files object.Files) string { return windowSQL(files, s, fields, w, rows) }, int64(rows), func(found []column.Vector) error {
		number, file, row := found[len(fields)], found[len(fields)+1], found[len(fields)+2]
		for n := range number.Len() {
			part := &w.parts[number.Ints[n]]
			at, err := dedupe.PlaceOf(uint64(file.Ints[n]), uint64(row.Ints[n]))
			if err != nil {
				return err
			}
			text := appendEvent(nil, fields, found, n, part.withdrawn || part.retracted[at])
			if !p.add(text, cursorIn(&part.batch, at)) {
				return failure.ErrStop
			}
			read++
		}
		return nil
	})
	return read, failure.UnlessStopped(err)
}

// windowSQL returns the SELECT of the first rows of a window: the fields, the number of the part, and the place.
func windowSQL(files object.Files, s *project.Stream, fields []column.Field, w *window, rows int) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = column.QuoteIdentifier(f.Name)
	}
	list := strings.Join(names, ", ")
	selects := make([]string, len(w.parts))
	for i := range w.parts {
		p := &w.parts[i]
		selects[i] = fmt.Sprintf("SELECT %s, CAST(%d AS BIGINT) AS _part, %s, %s FROM (%s) WHERE %s",
			list, i, event.FileColumn, event.RowColumn, event.ViewSQL(files, s, []event.Batch{p.batch}), p.conditionSQL())
	}
	return fmt.Sprintf("%s ORDER BY _part, %s, %s LIMIT %d", strings.Join(selects, "\nUNION ALL\n"), event.FileColumn, event.RowColumn, rows)
}

// conditionSQL is the condition of the events of a part. Comparisons of one column with a number are cheap: DuckDB reads the other columns only
// where they are true.
func (p *part) conditionSQL() string {
	after, until := p.after, p.until
	if until == 0 {
		until = math.MaxUint64
	}
	sql := fmt.Sprintf("%s BETWEEN %d AND %d", event.FileColumn, after.File(), until.File())
	if after.File() == until.File() {
		return sql + fmt.Sprintf(" AND %s BETWEEN %d AND %d", event.RowColumn, after.Row()+1, until.Row())
	}
	return sql + fmt.Sprintf(" AND (%s > %d OR %s > %d) AND (%s < %d OR %s <= %d)",
		event.FileColumn, after.File(), event.RowColumn, after.Row(), event.FileColumn, until.File(), event.RowColumn, until.Row())
}

// appendEvent appends an event as a JSON object.
func appendEvent(text []byte, fields []column.Field, found []column.Vector, row int, retracted bool) []byte {
	text = append(text, '{')
	for i, f := range fields {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(column.AppendJSON(text, f.Name), ':')
		value := found[i]
		value.Type = f.Type // DuckDB has no type for JSON
		text = value.AppendJSON(text, row)
	}
	if retracted {
		text = append(text, `,"_retracted":true`...)
	}
	return append(text, '}')
}

// withFiles checks objects and runs a query over their files.
func (r *Reader) withFiles(ctx context.Context, objects []object.Description, sql func(object.Files) string, rows int64, each func([]column.Vector) error) error {
	if err := r.checked.check(ctx, r.store, objects); err != nil {
		return err
	}
	files := r.store.Objects.Files()
	defer files.Release()
	session, err := duck.Open(r.store.Duck)
	if err != nil {
		return err
	}
	defer session.Close()
	session.ExplainWith(files.Explain)
	text := sql(files)
	if err := files.Pin(ctx); err != nil {
		return err
	}
	return session.QueryEstimated(ctx, rows, text, each)
}

// maxChecked is how many objects are remembered as checked.
const maxChecked = 10_000

// checkedObjects remembers which objects were compared with what was sealed: a page needs a small piece of an object, and checking it reads all.
type checkedObjects struct {
	mu    sync.Mutex
	known map[object.Description]bool
}

func (c *checkedObjects) check(ctx context.Context, store *event.Store, objects []object.Description) error {
	var unknown []object.Description
	c.mu.Lock()
	for _, o := range objects {
		if !c.known[o] {
			unknown = append(unknown, o)
		}
	}
	c.mu.Unlock()
	if len(unknown) == 0 {
		return nil
	}
	if err := event.CheckObjects(ctx, store.Objects, []event.Batch{{Objects: unknown}}, store.Workers); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxChecked {
		c.known = map[object.Description]bool{}
	}
	for _, o := range unknown {
		c.known[o] = true
	}
	return nil
}
