// Comparing tables, row by row, with what they are made of.

package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// Verified is the outcome of a comparison. The table is as it was published if Missing, Other, Days and Miscounted are 0.
type Verified struct {
	Table   string `json:"table"`
	Source  string `json:"source"`
	Rows    int64  `json:"rows"`    // that the table should have
	Missing int64  `json:"missing"` // rows that it lacks, or has with other values
	Other   int64  `json:"other"`   // rows that it has and should not, or has with other values
	Days    int64  `json:"days"`    // whose number of events is recorded wrongly in bursar_days; counted if all rows are right
	// Miscounted is how many rows too many, or too few, row_count of bursar_tables says; compared if all rows are right.
	Miscounted int64 `json:"miscounted"`
	OK         bool  `json:"ok"`
}

func (v *Verified) differing() int64 {
	return v.Missing + v.Other + v.Days + max(v.Miscounted, -v.Miscounted)
}

// Verify reads everything that a table was made of up to its last publication, and compares it with the rows of the table. The difference is
// recorded: bursar_freshness then says BROKEN for all its days. Publications go on meanwhile.
func (p *Publisher) Verify(ctx context.Context, table string) (out Verified, err error) {
	s, err := p.source(ctx, table)
	if err != nil {
		return out, err
	}
	db, err := p.Open(ctx)
	if err != nil {
		return out, err
	}
	v := verification{Publisher: p, source: s, db: db}
	if s.stream != nil {
		err = p.Events.Reread(func() error { return v.compare(ctx, v.events) })
	} else {
		err = v.compare(ctx, v.artifacts)
	}
	if err == nil && v.record != nil && v.out.differing() == 0 {
		v.out.Miscounted = v.record.rows - v.out.Rows
	}
	if v.changed { // none of its rows is what was published
		v.out.Missing, v.out.Other = 0, max(1, v.record.rows)
	}
	if err == nil || v.changed {
		err = errors.Join(err, v.writeBroken(ctx))
	}
	if err != nil {
		return out, fmt.Errorf("verify table %s: %w", table, err)
	}
	v.out.Table, v.out.Source, v.out.OK = table, s.name(), v.out.differing() == 0
	return v.out, nil
}

// verification compares a table with what it is made of.
type verification struct {
	*Publisher
	source

	db      warehouse.Database
	record  *record // in the state of the warehouse that is compared
	changed bool    // somebody has changed the table's columns
	out     Verified
}

// compare reads the record of the table, and calls fn in the same state of the warehouse. What fn reads of the project is newer, or as old.
func (v *verification) compare(ctx context.Context, fn func(context.Context, warehouse.Stager) error) error {
	return v.db.Compare(ctx, func(ctx context.Context, r warehouse.Stager) (err error) {
		if v.record, err = v.readRecord(ctx, r, v.source); err != nil {
			return err
		}
		if v.record == nil {
			return v.checkColumns(ctx, r, nil)
		}
		return fn(ctx, r)
	})
}

// checkColumns refuses a table with other columns than it should have now, and one that was not published.
func (v *verification) checkColumns(ctx context.Context, r warehouse.Reader, columns []column.Field) error {
	how, _, err := compare(ctx, v.db, r, v.source, v.record, columns)
	v.changed = v.record != nil && err != nil && failure.Of(err) == failure.Data
	if err == nil && how != fits {
		err = &BehindError{v.table}
	}
	return err
}

func (v *verification) events(ctx context.Context, r warehouse.Stager) error {
	at, err := v.streamPosition(ctx, v.stream)
	if err != nil {
		return err
	}
	columns := eventColumns(v.stream)
	if err := v.checkColumns(ctx, r, columns); err != nil {
		return err
	}
	if v.record.retraction != at.retraction || v.record.givenUp != at.givenUp || v.record.through > at.sealed {
		return &BehindError{v.table}
	}
	e := eventsPublication{Publisher: v.Publisher, db: v.db, source: v.source, columns: columns, at: at}
	stored, err := v.withArchived(ctx, r)
	if err != nil {
		return err
	}
	err = v.compareRows(ctx, r, stored, columns, e.allRows(ctx, v.record.through))
	if err != nil || v.out.differing() > 0 || v.stream.Time == "" {
		return err
	}
	v.out.Days, err = countDiffering(ctx, r, e.countedDays(stored), fmt.Sprintf("SELECT stream, batch, day, events FROM %s WHERE stream = %s", daysTable, warehouse.Literal(v.stream.Name)))
	return err
}

// countDiffering counts the rows that only one of two SELECTs has.
func countDiffering(ctx context.Context, r warehouse.Reader, a, b string) (int64, error) {
	return countRows(ctx, r, fmt.Sprintf("SELECT count(*) AS n FROM ((%s EXCEPT %s) UNION ALL (%[2]s EXCEPT %[1]s)) AS d", a, b))
}

