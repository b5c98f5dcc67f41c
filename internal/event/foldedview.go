// SQL views of the events of several streams, as pipelines fold them.

package event

import (
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event/dedupe"
	"bursar/internal/object"
	"bursar/internal/project"
)

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
func FoldedSQL(files object.Local, e *project.Events, batches []Batch) string {
	return foldedSQL(files, e, batches, func(view string) string { return view })
}

// FoldedPartSQL is FoldedSQL over the events that satisfy a condition. Key expressions are not evaluated on other events.
func FoldedPartSQL(files object.Local, e *project.Events, batches []Batch, condition string) string {
	return foldedSQL(files, e, batches, func(view string) string {
		return fmt.Sprintf("WITH part AS MATERIALIZED (SELECT * FROM (%s) WHERE %s) SELECT * FROM part", view, condition)
	})
}

// foldedSQL applies wrap to the view of each stream.
func foldedSQL(files object.Local, e *project.Events, batches []Batch, wrap func(view string) string) string {
	fields := FoldedFields(e)
	var selects []string
	for _, s := range e.Streams {
		own := FilterStream(batches, s.Name)
		if len(own) == 0 {
			continue
		}
		list := selectList(fields, func(f column.Field) string { return foldedColumn(e, s, f) })
		sql := fmt.Sprintf("SELECT %s FROM (%s)", list, wrap(viewSQL(files, s, own, true)))
		if unkeyed := e.Unkeyed(s.Name); unkeyed != "" {
			sql += " WHERE NOT (" + unkeyed + ")"
		}
		selects = append(selects, sql)
	}
	return unionSQL(selects, fields)
}

// UnkeyedSQL returns a SELECT over the events of a stream's batches that have no key, with the stream's columns.
func UnkeyedSQL(files object.Local, e *project.Events, s *project.Stream, batches []Batch) string {
	return fmt.Sprintf("SELECT * FROM (%s) WHERE %s", viewSQL(files, s, batches, true), e.Unkeyed(s.Name))
}

// receivedSQL is the receipt order of an event, as dedupe.PlaceOf, minus 2^63 so that it fits a BIGINT.
var receivedSQL = fmt.Sprintf("((%s - %d) * %d + %s)", FileColumn, (dedupe.MaxFile+1)/2, int64(dedupe.MaxRow+1), RowColumn)

// receivedAs returns the value of receivedSQL for a row.
func receivedAs(row Place) int64 {
	return (int64(row.File)-(dedupe.MaxFile+1)/2)*(dedupe.MaxRow+1) + row.Row
}

// foldedColumn returns a column of the single table, read from a stream's columns; null if the stream has none.
func foldedColumn(e *project.Events, s *project.Stream, f column.Field) string {
	own := ""
	switch {
	case f.Name == project.ReceivedColumn && s.Versions:
		return receivedSQL + " AS " + f.Name
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
