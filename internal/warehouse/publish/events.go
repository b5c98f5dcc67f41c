// Publishing the accepted events of a stream.

package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// BatchColumn is the column of an event's batch. Together with event.FileColumn and event.RowColumn it says where the event was read.
const BatchColumn = "_batch"

// eventColumns returns the columns of a stream's table.
func eventColumns(s *project.Stream) []column.Field {
	return append(event.Fields(s), column.Field{Name: BatchColumn, Type: column.Type{Kind: column.BigInt}, Required: true})
}

// streamPosition is what the catalog has of a stream.
type streamPosition struct {
	sealed, retraction, givenUp uint64
}

func (p *Publisher) streamPosition(ctx context.Context, s *project.Stream) (at streamPosition, err error) {
	err = p.Events.Catalog.View(ctx, func(tx catalog.Tx) error {
		if err := event.CheckGrowthIn(tx, s); err != nil {
			return err
		}
		state, err := event.GetState(tx, s.Name)
		at.sealed, at.retraction = state.Batches, state.Retractions
		return err
	})
	if err != nil {
		return at, err
	}
	givenUp, err := event.ListGivenUp(ctx, p.Events.Catalog, s.Name)
	at.givenUp = uint64(len(givenUp))
	return at, err
}

// isBehind reports whether a stream's table lacks something of the position, or has something else.
func (p *Publisher) isBehind(ctx context.Context, s *project.Stream, r *record, at streamPosition) (bool, error) {
	if r == nil || r.through != at.sealed || r.retraction != at.retraction || r.givenUp != at.givenUp || r.definition != definitionOf(eventColumns(s)) {
		return true, nil
	}
	other, err := r.hasOther(at.sealed, p.sealedAt(ctx, s.Name))
	if err != nil || other {
		return other, err
	}
	quarantined, err := p.quarantined(ctx, []string{s.Name}, r.watermark)
	return quarantined != r.quarantined, err
}

// sealedAt returns a function that returns when a batch was sealed.
func (p *Publisher) sealedAt(ctx context.Context, stream string) func(n uint64) (time.Time, error) {
	return func(n uint64) (time.Time, error) {
		b, err := p.Events.Batch(ctx, stream, n)
		return b.Sealed, err
	}
}

func (p *Publisher) publishEvents(ctx context.Context, db warehouse.Database, s source) (out Result, err error) {
	err = p.Events.Reread(func() error {
		return db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
			at, err := p.streamPosition(ctx, s.stream) // in turn: whoever wrote before may have known more
			if err != nil {
				return err
			}
			e := eventsPublication{Publisher: p, db: db, tx: tx, source: s, columns: eventColumns(s.stream), at: at, archive: p.archived(s.stream)}
			err = e.publish(ctx)
			out = e.out
			return err
		})
	})
	return out, err
}

// eventsPublication publishes events within one transaction of the warehouse.
type eventsPublication struct {
	*Publisher
	source

	db      warehouse.Database
	tx      warehouse.Tx
	columns []column.Field
	at      streamPosition
	archive archived
	record  *record
	next    string // the table that will take the place of this one; empty: rows are added to this one
	out     Result
}

func (e *eventsPublication) publish(ctx context.Context) error {
	if err := ensureRecord(ctx, e.db, e.tx); err != nil {
		return err
	}
	var err error
	if e.record, err = e.readRecord(ctx, e.tx, e.source); err != nil {
		return err
	}
	how, added, err := compare(ctx, e.db, e.tx, e.source, e.record, e.columns)
	if err != nil {
		return err
	}
	other, err := e.record.hasOther(e.at.sealed, e.sealedAt(ctx, e.stream.Name))
	if err != nil {
		return err
	}
	behind, err := e.isBehind(ctx, e.stream, e.record, e.at)
	if err != nil {
		return err
	}
	view, err := e.archive.lacksView(ctx, e.tx)
	if err != nil {
		return err
	}
	if how == fits && !behind && !view {
		e.out.From, e.out.To, e.out.Watermark = e.record.through, e.record.through, e.record.watermark
		return nil
	}
	if how == grown {
		err = e.tx.AddColumns(ctx, e.table, added)
	}
	if err == nil && (how == missing || how == changed || other || e.record.givenUp != e.at.givenUp || e.record.through > e.at.sealed) {
		err = e.replace(ctx, how)
	} else if err == nil {
		err = e.extend(ctx)
	}
	if err == nil {
		err = e.archive.refresh(ctx, e.db, e.tx)
	}
	if err != nil {
		return err
	}
	e.record.allView = e.archive.view()
	return writeRecord(ctx, e.db, e.tx, e.record, e.streams(), e.Events.Now())
}

