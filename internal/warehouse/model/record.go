// The record of runs in the warehouse: the tables bursar_models and bursar_model_sources, which change in the same transaction as the models.

package model

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/publish"
)

const (
	modelsTable  = "bursar_models"        // one row for each model, about its last run
	sourcesTable = "bursar_model_sources" // how far the published tables were that it has read
)

var (
	textType   = column.Type{Kind: column.String}
	numberType = column.Type{Kind: column.BigInt}
)

var modelsColumns = []column.Field{
	{Name: "model", Type: textType},
	{Name: "project", Type: textType},
	{Name: "materialize", Type: textType},
	{Name: "definition", Type: textType},
	{Name: "run", Type: numberType},
	{Name: "row_count", Type: numberType},
	{Name: "started", Type: column.Type{Kind: column.Timestamp}},
	{Name: "seconds", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 3}},
}

var sourcesColumns = []column.Field{
	{Name: "model", Type: textType},
	{Name: "table_name", Type: textType},
	{Name: "generation", Type: numberType},
	{Name: "through", Type: numberType},
	{Name: "retraction", Type: numberType},
	{Name: "given_up", Type: numberType},
	{Name: "remade", Type: numberType},
}

// record is what the warehouse has of a model's last run.
type record struct {
	materialize project.Materialization
	definition  string
	run         int64
	rows        *int64 // nil for a view
	started     time.Time
	seconds     string
	sources     map[string]publish.Position
}

// position returns how far the published tables were.
func (r *record) position() map[string]uint64 {
	through := map[string]uint64{}
	for table, p := range r.sources {
		through[table] = p.Through
	}
	return through
}

// definitionOf is a digest of what a model's rows are made by.
func definitionOf(m *project.Model) string {
	text := fmt.Sprintf("%s %q %q", m.Materialize, m.Key, m.SQL)
	for _, p := range m.Parameters {
		text += fmt.Sprintf(" %s %s %q", p.Name, p.Type, p.Default)
	}
	return column.Sum128([]byte(text)).String()
}

// ensureRecords creates the tables of the record.
func ensureRecords(ctx context.Context, tx warehouse.Tx) error {
	return warehouse.Ensure(ctx, tx, warehouse.Definition{Name: modelsTable, Columns: modelsColumns}, warehouse.Definition{Name: sourcesTable, Columns: sourcesColumns})
}

// readRecords reads the records of all models, by name. There are none in a warehouse without a run.
func (r *Runner) readRecords(ctx context.Context, from warehouse.Reader) (map[string]*record, error) {
	records := map[string]*record{}
	if _, found, err := from.Table(ctx, modelsTable); err != nil || !found {
		return records, err
	}
	foreign := false
	sql := "SELECT model, project, materialize, definition, run, row_count, started, seconds FROM " + modelsTable
	err := from.Query(ctx, sql, func(_ []warehouse.Column, v []column.Vector) error {
		for i := range v[0].Len() {
			n := &record{
				materialize: project.Materialization(v[2].Text(i)), definition: string(v[3].Text(i)), run: v[4].Ints[i],
				started: time.UnixMicro(v[6].Ints[i]).UTC(), seconds: string(v[7].AppendPlain(nil, i)), sources: map[string]publish.Position{},
			}
			if !v[5].IsNull(i) {
				rows := v[5].Ints[i]
				n.rows = &rows
			}
			foreign = foreign || string(v[1].Text(i)) != r.ProjectID
			records[string(v[0].Text(i))] = n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if foreign {
		return nil, warehouse.OtherProjectError("the models in this schema are")
	}
	return records, readSources(ctx, from, records)
}

func readSources(ctx context.Context, from warehouse.Reader, records map[string]*record) error {
	table, _, err := from.Table(ctx, sourcesTable)
	if err != nil {
		return err
	}
	remade := "remade"
	if table.Column(remade) == nil { // an earlier version has made the table
		remade = "0"
	}
	sql := fmt.Sprintf("SELECT model, table_name, generation, through, retraction, given_up, %s AS remade FROM %s", remade, sourcesTable)
	return from.Query(ctx, sql, func(_ []warehouse.Column, v []column.Vector) error {
		for i := range v[0].Len() {
			if n := records[string(v[0].Text(i))]; n != nil {
				n.sources[string(v[1].Text(i))] = publish.Position{
					Generation: uint64(v[2].Ints[i]), Through: uint64(v[3].Ints[i]), Retraction: uint64(v[4].Ints[i]), GivenUp: uint64(v[5].Ints[i]),
					Remade: uint64(v[6].Ints[i]),
				}
			}
		}
		return nil
	})
}

// writeRecord replaces the record of a model.
func (b *build) writeRecord(ctx context.Context, n *Node, now *record) error {
	name := warehouse.Literal(n.Model.Name)
	rows := "NULL"
	if now.rows != nil {
		rows = fmt.Sprint(*now.rows)
	}
	statements := []string{
		fmt.Sprintf("DELETE FROM %s WHERE model = %s", modelsTable, name),
		fmt.Sprintf("DELETE FROM %s WHERE model = %s", sourcesTable, name),
		fmt.Sprintf("INSERT INTO %s (model, project, materialize, definition, run, row_count, started, seconds) VALUES (%s, %s, %s, %s, %d, %s, %s, %s)", modelsTable, name,
			warehouse.Literal(b.ProjectID), warehouse.Literal(string(now.materialize)), warehouse.Literal(now.definition), now.run, rows, instantLiteral(&now.started, b.db.Type), now.seconds),
	}
	var sources []string
	for table, p := range now.sources {
		sources = append(sources, fmt.Sprintf("(%s, %s, %d, %d, %d, %d, %d)", name, warehouse.Literal(table), p.Generation, p.Through, p.Retraction, p.GivenUp, p.Remade))
	}
	if slices.Sort(sources); len(sources) > 0 {
		statements = append(statements, fmt.Sprintf("INSERT INTO %s (model, table_name, generation, through, retraction, given_up, remade) VALUES %s", sourcesTable, strings.Join(sources, ", ")))
	}
	for _, sql := range statements {
		if _, err := b.tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
