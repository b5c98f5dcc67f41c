// The record of publications in the warehouse: the tables bursar_tables, bursar_sources, bursar_batches, bursar_days and bursar_runs, which
// change in the same transaction as the tables that they describe, and the view bursar_freshness.

package publish

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

const (
	tablesTable  = "bursar_tables"    // one row for each published table
	sourcesTable = "bursar_sources"   // the streams whose events are in each table
	batchesTable = "bursar_batches"   // one row for each batch whose events are in a table
	daysTable    = "bursar_days"      // how many events of a batch happened on each day (UTC)
	runsTable    = "bursar_runs"      // one row for each run whose artifacts are, or were, in a table
	freshness    = "bursar_freshness" // the view
)

func text(name string) column.Field {
	return column.Field{Name: name, Type: column.Type{Kind: column.String}}
}

func number(name string) column.Field {
	return column.Field{Name: name, Type: column.Type{Kind: column.BigInt}}
}

func instant(name string) column.Field {
	return column.Field{Name: name, Type: column.Type{Kind: column.Timestamp}}
}

// recordTables are the tables of the record, with their columns. Columns are only added, at the end.
var recordTables = map[string][]column.Field{
	tablesTable: {
		text("table_name"), text("source"), text("project"), number("generation"), number("through"), number("retraction"), number("given_up"),
		number("row_count"), number("quarantined"), instant("watermark"), instant("published"), text("definition"), number("broken"), instant("received"), text("all_view"),
		number("remade"),
	},
	sourcesTable: {text("table_name"), text("stream")},
	batchesTable: {text("stream"), number("batch"), instant("received"), number("events")},
	daysTable:    {text("stream"), number("batch"), {Name: "day", Type: column.Type{Kind: column.Date}}, number("events")},
	runsTable:    {text("pipeline"), number("generation"), number("run"), instant("received"), number("events"), number("artifacts")},
}

// freshnessSQL gives the verdict on each day of which a table, or the view of it and its archive, has events. UNKNOWN: events that are received
// until the end of the day (UTC) may be missing, or they are in a tier of the archive that is not read. CLAIMED: all that were accepted until then
// are there, but rows of the stream wait in quarantine. PROVEN: nothing waits, either. BROKEN: Verify has found rows that differ.
func freshnessSQL(db warehouse.Database) string {
	return fmt.Sprintf(`CREATE OR REPLACE VIEW bursar_freshness AS
SELECT e.table_name, e.day, e.watermark, e.events,
	CASE WHEN e.broken > 0 THEN 'BROKEN' WHEN min(a.tier) = 'cold' OR min(a.tier) = 'warm' AND e.table_name = e.base OR e.watermark IS NULL OR e.watermark < %s THEN 'UNKNOWN'
		WHEN e.quarantined > 0 THEN 'CLAIMED' ELSE 'PROVEN' END AS verdict,
	coalesce(min(a.tier), 'hot') AS tier
FROM (
	SELECT t.table_name, t.base, d.day, t.watermark, t.quarantined, t.broken, sum(d.events) AS events
	FROM (
		SELECT table_name, table_name AS base, watermark, quarantined, broken FROM bursar_tables
		UNION ALL SELECT all_view, table_name, watermark, quarantined, broken FROM bursar_tables WHERE all_view <> ''
	) t JOIN bursar_sources s ON s.table_name = t.base JOIN bursar_days d ON d.stream = s.stream
	GROUP BY t.table_name, t.base, d.day, t.watermark, t.quarantined, t.broken
) e LEFT JOIN bursar_archive a ON a.table_name = e.base AND a.first_day <= e.day AND e.day < a.until_day
GROUP BY e.table_name, e.base, e.day, e.watermark, e.events, e.quarantined, e.broken`, warehouse.MidnightSQL(db, "e.day + 1"))
}

// ensureRecord creates what is missing of the record.
func ensureRecord(ctx context.Context, db warehouse.Database, tx warehouse.Tx) error {
	for name, columns := range recordTables {
		if err := warehouse.Ensure(ctx, tx, warehouse.Definition{Name: name, Columns: columns}); err != nil {
			return err
		}
	}
	if err := archive.EnsureJournal(ctx, tx); err != nil {
		return err
	}
	view, _, err := tx.Table(ctx, freshness)
	if err == nil && view.Column("tier") == nil { // there is none, or an older one
		_, err = tx.Exec(ctx, freshnessSQL(db))
	}
	return err
}

// record is the row of a table in bursar_tables.
type record struct {
	table, source, project string
	generation, through    uint64
	retraction, givenUp    uint64
	rows, quarantined      int64
	broken                 int64 // rows that differed when the table was verified
	watermark              *time.Time
	published              *time.Time // when the record was written
	received               *time.Time // the last event of the batch or run that through names
	definition             string     // its columns, as definitionOf prints them
	allView                string     // the view of it and its archive; empty if there is none
	remade                 uint64     // how often the table was made from the beginning since the first time
}

// nextRemade is the number of a table that is made from the beginning.
func (r *record) nextRemade() uint64 {
	if r == nil {
		return 0
	}
	return r.remade + 1
}

