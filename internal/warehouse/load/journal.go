// The journal: tables beside those that are loaded, which say what each load has loaded.

package load

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// The tables of the journal.
const (
	loadsTable    = "bursar_loads"         // a row for each load
	objectsTable  = "bursar_load_objects"  // a row for each object whose rows are in a table
	stagedTable   = "bursar_load_staged"   // the same for the objects of loads that are not finished
	rejectedTable = "bursar_load_rejected" // a row for each rejected row
)

func field(name string, kind column.Kind) column.Field {
	return column.Field{Name: name, Type: column.Type{Kind: kind}}
}

var loadsColumns = []column.Field{
	field("load_number", column.BigInt), field("load", column.String), field("strategy", column.String), field("table_name", column.String),
	field("source", column.String), field("scope", column.String), field("columns", column.String), field("declaration", column.String), field("attempt", column.String),
	field("started", column.Timestamp), field("finished", column.Timestamp), // null: it is not finished
	field("objects", column.BigInt), field("row_count", column.BigInt), field("rejected", column.BigInt), field("bytes", column.BigInt),
	field("project", column.String), field("replaced", column.Bool),
}

var objectsColumns = []column.Field{
	field("load", column.String), field("object", column.String), field("size", column.BigInt), field("modified", column.Timestamp),
	field("etag", column.String), field("digest", column.String), field("period", column.String),
	field("row_count", column.BigInt), field("rejected", column.BigInt), field("load_number", column.BigInt),
	field("changed", column.BigInt), // in microseconds since 1970; null or 0: unknown
}

var rejectedColumns = []column.Field{
	field("load", column.String), field("load_number", column.BigInt), field("object", column.String), field("line", column.BigInt),
	field("column_name", column.String), field("reason", column.String), field("content", column.String),
}

// ensureJournal creates the tables of the journal unless they exist.
func ensureJournal(ctx context.Context, tx warehouse.Tx) error {
	err := warehouse.Ensure(ctx, tx, warehouse.Definition{Name: loadsTable, Columns: loadsColumns}, warehouse.Definition{Name: objectsTable, Columns: objectsColumns},
		warehouse.Definition{Name: stagedTable, Columns: objectsColumns}, warehouse.Definition{Name: rejectedTable, Columns: rejectedColumns})
	if err != nil {
		return fmt.Errorf("create the journal of loads: %w", err)
	}
	return nil
}

// record is a load in the journal.
type record struct {
	Number   int64
	Load     string
	Strategy string
	Table    string
	Source   string
	Scope    string // which objects it loads
	Columns  []definition
	Declared string // a digest of how rows are read
	Attempt  string // of this process: no other one has it
	Project  string // its id
	Replaced bool   // rows that were in the table before
	Started  time.Time
	Finished bool
}

// isSameWork reports whether two loads read the same objects in the same way.
func (r *record) isSameWork(o *record) bool {
	return r.Strategy == o.Strategy && r.Table == o.Table && r.Source == o.Source && r.Scope == o.Scope && r.Declared == o.Declared && slices.Equal(r.Columns, o.Columns)
}

// definition is a column as it was declared.
type definition struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Read string `json:"read,omitempty"` // how its values are read; empty for columns of where a row is from
}

func (r *run) define() []definition {
	list := make([]definition, len(r.columns))
	for i, f := range r.columns {
		list[i] = definition{f.Name, f.Type.String(), readText(r.declared, f.Name)}
	}
	return list
}

// object is an object in the journal.
type object struct {
	Object
	Digest         string // of its bytes; empty: unknown
	Period         string
	Rows, Rejected int64
	Number         int64 // of the load
}

// history is what the journal knows of a load.
type history struct {
	Last   *record // the last finished one
	Open   *record // one that is not finished
	Maker  *record // the last finished one of any load that made the table
	Table  *warehouse.Table
	Staged []object // by the open one

	lacksView bool // the table lacks the view of it and its archive

	known      map[column.Digest]known // by name
	lastPeriod project.Period          // of a time series, within its bounds
}

// known is an object that is loaded.
type known struct {
	version uint64
	changed int64
	listed  bool // it was found again
}