// replace makes the table from the beginning: a new one group by group, another one completely, so that readers see the old one or the
// new one.
func (e *eventsPublication) replace(ctx context.Context, how fit) error {
	e.out.Replaced = e.record != nil
	if e.out.Replaced {
		e.out.Removed = e.record.rows
	}
	if err := e.archive.forget(ctx, e.db, e.tx, e.record, definitionOf(e.columns)); err != nil {
		return err
	}
	e.record = &record{table: e.table, source: e.stream.Name, project: e.ProjectID, retraction: e.at.retraction, remade: e.record.nextRemade()}
	for _, table := range []string{batchesTable, daysTable} {
		if _, err := e.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE stream = %s", table, warehouse.Literal(e.stream.Name))); err != nil {
			return err
		}
	}
	if how == missing {
		if err := createTable(ctx, e.tx, e.table, e.columns, []string{BatchColumn}, true); err != nil {
			return err
		}
		return e.extend(ctx)
	}
	e.next = e.table + "_bursar_next"
	if err := createTable(ctx, e.tx, e.next, e.columns, []string{BatchColumn}, true); err != nil {
		return err
	}
	if err := e.add(ctx, e.at.sealed); err != nil {
		return err
	}
	return e.putNext(ctx)
}

// putNext puts the next table in the place of the present one, if there is one.
func (e *eventsPublication) putNext(ctx context.Context) error {
	next := e.next
	if e.next = ""; next == "" {
		return nil
	}
	return e.tx.Replace(ctx, e.table, next)
}

// extend makes the table follow retractions, and adds the next group of batches.
func (e *eventsPublication) extend(ctx context.Context) error {
	if err := e.applyRetractions(ctx); err != nil {
		return err
	}
	through, err := e.nextGroup(ctx)
	if err != nil {
		return err
	}
	e.out.More = through < e.at.sealed
	return e.add(ctx, through)
}

// nextGroup returns the last batch of the next group.
func (e *eventsPublication) nextGroup(ctx context.Context) (through uint64, err error) {
	through = e.record.through
	return through, e.Events.Catalog.View(ctx, func(tx catalog.Tx) error {
		for rows := int64(0); through < e.at.sealed; through++ {
			b, err := event.GetBatch(tx, e.stream.Name, through+1)
			if err != nil {
				return err
			}
			if rows += b.Accepted; rows > e.groupRows() && through > e.record.through {
				break
			}
		}
		return nil
	})
}

// applyRetractions puts the batches that were retracted, or restored, since the last publication into the table as they are now.
func (e *eventsPublication) applyRetractions(ctx context.Context) error {
	if e.record.retraction == e.at.retraction {
		return nil
	}
	list, err := event.AllRetractions(ctx, e.Events.Catalog, e.stream.Name)
	if err != nil {
		return err
	}
	var numbers []uint64
	for i := range list {
		if r := &list[i]; r.Number > e.record.retraction && r.Number <= e.at.retraction && r.Batch <= e.record.through {
			numbers = append(numbers, r.Batch)
		}
	}
	slices.Sort(numbers)
	if err := e.archive.restore(ctx, e.db, e.tx, numbers); err != nil {
		return err
	}
	for _, number := range slices.Compact(numbers) {
		removed, err := e.tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s = %d", warehouse.Quote(e.db, e.table), BatchColumn, number))
		if err != nil {
			return err
		}
		e.out.Removed += removed
		e.record.rows -= removed
		where := fmt.Sprintf(" WHERE stream = %s AND batch = %d", warehouse.Literal(e.stream.Name), number)
		if err := execAll(ctx, e.tx, []string{"DELETE FROM " + batchesTable + where, "DELETE FROM " + daysTable + where}); err != nil {
			return err
		}
		if err := e.addBatches(ctx, number, number); err != nil {
			return err
		}
	}
	e.record.retraction = e.at.retraction
	return nil
}

