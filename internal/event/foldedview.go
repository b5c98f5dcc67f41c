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

// FoldedFields are the columns of FoldedSQL: those of the events, then what their ids and keys lie in and the source,
// hidden.
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
	add(column.Field{Name: FileColumn, Type: column.Type{Kind: column.BigInt}, Required: true})
	add(column.Field{Name: RowColumn, Type: column.Type{Kind: column.BigInt}, Required: true})
	return fields
}

// FoldedSQL is a SELECT over the events of batches of any of the streams, as the one table that a pipeline folds: those that have
// a key. The others are those of UnkeyedSQL.
func FoldedSQL(files object.Local, e *project.Events, batches []Batch) string {
	return foldedSQL(files, e, batches, func(view string) string { return view })
}

// FoldedPartSQL is FoldedSQL over the events for which a condition holds. No expression of the key is evaluated on others.
func FoldedPartSQL(files object.Local, e *project.Events, batches []Batch, condition string) string {
	return foldedSQL(files, e, batches, func(view string) string {
		return fmt.Sprintf("WITH part AS MATERIALIZED (SELECT * FROM (%s) WHERE %s) SELECT * FROM part", view, condition)
	})
}

// foldedSQL takes what it is to take of each stream's events.
func foldedSQL(files object.Local, e *project.Events, batches []Batch, wrap func(view string) string) string {
	fields := FoldedFields(e)
	var selects []string
	for _, s := range e.Streams {
		var own []Batch
		for _, b := range batches {
			if b.Stream == s.Name {
				own = append(own, b)
			}
		}
		if len(own) == 0 {
			continue
		}
		list := make([]string, len(fields))
		for i, f := range fields {
			list[i] = foldedColumn(e, s, f)
		}
		sql := fmt.Sprintf("SELECT %s FROM (%s)", strings.Join(list, ", "), wrap(viewSQL(files, s, own, true)))
		if unkeyed := e.Unkeyed(s.Name); unkeyed != "" {
			sql += " WHERE NOT (" + unkeyed + ")"
		}
		selects = append(selects, sql)
	}
	if len(selects) == 0 {
		return noRows(fields)
	}
	return strings.Join(selects, "\nUNION ALL\n")
}

// UnkeyedSQL is a SELECT over the events of a stream's batches that have no key, in the stream's own columns.
func UnkeyedSQL(files object.Local, e *project.Events, s *project.Stream, batches []Batch) string {
	return fmt.Sprintf("SELECT * FROM (%s) WHERE %s", viewSQL(files, s, batches, true), e.Unkeyed(s.Name))
}

// receivedSQL is where an event was received, in the order of dedupe.PlaceOf: less 2^63, so that all places are numbers of a BIGINT.
var receivedSQL = fmt.Sprintf("((%s - %d) * %d + %s)", FileColumn, (dedupe.MaxFile+1)/2, int64(dedupe.MaxRow+1), RowColumn)

// receivedAs is what receivedSQL gives for a row.
func receivedAs(row Place) int64 {
	return (int64(row.File)-(dedupe.MaxFile+1)/2)*(dedupe.MaxRow+1) + row.Row
}

// foldedColumn is a column of the one table in the terms of a stream's own: null where it has none.
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
			own = id.Of[s.Name]
		}
	}
	for _, k := range e.Key {
		if k.Event != f.Name {
			continue
		}
		part := k.Of[s.Name]
		if own = part.Column; own == "" {
			return fmt.Sprintf("CAST(%s AS %s) AS %s", part.SQL, f.Type.SQL(), column.QuoteIdentifier(f.Name))
		}
	}
	switch {
	case own == "":
		return nullSQL(f)
	case own == f.Name && (s.Column(own) == nil || s.Column(own).Type.String() == f.Type.String()):
		return column.QuoteIdentifier(own)
	}
	return fmt.Sprintf("CAST(%s AS %s) AS %s", column.QuoteIdentifier(own), f.Type.SQL(), column.QuoteIdentifier(f.Name))
}
