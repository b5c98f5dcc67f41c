// SQL views of sealed events: of one stream, and of several as pipelines fold them.

package event

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event/dedupe"
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

// ViewSQL returns a SELECT over the events of batches, without excluded ones, with the stream's columns as declared now. A column that a
// batch was sealed without is null, and one whose type has grown is cast.
func ViewSQL(files object.Files, s *project.Stream, batches []Batch) string {
	return viewSQL(files, s, batches, false)
}

// viewSQL is ViewSQL. With computed, columns that were computed under the earlier interpretation of time zones are computed again.
func viewSQL(files object.Files, s *project.Stream, batches []Batch, computed bool) string {
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
func selectSQL(files object.Files, s *project.Stream, batches []Batch, computed bool) string {
	var paths []string
	for _, b := range batches {
		for _, o := range b.Objects {
			paths = append(paths, duck.Literal(files.Path(o)))
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

func castSQL(expression string, f column.Field) string {
	return fmt.Sprintf("CAST(%s AS %s) AS %s", expression, f.Type.SQL(), column.QuoteIdentifier(f.Name))
}

// FoldedFields returns the columns of FoldedSQL: those of the events, then those that contain ids and keys, and the hidden columns.
func FoldedFields(e *project.Events) []column.Field {
	var fields []column.Field
	add := func(f column.Field) {
		if !slices.ContainsFunc(fields, func(x column.Field) bool { return x.Name == f.Name }) {
			fields = append(fields, f)
		}
	}
	for _, c := range e.Columns {
		add(column.Field{Name: c.Name, Type: c.Type, Required: !c.Optional})
	}
	for _, id := range e.IDs {
		add(column.Field{Name: id.Name, Type: id.Type, Required: !id.Optional})
	}
	for _, k := range e.Key {
		add(column.Field{Name: k.Event, Type: k.Type, Required: true})
	}
	for _, f := range placeFields {
		add(f)
	}
	return fields
}

// FoldedSQL returns a SELECT over the events of batches of any of the streams, as the single table that a pipeline folds. It contains the events that
// have a key; UnkeyedSQL returns the others.
func FoldedSQL(files object.Files, e *project.Events, batches []Batch) string {
	return FoldedPartSQL(files, e, batches, "")
}

// FoldedPartSQL is FoldedSQL over the events that satisfy a condition, or all if it is empty. Key expressions are not evaluated on other events.
func FoldedPartSQL(files object.Files, e *project.Events, batches []Batch, condition string) string {
	fields := FoldedFields(e)
	var selects []string
	for _, s := range e.Streams {
		own := FilterStream(batches, s.Name)
		if len(own) == 0 {
			continue
		}
		list := selectList(fields, func(f column.Field) string { return foldedColumn(e, s, f) })
		view := viewSQL(files, s, own, true)
		if condition != "" {
			view = fmt.Sprintf("WITH part AS MATERIALIZED (SELECT * FROM (%s) WHERE %s) SELECT * FROM part", view, condition)
		}
		sql := fmt.Sprintf("SELECT %s FROM (%s)", list, view)
		if unkeyed := e.Unkeyed(s.Name); unkeyed != "" {
			sql += " WHERE NOT (" + unkeyed + ")"
		}
		selects = append(selects, sql)
	}
	return unionSQL(selects, fields)
}

// UnkeyedSQL returns a SELECT over the events of a stream's batches that have no key, with the stream's columns.
func UnkeyedSQL(files object.Files, e *project.Events, s *project.Stream, batches []Batch) string {
	return fmt.Sprintf("SELECT * FROM (%s) WHERE %s", viewSQL(files, s, batches, true), e.Unkeyed(s.Name))
}

// ReceivedSQL is the receipt order of an event, as dedupe.PlaceOf, minus 2^63 so that it fits a BIGINT.
var ReceivedSQL = fmt.Sprintf("((%s - %d) * %d + %s)", FileColumn, (dedupe.MaxFile+1)/2, int64(dedupe.MaxRow+1), RowColumn)

// receivedAs returns the value of ReceivedSQL for a row.
func receivedAs(row Place) int64 {
	return (int64(row.File)-(dedupe.MaxFile+1)/2)*(dedupe.MaxRow+1) + row.Row
}

// foldedColumn returns a column of the single table, read from a stream's columns; null if the stream has none.
func foldedColumn(e *project.Events, s *project.Stream, f column.Field) string {
	own := ""
	switch {
	case f.Name == project.ReceivedColumn && s.Versions:
		return ReceivedSQL + " AS " + f.Name
	case f.Name == project.StreamColumn && s.Column(f.Name) == nil:
		return duck.Literal(s.Name) + " AS " + column.QuoteIdentifier(f.Name)
	case f.Name == FileColumn, f.Name == RowColumn, s.Column(f.Name) != nil && !s.Column(f.Name).Origin:
		own = f.Name
	}
	for _, id := range e.IDs {
		if id.Name == f.Name && id.Name != project.ReceivedColumn {
			own = id.Columns[s.Name]
		}
	}
	for _, k := range e.Key {
		if k.Event != f.Name {
			continue
		}
		part := k.Parts[s.Name]
		if own = part.Column; own == "" {
			return castSQL(part.SQL, f)
		}
	}
	switch {
	case own == "":
		return nullSQL(f)
	case own == f.Name && (s.Column(own) == nil || s.Column(own).Type.String() == f.Type.String()):
		return column.QuoteIdentifier(own)
	}
	return castSQL(column.QuoteIdentifier(own), f)
}