// add adds the batches up to one, and moves the record.
func (e *eventsPublication) add(ctx context.Context, through uint64) error {
	e.out.From, e.out.To = e.record.through, through
	if through > e.record.through {
		if err := e.addBatches(ctx, e.record.through+1, through); err != nil {
			return err
		}
	}
	e.record.through, e.record.givenUp = through, e.at.givenUp
	e.record.definition = definitionOf(e.columns)
	if through > 0 {
		b, err := e.Events.Batch(ctx, e.stream.Name, through)
		if err != nil {
			return err
		}
		e.record.watermark, e.record.received = &b.Sealed, &b.Sealed
	}
	e.out.Watermark = e.record.watermark
	var err error
	e.record.quarantined, err = e.quarantined(ctx, e.streams(), e.record.watermark)
	return err
}

// addBatches adds the events of batches, some batches at a time, and compares what the table has of them with their control totals (rule 4).
// It reads them in the table once: a database may have to scan all rows of the transaction to find those of some batches. A next table is
// in its place then: the present one may have triggers, which change rows.
func (e *eventsPublication) addBatches(ctx context.Context, first, last uint64) error {
	totals := e.wantedTotals(first)
	for next := first; next <= last; next += batchesAtOnce {
		batches, err := e.readBatches(ctx, next, min(last, next+batchesAtOnce-1))
		if err != nil {
			return err
		}
		if err := event.CheckObjects(ctx, e.Events.Objects, batches, e.Events.Workers); err != nil {
			return err
		}
		if err := e.addGroup(ctx, cmp.Or(e.next, e.table), batches); err != nil {
			return err
		}
		for i := range totals {
			if err := totals[i].add(e.stream, batches); err != nil {
				return err
			}
		}
	}
	if err := e.putNext(ctx); err != nil {
		return err
	}
	for _, total := range totals {
		if err := e.checkTotal(ctx, total, last); err != nil {
			return err
		}
	}
	if e.stream.Time == "" {
		return nil
	}
	_, err := e.tx.Exec(ctx, e.daysSQL(first, last))
	return err
}

func (e *eventsPublication) addGroup(ctx context.Context, table string, batches []event.Batch) error {
	added, err := e.tx.Append(ctx, table, e.columns, e.rows(ctx, batches))
	if err != nil {
		return err
	}
	if err := checkCount(table, batches, added); err != nil {
		return err
	}
	e.out.Rows += added
	e.record.rows += added
	recorded := make([][]any, len(batches))
	for i := range batches {
		b := &batches[i]
		recorded[i] = []any{b.Stream, b.Batch, &b.Sealed, b.Accepted}
	}
	_, err = e.tx.Exec(ctx, insertSQL(e.db, batchesTable, recorded...))
	return err
}

// daysSQL records how many events of batches happened on each day.
func (e *eventsPublication) daysSQL(first, last uint64) string {
	counted := e.countedDays(fmt.Sprintf("(SELECT * FROM %s WHERE %s) AS t", warehouse.Quote(e.db, e.table), between(first, last)))
	return fmt.Sprintf("INSERT INTO %s (stream, batch, day, events) %s", daysTable, counted)
}

// countedDays counts the events of what stands after FROM, by the batch and the day on which they happened.
func (e *eventsPublication) countedDays(from string) string {
	day := warehouse.Quote(e.db, e.stream.Time)
	if e.stream.Column(e.stream.Time).Type.Kind == column.Timestamp {
		day = warehouse.DaySQL(e.db, day)
	}
	return fmt.Sprintf("SELECT %s AS stream, %s AS batch, %s AS day, count(*) AS events FROM %s WHERE %[3]s IS NOT NULL GROUP BY %[2]s, %[3]s",
		warehouse.Literal(e.stream.Name), BatchColumn, day, from)
}

// between is the condition that an event is in one of the batches from first to last.
func between(first, last uint64) string {
	return fmt.Sprintf("%s BETWEEN %d AND %d", BatchColumn, first, last)
}