// isSame reports whether an object is as it was loaded.
func (k *known) isSame(o *Object) bool {
	return k.version == o.version() && sameChange(k.changed, o.Changed)
}

// readHistory reads what is known of a load and its table.
func (r *run) readHistory(ctx context.Context) error {
	return r.db().Read(ctx, func(ctx context.Context, reader warehouse.Reader) error {
		h := &r.history
		*h = history{known: map[column.Digest]known{}, lastPeriod: -1}
		t, found, err := reader.Table(ctx, r.declared.Table)
		if err != nil {
			return err
		}
		if found {
			h.Table = &t
		}
		if h.lacksView, err = r.lacksView(ctx, reader); err != nil {
			return err
		}
		if _, found, err = reader.Table(ctx, loadsTable); err != nil || !found {
			return err
		}
		if err := checkProject(ctx, reader, r.l.config.ProjectID); err != nil {
			return err
		}
		if err := h.readRecords(ctx, reader, r.declared.Name, r.declared.Table); err != nil {
			return err
		}
		if err := h.readKnown(ctx, reader, r.declared); err != nil || h.Open == nil {
			return err
		}
		return eachObject(ctx, reader, stagedTable, r.declared.Name, func(o *object) error {
			h.Staged = append(h.Staged, *o)
			return nil
		})
	})
}

// checkProject refuses the journal of another project.
func checkProject(ctx context.Context, r warehouse.Reader, project string) error {
	foreign, err := numbers(ctx, r, fmt.Sprintf("SELECT count(*) FROM %s WHERE project <> %s", loadsTable, warehouse.Literal(project)))
	if err == nil && foreign[0] > 0 {
		err = warehouse.OtherProjectError("the loads in this schema are")
	}
	return err
}

// readKnown reads what is needed of all objects.
func (h *history) readKnown(ctx context.Context, r warehouse.Reader, l *project.Load) error {
	changed, err := changedColumn(ctx, r, objectsTable)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("SELECT object, size, modified, etag, period, %s FROM %s WHERE load = %s", changed, objectsTable, warehouse.Literal(l.Name))
	return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			version := version(rows[1].Ints[i], rows[2].Ints[i], rows[3].Text(i))
			h.known[column.Sum128(rows[0].Text(i))] = known{version: version, changed: rows[5].Ints[i]}
			if l.Series == nil {
				continue
			}
			if p, err := l.Series.By.Parse(string(rows[4].Text(i))); err == nil && l.Series.Includes(p) { // a series of other periods is refused
				h.lastPeriod = max(h.lastPeriod, p)
			}
		}
		return nil
	})
}

// changedColumn selects the time of the last change from a table of the journal: an earlier version has not recorded it.
func changedColumn(ctx context.Context, r warehouse.Reader, table string) (string, error) {
	t, _, err := r.Table(ctx, table)
	if err == nil && t.Column("changed") == nil {
		return "CAST(0 AS BIGINT)", nil
	}
	return "coalesce(changed, 0)", err
}

func nameDigest(name string) column.Digest { return column.Sum128([]byte(name)) }

func (h *history) readRecords(ctx context.Context, r warehouse.Reader, load, table string) error {
	sql := fmt.Sprintf(`SELECT load_number, load, strategy, table_name, source, scope, columns, declaration, attempt, started, finished, project, replaced FROM %s
WHERE load = %s OR table_name = %s ORDER BY load_number`, loadsTable, warehouse.Literal(load), warehouse.Literal(table))
	return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			one := record{
				Number: rows[0].Ints[i], Load: string(rows[1].Text(i)), Strategy: string(rows[2].Text(i)), Table: string(rows[3].Text(i)),
				Source: string(rows[4].Text(i)), Scope: string(rows[5].Text(i)), Declared: string(rows[7].Text(i)), Attempt: string(rows[8].Text(i)),
				Started: time.UnixMicro(rows[9].Ints[i]).UTC(), Finished: !rows[10].IsNull(i),
				Project: string(rows[11].Text(i)), Replaced: rows[12].Ints[i] != 0,
			}
			if err := json.Unmarshal(rows[6].Text(i), &one.Columns); err != nil {
				return fmt.Errorf("read journal: load %d: columns: %w", one.Number, err)
			}
			h.add(&one, load, table)
		}
		return nil
	})
}

