// The journal in the warehouse: bursar_archive has a row for each part of a period that is archived, bursar_archive_dropped the objects that are
// not parts any more, and bursar_archive_kept the periods that were restored for a while. They change in the transactions of moves.

package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/warehouse"
)

const (
	// Journal is the table of the parts.
	Journal      = "bursar_archive"
	droppedTable = "bursar_archive_dropped"
	keptTable    = "bursar_archive_kept"
)

// Part is rows of a period that were archived together.
type Part struct {
	Summary

	Table  string             `json:"table"`
	Period Period             `json:"period"`
	Number int64              `json:"part"` // among those of the period
	Tier   Tier               `json:"tier"`
	Object object.Description `json:"object"`
	Moved  time.Time          `json:"moved"`

	periodColumn string
	columns      []column.Field
	first, last  int64 // of the column Source; both 0: unknown
	project      string
}

func field(name string, kind column.Kind) column.Field {
	return column.Field{Name: name, Type: column.Type{Kind: kind}}
}

// journalColumns are the columns of the journal. Columns are only added, at the end.
var journalColumns = []column.Field{
	field("table_name", column.String), field("first_day", column.Date), field("until_day", column.Date), field("part", column.BigInt),
	field("tier", column.String), field("row_count", column.BigInt), field("totals", column.JSON), field("moved", column.Timestamp),
	field("object", column.String), field("object_bytes", column.BigInt), field("object_digest", column.String), field("rows_digest", column.String),
	field("period_column", column.String), field("columns", column.String), field("first_source", column.BigInt), field("last_source", column.BigInt),
	field("project", column.String),
}

var droppedColumns = []column.Field{field("object", column.String), field("dropped", column.Timestamp)}

var keptColumns = []column.Field{field("table_name", column.String), field("first_day", column.Date), field("until_day", column.Date), field("kept_until", column.Timestamp)}

// EnsureJournal creates the journal if it is missing.
func EnsureJournal(ctx context.Context, tx warehouse.Tx) error {
	return warehouse.Ensure(ctx, tx, warehouse.Definition{Name: Journal, Columns: journalColumns},
		warehouse.Definition{Name: droppedTable, Columns: droppedColumns}, warehouse.Definition{Name: keptTable, Columns: keptColumns},
		warehouse.Definition{Name: identityTable, Columns: identityColumns})
}

// Parts reads the parts of one table, or of all if it is empty, sorted by table, period and number. There are none in a warehouse without a
// journal.
func Parts(ctx context.Context, r warehouse.Reader, table string) (list []Part, err error) {
	if _, found, err := r.Table(ctx, Journal); err != nil || !found {
		return nil, err
	}
	names := make([]string, len(journalColumns))
	for i, c := range journalColumns {
		names[i] = column.QuoteIdentifier(c.Name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + Journal
	if table != "" {
		sql += " WHERE table_name = " + warehouse.Literal(table)
	}
	var failed error
	err = r.Query(ctx, sql+" ORDER BY table_name, first_day, until_day, part", func(_ []warehouse.Column, v []column.Vector) error {
		for i := range v[0].Len() {
			p, err := readPart(v, i)
			if err != nil {
				failed = failure.Wrap(failure.Data, fmt.Errorf("read table %s: %w: somebody has changed it", Journal, err))
				return failed
			}
			list = append(list, p)
		}
		return nil
	})
	return list, errors.Join(failed, err)
}

func readPart(v []column.Vector, i int) (p Part, err error) {
	text := func(c int) string { return string(v[c].Text(i)) }
	for c := range v {
		if v[c].IsNull(i) && c < 14 {
			return p, fmt.Errorf("%s is null", journalColumns[c].Name)
		}
	}
	p = Part{
		Table: text(0), Period: Period{dayOf(v[1].Ints[i]), dayOf(v[2].Ints[i])}, Number: v[3].Ints[i], Tier: Tier(text(4)),
		Summary: Summary{Rows: v[5].Ints[i]}, Moved: time.UnixMicro(v[7].Ints[i]).UTC(),
		Object:       object.Description{Name: text(8), Rows: v[5].Ints[i], Bytes: v[9].Ints[i], Digest: text(10)},
		periodColumn: text(12), project: text(16),
	}
	if !v[14].IsNull(i) && !v[15].IsNull(i) {
		p.first, p.last = v[14].Ints[i], v[15].Ints[i]
	}
	if err := json.Unmarshal(v[6].Text(i), &p.Totals); err != nil {
		return p, err
	}
	if p.Digest, err = column.ParseDigest(v[11].Text(i)); err != nil {
		return p, err
	}
	p.columns, err = parseColumns(text(13))
	return p, err
}

// columnsText prints columns as the journal keeps them.
func columnsText(columns []column.Field) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name + " " + c.Type.String()
	}
	return strings.Join(list, ", ")
}