func (v *verification) artifacts(ctx context.Context, r warehouse.Stager) error {
	return v.Pipelines.ReadPublished(ctx, v.pipeline.Name, func(ctx context.Context, a Artifacts) error {
		columns, key := artifactColumns(a, v.history)
		table := warehouse.Quote(v.db, v.table)
		if generation, run, _, _ := a.Generation(); v.record.generation != generation || v.record.through != run {
			return &BehindError{v.table}
		}
		if err := v.checkColumns(ctx, r, columns); err != nil {
			return err
		}
		p := artifactsPublication{Publisher: v.Publisher, source: v.source, db: v.db, artifacts: a, columns: columns, key: key}
		if !v.history {
			return v.compareRows(ctx, r, table, columns, p.all(ctx))
		}
		err := v.compareRows(ctx, r, table, stagedColumns(columns), p.ofRuns(ctx, 1, v.record.through, time.Time{}))
		if err == nil && v.out.differing() == 0 {
			v.out.Other, err = countRows(ctx, r, fmt.Sprintf(wrongEndsSQL, validTo, validFrom, warehouse.ExactList(v.db, key), RunColumn, table))
		}
		return err
	})
}

// wrongEndsSQL counts the versions that do not end when the next one of their key begins.
const wrongEndsSQL = `SELECT count(*) AS n FROM (SELECT %[1]s, lead(%[2]s) OVER (PARTITION BY %[3]s ORDER BY %[4]s) AS ended FROM %[5]s) AS v
WHERE %[1]s <> ended OR %[1]s IS NULL AND ended IS NOT NULL OR %[1]s IS NOT NULL AND ended IS NULL`

// writeBroken records how many rows differ, unless the table was published since.
func (v *verification) writeBroken(ctx context.Context) error {
	broken := v.out.differing()
	if broken == v.record.broken {
		return nil
	}
	return v.db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := ensureRecord(ctx, v.db, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("UPDATE %s SET broken = %d WHERE table_name = %s AND published = %s",
			tablesTable, broken, warehouse.Literal(v.table), valueSQL(v.db, v.record.published)))
		return err
	})
}

// allRows reads the events of the batches up to one.
func (e *eventsPublication) allRows(ctx context.Context, through uint64) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) {
		for first := uint64(1); first <= through; first += batchesAtOnce {
			batches, err := e.readBatches(ctx, first, min(through, first+batchesAtOnce-1))
			if err == nil {
				err = event.CheckObjects(ctx, e.Events.Objects, batches, e.Events.Workers)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for rows, err := range e.rows(ctx, batches) {
				if !yield(rows, err) || err != nil {
					return
				}
			}
		}
	}
}

// withArchived returns what stands for the rows of a stream's table after FROM: those in the table and those that are archived.
func (v *verification) withArchived(ctx context.Context, r warehouse.Stager) (string, error) {
	a, table := v.archived(v.stream), warehouse.Quote(v.db, v.table)
	rows, n, err := a.Rows(ctx, r, a.table)
	if err != nil || n == 0 {
		return table, err
	}
	from, _, err := r.Stage(ctx, a.table.Columns, rows)
	list := warehouse.QuoteAll(v.db, a.table.Columns)
	return fmt.Sprintf("(SELECT %s FROM %s UNION ALL SELECT %[1]s FROM %[3]s AS a) AS t", list, table, from), err
}

// compareRows stages the rows that the table should have, and counts those that differ from what table stands for.
func (v *verification) compareRows(ctx context.Context, r warehouse.Stager, table string, columns []column.Field, rows warehouse.Rows) error {
	from, n, err := r.Stage(ctx, columns, rows)
	if err != nil {
		return err
	}
	v.out.Rows = n
	list := warehouse.ExactList(v.db, columns)
	wanted, stored := fmt.Sprintf("SELECT %s FROM %s AS s", list, from), fmt.Sprintf("SELECT %s FROM %s", list, table)
	for _, c := range []struct {
		to           *int64
		these, those string
	}{{&v.out.Missing, wanted, stored}, {&v.out.Other, stored, wanted}} {
		if *c.to, err = countRows(ctx, r, fmt.Sprintf("SELECT count(*) AS n FROM (%s EXCEPT %s) AS d", c.these, c.those)); err != nil {
			return err
		}
	}
	all, err := countRows(ctx, r, "SELECT count(*) AS n FROM "+table)
	if twice := all + v.out.Missing - v.out.Other - n; err == nil && twice > 0 { // rows that are equal to others
		v.out.Other += twice
	}
	return err
}

func countRows(ctx context.Context, r warehouse.Reader, sql string) (n int64, err error) {
	err = r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		n = rows[0].Ints[0]
		return nil
	})
	return n, err
}