func (h *history) add(one *record, load, table string) {
	if one.Finished && one.Table == table {
		h.Maker = one
	}
	switch {
	case one.Load != load:
	case one.Finished:
		h.Last = one
	default:
		h.Open = one
	}
}

// eachObject calls each with the objects of a load in a table of the journal.
func eachObject(ctx context.Context, r warehouse.Reader, table, load string, each func(*object) error) error {
	changed, err := changedColumn(ctx, r, table)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("SELECT object, size, modified, etag, digest, period, row_count, rejected, load_number, %s FROM %s WHERE load = %s", changed, table, warehouse.Literal(load))
	return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			o := object{
				Object: Object{
					Name: string(rows[0].Text(i)), Size: rows[1].Ints[i], Modified: time.UnixMicro(rows[2].Ints[i]).UTC(), ETag: string(rows[3].Text(i)), Changed: rows[9].Ints[i],
				},
				Digest: string(rows[4].Text(i)), Period: string(rows[5].Text(i)), Rows: rows[6].Ints[i], Rejected: rows[7].Ints[i], Number: rows[8].Ints[i],
			}
			if err := each(&o); err != nil {
				return err
			}
		}
		return nil
	})
}

// appendObjects adds objects to a table of the journal.
func appendObjects(ctx context.Context, tx warehouse.Tx, table, load string, list []object) error {
	_, err := tx.Append(ctx, table, objectsColumns, inBatches(objectsColumns, slices.Values(list), func(v []column.Vector, o object) {
		setTexts(v, map[int]string{0: load, 1: o.Name, 4: o.ETag, 5: o.Digest, 6: o.Period})
		for i, n := range map[int]int64{2: o.Size, 3: o.Modified.UnixMicro(), 7: o.Rows, 8: o.Rejected, 9: o.Number, 10: o.Changed} {
			v[i].AppendInt(n)
		}
	}))
	return err
}

func setTexts(v []column.Vector, texts map[int]string) {
	for i, text := range texts {
		v[i].AppendText([]byte(text))
	}
}

// appendRecord adds a load to the journal.
func appendRecord(ctx context.Context, tx warehouse.Tx, one *record, finished time.Time, sums *sums) error {
	columns, err := json.Marshal(one.Columns)
	if err != nil {
		return err
	}
	replaced := int64(0)
	if one.Replaced {
		replaced = 1
	}
	v := column.NewVectors(column.Types(loadsColumns), 1)
	setTexts(v, map[int]string{
		1: one.Load, 2: one.Strategy, 3: one.Table, 4: one.Source, 5: one.Scope, 6: string(columns), 7: one.Declared, 8: one.Attempt, 15: one.Project,
	})
	for i, n := range map[int]int64{0: one.Number, 9: one.Started.UnixMicro(), 11: sums.Objects, 12: sums.Rows, 13: sums.Rejected, 14: sums.Bytes, 16: replaced} {
		v[i].AppendInt(n)
	}
	if finished.IsZero() {
		v[10].AppendNull()
	} else {
		v[10].AppendInt(finished.UnixMicro())
	}
	_, err = tx.Append(ctx, loadsTable, loadsColumns, func(yield func([]column.Vector, error) bool) { yield(v, nil) })
	return err
}

// never is the end of a load that is not finished.
var never time.Time

// sums are those of a load.
type sums struct{ Objects, Rows, Rejected, Bytes int64 }

func (s *sums) add(list []object) {
	for i := range list {
		s.Objects++
		s.Rows += list[i].Rows
		s.Rejected += list[i].Rejected
		s.Bytes += list[i].Size
	}
}

// numbers reads one row of whole numbers.
func numbers(ctx context.Context, r warehouse.Reader, sql string) (list []int64, err error) {
	err = r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows {
			if rows[i].Len() > 0 {
				list = append(list, int64(rows[i].Unscaled(0).LowBits()))
			}
		}
		return nil
	})
	return list, err
}