func parseColumns(text string) (columns []column.Field, err error) {
	for _, one := range strings.Split(text, ", ") {
		name, of, _ := strings.Cut(one, " ")
		c := column.Field{Name: name}
		if c.Type, err = column.ParseType(of); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// addPart adds a part to the journal.
func addPart(ctx context.Context, tx warehouse.Tx, p *Part) error {
	totals, err := json.Marshal(p.Totals)
	if err != nil {
		return err
	}
	v := column.NewVectors(column.Types(journalColumns), 1)
	for i, value := range []any{
		p.Table, p.Period.First.Unix() / 86_400, p.Period.Until.Unix() / 86_400, p.Number, string(p.Tier), p.Rows, string(totals), p.Moved.UnixMicro(),
		p.Object.Name, p.Object.Bytes, p.Object.Digest, p.Digest.String(), p.periodColumn, columnsText(p.columns), p.first, p.last, p.project,
	} {
		switch value := value.(type) {
		case string:
			v[i].AppendText([]byte(value))
		case int64:
			v[i].AppendInt(value)
		}
	}
	_, err = tx.Append(ctx, Journal, journalColumns, oneBlock(v))
	return err
}

func oneBlock(v []column.Vector) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) { yield(v, nil) }
}

// dropParts removes parts from the journal, and records that their objects are not needed any more.
func dropParts(ctx context.Context, tx warehouse.Tx, parts []Part, now time.Time) error {
	v := column.NewVectors(column.Types(droppedColumns), len(parts))
	for i := range parts {
		n, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE object = %s", Journal, warehouse.Literal(parts[i].Object.Name)))
		if err != nil {
			return err
		}
		if n != 1 {
			return errChanged
		}
		v[0].AppendText([]byte(parts[i].Object.Name))
		v[1].AppendInt(now.UnixMicro())
	}
	if len(parts) == 0 {
		return nil
	}
	_, err := tx.Append(ctx, droppedTable, droppedColumns, oneBlock(v))
	return err
}

// errChanged reports that rows or parts are not those that were read before: another process has changed them meanwhile.
var errChanged = failure.Wrap(failure.Transient, errors.New("the rows have changed meanwhile"))

// own refuses parts of another project.
func (a *Archiver) own(parts []Part) error {
	if slices.ContainsFunc(parts, func(p Part) bool { return p.project != a.ProjectID }) {
		return warehouse.OtherProjectError("the archive in this schema is")
	}
	return nil
}

// parts reads the parts of one table of this project, or of all.
func (a *Archiver) parts(ctx context.Context, r warehouse.Reader, table string) ([]Part, error) {
	list, err := Parts(ctx, r, table)
	if err == nil {
		err = a.own(list)
	}
	return list, err
}

// List reads all parts.
func (a *Archiver) List(ctx context.Context) (list []Part, err error) {
	db, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) (err error) {
		list, err = a.parts(ctx, r, "")
		return err
	})
	return list, err
}
