// Staging: a large load in several transactions, which becomes visible in the last.

package load

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// loadStaged stages each group in a transaction, then publishes all of them. When too many rows are rejected nothing stays.
func (r *run) loadStaged(ctx context.Context, groups [][]Object) error {
	for i := range r.staged {
		r.noteGroup(sumOf(r.staged[i:i+1]), nil)
	}
	err := r.stageAll(ctx, groups)
	switch {
	case err != nil:
	case len(r.staged) == 0:
		err = r.loadNothing(ctx)
	default:
		err = r.publish(ctx)
	}
	var tooMany *TooManyError
	if errors.As(err, &tooMany) {
		err = errors.Join(err, r.write(ctx, r.dropStaged))
	}
	return err
}

func (r *run) stageAll(ctx context.Context, groups [][]Object) error {
	for _, group := range groups {
		err := r.withoutFaulty(group, func(objects []Object) error {
			if len(objects) == 0 {
				return nil
			}
			return r.stage(ctx, objects)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func sumOf(list []object) *sums {
	var s sums
	s.add(list)
	return &s
}

// stage adds the rows of objects to the staging table.
func (r *run) stage(ctx context.Context, objects []Object) (err error) {
	var w written
	defer func() { err = errors.Join(err, w.close()) }()
	err = r.write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := w.begin(); err != nil {
			return err
		}
		if err := r.openStaging(ctx, tx, &w); err != nil {
			return err
		}
		if err := r.appendRows(ctx, tx, r.stagingTable(), objects, &w, sumOf(r.staged).Rejected); err != nil {
			return err
		}
		return r.journalRows(ctx, tx, stagedTable, &w)
	})
	staged := len(r.staged)
	if err := r.outcome(ctx, err, func() bool { return r.history.Open != nil && len(r.history.Staged) == staged+len(w.rd.done) }); err != nil {
		return err
	}
	r.staged = append(r.staged, w.rd.done...)
	r.history.Staged = r.staged
	r.history.Open = r.record(w.number)
	r.noteGroup(&w.sums, w.rd)
	return nil
}

// openStaging continues the staging table, or begins a new one.
func (r *run) openStaging(ctx context.Context, tx warehouse.Tx, w *written) (err error) {
	if len(r.staged) > 0 {
		w.number = r.history.Open.Number
		return nil
	}
	if err := r.dropStaged(ctx, tx); err != nil {
		return err
	}
	if w.number, err = nextNumber(ctx, tx); err != nil {
		return err
	}
	one := r.record(w.number)
	one.Started = r.started
	if err := appendRecord(ctx, tx, one, never, &sums{}); err != nil {
		return err
	}
	return tx.Create(ctx, r.stagingTable(), r.columns)
}

// dropStaged removes what a load that was not finished has staged.
func (r *run) dropStaged(ctx context.Context, tx warehouse.Tx) error {
	if err := tx.Drop(ctx, r.stagingTable()); err != nil || r.history.Open == nil {
		return err
	}
	if err := tx.Drop(ctx, stagingTable(r.history.Open.Table)); err != nil { // the load may have had another table then
		return err
	}
	for _, sql := range []string{
		fmt.Sprintf("DELETE FROM %s WHERE load = %s", stagedTable, warehouse.Literal(r.declared.Name)),
		fmt.Sprintf("DELETE FROM %s WHERE load_number = %d", rejectedTable, r.history.Open.Number),
		fmt.Sprintf("DELETE FROM %s WHERE load_number = %d", loadsTable, r.history.Open.Number),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// publish makes the staged rows visible.
func (r *run) publish(ctx context.Context) error {
	total := sumOf(r.staged)
	if err := r.checkErrors(total, r.result.Rejects); err != nil {
		return err
	}
	number := r.history.Open.Number
	err := r.write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := r.moveRows(ctx, tx, total.Rows); err != nil {
			return err
		}
		if err := r.finishRecord(ctx, tx, number, total); err != nil {
			return err
		}
		if err := r.pruneRejected(ctx, tx); err != nil {
			return err
		}
		return r.writeTouched(ctx, tx)
	})
	if err := r.outcome(ctx, err, func() bool { return r.history.Last != nil && r.history.Last.Attempt == r.attempt }); err != nil {
		return err
	}
	r.result.Number = number
	r.noteAdded()
	return nil
}

// moveRows makes the staging table the load's, or copies its rows there.
func (r *run) moveRows(ctx context.Context, tx warehouse.Tx, rows int64) error {
	if r.mode == replaceAll || r.history.Table == nil {
		return r.replaceTable(ctx, tx)
	}
	if err := r.prepareTable(ctx, tx); err != nil {
		return err
	}
	list := warehouse.QuoteAll(r.db(), r.columns)
	n, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s",
		warehouse.Quote(r.db(), r.declared.Table), list, list, warehouse.Quote(r.db(), r.stagingTable())))
	if err == nil && n != rows {
		err = &warehouse.LeftOutRowsError{Table: r.declared.Table, Got: n, Want: rows}
	}
	if err != nil {
		return err
	}
	return tx.Drop(ctx, r.stagingTable())
}

// finishRecord moves the staged objects in the journal, and finishes the load there.
func (r *run) finishRecord(ctx context.Context, tx warehouse.Tx, number int64, total *sums) error {
	load := warehouse.Literal(r.declared.Name)
	columns := warehouse.QuoteAll(r.db(), objectsColumns)
	finished := r.now().Format("2006-01-02T15:04:05.000000Z")
	for _, sql := range []string{
		fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE load = %s", objectsTable, columns, columns, stagedTable, load),
		fmt.Sprintf("DELETE FROM %s WHERE load = %s", stagedTable, load),
		fmt.Sprintf("UPDATE %s SET finished = CAST(%s AS %s), attempt = %s, objects = %d, row_count = %d, rejected = %d, bytes = %d WHERE load_number = %d",
			loadsTable, warehouse.Literal(finished), r.db().Type(column.Type{Kind: column.Timestamp}), warehouse.Literal(r.attempt), total.Objects, total.Rows, total.Rejected, total.Bytes, number),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
