// SQL views of a stream's sealed events.

package event

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/project"
)

// The hidden columns of a batch's objects: where an event was read.
const (
	FileColumn = "_file" // number of the file within the stream
	RowColumn  = "_row"  // the row at which the record starts
)

// Fields returns the columns of a batch's objects: the stream's, a derived identity if there is one, and the hidden columns.
func Fields(s *project.Stream) (fields []column.Field) {
	for _, c := range s.Columns {
		fields = append(fields, column.Field{Name: c.Name, Type: c.Type, Required: !c.Optional})
	}
	if s.DerivedID() {
		fields = append(fields, column.Field{Name: project.DerivedIDColumn, Type: column.Type{Kind: column.String}, Required: true})
	}
	return append(fields, placeFields...)
}

// placeFields are the hidden columns.
var placeFields = []column.Field{
	{Name: FileColumn, Type: column.Type{Kind: column.BigInt}, Required: true},
	{Name: RowColumn, Type: column.Type{Kind: column.BigInt}, Required: true},
}

// selectList writes columns as SQL expressions.
func selectList(fields []column.Field, expression func(column.Field) string) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = expression(f)
	}
	return strings.Join(list, ", ")
}

// ViewSQL returns a SELECT over the events of batches, without excluded ones, with the stream's columns as declared now. A column that a batch was sealed
// without is null, and one whose type has grown is cast.
func ViewSQL(files object.Local, s *project.Stream, batches []Batch) string {
	return viewSQL(files, s, batches, false)
}

// viewSQL is ViewSQL. With computed, columns that were computed under the earlier interpretation of time zones are computed again.
func viewSQL(files object.Local, s *project.Stream, batches []Batch, computed bool) string {
	var selects []string
	for len(batches) > 0 {
		n := 1
		for n < len(batches) && slices.EqualFunc(batches[n].Columns, batches[0].Columns, sameShape) {
			n++
		}
		if sql := selectSQL(files, s, batches[:n], computed); sql != "" {
			selects = append(selects, sql)
		}
		batches = batches[n:]
	}
	return unionSQL(selects, Fields(s))
}

// unionSQL unites SELECTs of the columns; without any there are no rows.
func unionSQL(selects []string, fields []column.Field) string {
	if len(selects) == 0 {
		return "SELECT " + selectList(fields, nullSQL) + " WHERE false"
	}
	return strings.Join(selects, "\nUNION ALL\n")
}

func sameShape(a, b Definition) bool { return a.Name == b.Name && a.Type == b.Type && a.Is == b.Is }

// selectSQL reads the objects of batches with equal columns.
func selectSQL(files object.Local, s *project.Stream, batches []Batch, computed bool) string {
	var paths []string
	for _, b := range batches {
		for _, o := range b.Objects {
			paths = append(paths, duck.Literal(files.Path(o.Name)))
		}
	}
	if len(paths) == 0 {
		return ""
	}
	list := selectList(Fields(s), func(f column.Field) string {
		name := column.QuoteIdentifier(f.Name)
		stored := slices.IndexFunc(batches[0].Columns, func(d Definition) bool { return d.Name == f.Name })
		c := s.Column(f.Name)
		switch {
		case computed && stored >= 0 && otherInstants(s, c, &batches[0].Columns[stored]):
			return fmt.Sprintf("CAST((%s\n) AS %s) AS %s", c.Is, f.Type.SQL(), name)
		case strings.HasPrefix(f.Name, "_") || stored >= 0 && batches[0].Columns[stored].Type == f.Type.String():
			return name
		case stored >= 0:
			return castSQL(name, f)
		default:
			return nullSQL(f)
		}
	})
	return fmt.Sprintf("SELECT %s FROM read_parquet([%s])%s", list, strings.Join(paths, ", "), excludedSQL(batches))
}

// otherInstants reports whether a column was computed by a version that treated timestamps as local times.
func otherInstants(s *project.Stream, c *project.Column, was *Definition) bool {
	return c != nil && was.Is != c.Is && s.Instants(was.Is) == c.Is
}

func nullSQL(f column.Field) string { return castSQL("NULL", f) }

// castSQL casts an expression to the type of a column.
func castSQL(expression string, f column.Field) string {
	return fmt.Sprintf("CAST(%s AS %s) AS %s", expression, f.Type.SQL(), column.QuoteIdentifier(f.Name))
}
