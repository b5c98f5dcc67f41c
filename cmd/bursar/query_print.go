// Prints the answers of the warehouse, and its tables.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/ask"
)

// answerPrinter prints rows in the format of the flags. The columns are known when the first rows are there.
type answerPrinter struct {
	*cli
	flags   *rowFlags
	w       io.Writer
	listing listing[answerRow]
	out     rowWriter[answerRow]
	names   [][]byte // of the columns, as JSON, if a row is an object
	row     []cell
	failed  error // an error of printing, not of the statement
}

// begin prints what comes before the rows.
func (p *answerPrinter) begin(columns []ask.Column) (err error) {
	fields, described := make([]column.Field, len(columns)), make([]answerColumn, len(columns))
	for i, c := range columns {
		fields[i], described[i] = c.Field, answerColumn{c.Field.Name, c.Type}
		if p.flags.format == jsonFormat {
			p.names = append(p.names, column.QuoteJSON(c.Field.Name))
		}
	}
	p.row = make([]cell, len(columns))
	p.listing = listing[answerRow]{name: "rows", first: map[string]any{"columns": described}, plain: true}
	p.out, err = newRowWriter(p.cli, p.flags, p.w, &p.listing, fields, nil)
	return err
}

// answerColumn is a column of an answer in JSON.
type answerColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (p *answerPrinter) take(columns []ask.Column, rows []column.Vector) error {
	if p.row == nil {
		p.failed = p.begin(columns)
	}
	if p.failed == nil {
		p.failed = p.write(rows)
	}
	return p.failed
}

func (p *answerPrinter) write(rows []column.Vector) error {
	for i := range rows[0].Len() {
		for j := range rows {
			p.row[j] = cell{&rows[j], i}
		}
		if err := p.out.write(answerRow{p.names, p.row}, p.row, ""); err != nil {
			return err
		}
	}
	return nil
}

// end prints what comes after the rows.
func (p *answerPrinter) end(answer ask.Answer) error {
	p.listing.more = map[string]any{"truncated": answer.Truncated}
	if p.out.close != nil {
		if err := p.out.close(); err != nil {
			return err
		}
	}
	switch rows := plural(answer.Rows, "row", "rows"); {
	case !p.flags.forPeople():
	case answer.Truncated:
		fmt.Fprintf(p.w, "%s, and there are more: --limit shows more, --to FILE writes all.\n", rows)
	default:
		fmt.Fprintf(p.w, "%s.\n", rows)
	}
	return nil
}

// answerRow is a row in JSON: an array, or an object if there are names.
type answerRow struct {
	names [][]byte
	cells []cell
}

// MarshalJSON writes the row.
func (r answerRow) MarshalJSON() ([]byte, error) { //nolint:unparam // as json.Marshaler demands
	isObject := r.names != nil
	text := []byte{'['}
	if isObject {
		text[0] = '{'
	}
	for i, v := range r.cells {
		if i > 0 {
			text = append(text, ',')
		}
		if isObject {
			text = append(append(text, r.names[i]...), ':')
		}
		text = appendAnswerJSON(text, v)
	}
	if isObject {
		return append(text, '}'), nil
	}
	return append(text, ']'), nil
}

// appendAnswerJSON appends a value. What a database takes for JSON and is none is a text.
func appendAnswerJSON(dst []byte, v cell) []byte {
	if v.Type.Kind == column.JSON && !v.IsNull(v.row) && !json.Valid(v.Text(v.row)) {
		return column.AppendJSON(dst, v.Text(v.row))
	}
	return v.AppendJSON(dst, v.row)
}

// tableItem is a table in JSON.
type tableItem struct {
	Table   string         `json:"table"`
	Kind    string         `json:"kind"`
	Columns []answerColumn `json:"columns"`
}

// listTables prints the tables and views of the warehouse.
func (c *cli) listTables(ctx context.Context, db warehouse.Database, o *rowFlags) error {
	tables, err := ask.Tables(ctx, db)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	names := namesOf(tables, func(t warehouse.Table) string { return t.Name })
	l := &listing[tableItem]{
		name: "tables", fields: typedFields("table string, kind string, columns string"), grid: newGrid("table", "kind", "columns").wrap("columns"),
		row:   func(t tableItem) []any { return []any{t.Table, t.Kind, columnTexts(t.Columns)} },
		cells: func(t tableItem) []string { return []string{t.Table, t.Kind, columnTexts(t.Columns)} },
		after: func(w io.Writer, _ int) {
			if !ask.HasData(names) {
				fmt.Fprintf(w, "No tables with data: %s.\n", nothingPublished)
			}
		},
	}
	o.limited = o.limited && o.limit > 0
	return printRows(c, o, l, func(add func(tableItem) error) error {
		for _, t := range tables {
			if err := add(newTableItem(t)); err != nil {
				return err
			}
		}
		return nil
	})
}

func newTableItem(t warehouse.Table) tableItem {
	item := tableItem{Table: t.Name, Kind: "table", Columns: make([]answerColumn, len(t.Columns))}
	if t.View {
		item.Kind = "view"
	}
	for i, c := range t.Columns {
		item.Columns[i] = answerColumn{c.Name, c.SQL}
	}
	return item
}

// columnTexts lists columns with their types.
func columnTexts(columns []answerColumn) string {
	return strings.Join(namesOf(columns, func(c answerColumn) string { return c.Name + " " + c.Type }), ", ")
}