// readRecords reads the records of one table, or of all if it is empty. There are none in a warehouse that was never used.
func readRecords(ctx context.Context, r warehouse.Reader, table string) (list []record, err error) {
	stored, found, err := r.Table(ctx, tablesTable)
	if err != nil || !found {
		return nil, err
	}
	var columns []column.Field // those that an earlier version has made, too
	for _, c := range recordTables[tablesTable] {
		if stored.Column(c.Name) != nil {
			columns = append(columns, c)
		}
	}
	sql := fmt.Sprintf("SELECT %s FROM %s", joined(names(columns)), tablesTable)
	if table != "" {
		sql += " WHERE table_name = " + warehouse.Literal(table)
	}
	err = r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		v := recordVectors(columns, rows)
		number := func(name string, i int) uint64 { return uint64(v[name].Ints[i]) }
		text := func(name string, i int) string { return string(v[name].Text(i)) }
		for i := range rows[0].Len() {
			list = append(list, record{
				table: text("table_name", i), source: text("source", i), project: text("project", i), definition: text("definition", i),
				generation: number("generation", i), through: number("through", i), retraction: number("retraction", i), givenUp: number("given_up", i),
				rows: v["row_count"].Ints[i], quarantined: v["quarantined"].Ints[i], broken: v["broken"].Ints[i],
				watermark: timeOf(v["watermark"], i), published: timeOf(v["published"], i), received: timeOf(v["received"], i),
				remade: number("remade", i),
			})
		}
		return nil
	})
	return list, err
}

// recordVectors returns the columns of records by name. Those that the table lacks are null: they are added when something is published.
func recordVectors(columns []column.Field, rows []column.Vector) map[string]*column.Vector {
	vectors := map[string]*column.Vector{}
	for i, c := range columns {
		vectors[c.Name] = &rows[i]
	}
	for _, c := range recordTables[tablesTable] {
		if vectors[c.Name] == nil {
			absent := column.NewVector(c.Type, rows[0].Len())
			for range rows[0].Len() {
				absent.AppendNull()
			}
			vectors[c.Name] = &absent
		}
	}
	return vectors
}

func timeOf(v *column.Vector, i int) *time.Time {
	if v.IsNull(i) {
		return nil
	}
	t := time.UnixMicro(v.Ints[i]).UTC()
	return &t
}

// hasOther reports whether the last batch or run of a record, the numbers of which go up to last, is another one by now: the project was put
// back from an older copy, and has given the number again. receivedAt returns when the one with a number was received.
func (r *record) hasOther(last uint64, receivedAt func(n uint64) (time.Time, error)) (bool, error) {
	if r == nil || r.through == 0 || r.through > last || r.received == nil {
		return false, nil
	}
	received, err := receivedAt(r.through)
	return err == nil && !received.Truncate(time.Microsecond).Equal(*r.received), err
}

// readRecord reads the record of one table; nil if there is none. Tables of another project are refused.
func (p *Publisher) readRecord(ctx context.Context, r warehouse.Reader, s source) (*record, error) {
	list, err := readRecords(ctx, r, s.table)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	found := &list[0]
	if found.project != p.ProjectID {
		return nil, warehouse.OtherProjectError("the tables in this schema are")
	}
	return found, nil
}

// writeRecord replaces the record of a table.
func writeRecord(ctx context.Context, db warehouse.Database, tx warehouse.Tx, r *record, streams []string, now time.Time) error {
	where := " WHERE table_name = " + warehouse.Literal(r.table)
	statements := []string{"DELETE FROM " + tablesTable + where, "DELETE FROM " + sourcesTable + where}
	for _, stream := range streams {
		statements = append(statements, insertSQL(db, sourcesTable, []any{r.table, stream}))
	}
	statements = append(statements, insertSQL(db, tablesTable, []any{
		r.table, r.source, r.project, r.generation, r.through, r.retraction, r.givenUp, r.rows, r.quarantined, r.watermark, &now, r.definition, r.broken, r.received, r.allView, r.remade,
	}))
	return execAll(ctx, tx, statements)
}

func execAll(ctx context.Context, tx warehouse.Tx, statements []string) error {
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// insertSQL inserts rows into a table of the record.
func insertSQL(db warehouse.Database, table string, rows ...[]any) string {
	columns := recordTables[table]
	names, list := make([]string, len(rows[0])), make([]string, len(rows))
	for i := range names {
		names[i] = column.QuoteIdentifier(columns[i].Name)
	}
	for i, row := range rows {
		values := make([]string, len(row))
		for j, value := range row {
			values[j] = valueSQL(db, value)
		}
		list[i] = "(" + joined(values) + ")"
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", table, joined(names), joined(list))
}

func valueSQL(db warehouse.Database, value any) string {
	switch value := value.(type) {
	case string:
		return warehouse.Literal(value)
	case int64:
		return strconv.FormatInt(value, 10)
	case uint64:
		return strconv.FormatUint(value, 10)
	case *time.Time:
		if value != nil {
			return "CAST(" + warehouse.Literal(value.UTC().Format("2006-01-02 15:04:05.999999+00")) + " AS " + db.Type(column.Type{Kind: column.Timestamp}) + ")"
		}
		return "NULL"
	}
	panic(fmt.Sprintf("bug: a value of type %T in the record of publications", value))
}

func joined(names []string) string { return strings.Join(names, ", ") }
