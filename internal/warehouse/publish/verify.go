// Comparing tables, row by row, with what they are made of.

package publish

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/warehouse"
)

// Verified is the outcome of a comparison. The table is as it was published if Missing and Other are 0.
type Verified struct {
	Table   string `json:"table"`
	Source  string `json:"source"`
	Rows    int64  `json:"rows"`    // that the table should have
	Missing int64  `json:"missing"` // rows that it lacks, or has with other values
	Other   int64  `json:"other"`   // rows that it has and should not, or has with other values
	OK      bool   `json:"ok"`
}

// Verify reads everything that a table was made of up to its last publication, and compares it with the rows of the table. The difference is
// recorded: bursar_freshness then says BROKEN for all its days.
func (p *Publisher) Verify(ctx context.Context, table string) (out Verified, err error) {
	s, err := p.source(ctx, table)
	if err != nil {
		return out, err
	}
	db, err := p.Open(ctx)
	if err != nil {
		return out, err
	}
	out = Verified{Table: table, Source: s.name()}
	if s.stream != nil {
		err = p.Events.Reread(func() error { return p.verifyEvents(ctx, db, s, &out) })
	} else {
		err = p.Pipelines.ReadPublished(ctx, s.pipeline.Name, func(ctx context.Context, a Artifacts) error { return p.verifyArtifacts(ctx, db, s, a, &out) })
	}
	if err != nil {
		return out, fmt.Errorf("verify table %s: %w", table, err)
	}
	out.OK = out.Missing == 0 && out.Other == 0
	return out, nil
}

// verifiedRecord reads the record of a table that was published, and refuses other columns than those that it has now.
func (p *Publisher) verifiedRecord(ctx context.Context, db warehouse.Database, tx warehouse.Tx, s source, columns []column.Field) (*record, error) {
	r, err := p.readRecord(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	how, _, err := compare(ctx, db, tx, s, r, columns)
	switch {
	case err != nil:
		return nil, err
	case how != fits || r == nil:
		return nil, &BehindError{s.table}
	}
	return r, nil
}

func (p *Publisher) verifyEvents(ctx context.Context, db warehouse.Database, s source, out *Verified) error {
	at, err := p.streamPosition(ctx, s.stream)
	if err != nil {
		return err
	}
	columns := eventColumns(s.stream)
	return db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		r, err := p.verifiedRecord(ctx, db, tx, s, columns)
		if err != nil {
			return err
		}
		if r.retraction != at.retraction || r.givenUp != at.givenUp || r.through > at.sealed {
			return &BehindError{s.table}
		}
		e := eventsPublication{Publisher: p, db: db, tx: tx, source: s, columns: columns, at: at}
		return compareRows(ctx, db, tx, s.table, columns, e.allRows(ctx, r.through), out)
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

func (p *Publisher) verifyArtifacts(ctx context.Context, db warehouse.Database, s source, a Artifacts, out *Verified) error {
	columns, key := artifactColumns(a, s.history)
	return db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		r, err := p.verifiedRecord(ctx, db, tx, s, columns)
		if err != nil {
			return err
		}
		if generation, run, _, _ := a.Generation(); r.generation != generation || r.through != run {
			return &BehindError{s.table}
		}
		v := artifactsPublication{Publisher: p, source: s, db: db, tx: tx, artifacts: a, columns: columns, key: key, record: &record{}}
		if !s.history {
			return compareRows(ctx, db, tx, s.table, columns, v.all(ctx), out)
		}
		return compareRows(ctx, db, tx, s.table, stagedColumns(columns), v.ofRuns(ctx, s.table, 1, r.through), out)
	})
}

// compareRows stages the rows that a table should have, and counts those that differ.
func compareRows(ctx context.Context, db warehouse.Database, tx warehouse.Tx, table string, columns []column.Field, rows warehouse.Rows, out *Verified) error {
	from, n, err := tx.Stage(ctx, columns, rows)
	if err != nil {
		return err
	}
	out.Rows = n
	list := warehouse.QuoteAll(db, columns)
	wanted, stored := fmt.Sprintf("SELECT %s FROM %s AS s", list, from), fmt.Sprintf("SELECT %s FROM %s", list, warehouse.Quote(db, table))
	for _, c := range []struct {
		to           *int64
		these, those string
	}{{&out.Missing, wanted, stored}, {&out.Other, stored, wanted}} {
		if *c.to, err = countRows(ctx, tx, fmt.Sprintf("SELECT count(*) AS n FROM (%s EXCEPT %s) AS d", c.these, c.those)); err != nil {
			return err
		}
	}
	if stored, err := countRows(ctx, tx, "SELECT count(*) AS n FROM "+warehouse.Quote(db, table)); err != nil {
		return err
	} else if twice := stored + out.Missing - out.Other - n; twice > 0 { // rows that are equal to others
		out.Other += twice
	}
	_, err = tx.Exec(ctx, fmt.Sprintf("UPDATE %s SET broken = %d WHERE table_name = %s", tablesTable, out.Missing+out.Other, literal(table)))
	return err
}

func countRows(ctx context.Context, tx warehouse.Tx, sql string) (n int64, err error) {
	err = tx.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		n = rows[0].Ints[0]
		return nil
	})
	return n, err
}
