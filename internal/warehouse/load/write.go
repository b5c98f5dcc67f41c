// Writing: rows, their journal and the changes of the table, in one transaction.

package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// load loads the planned objects. One group is loaded at once. Several are staged, one in each transaction, and become visible together: an
// interrupted load continues with what is not staged.
func (r *run) load(ctx context.Context) error {
	groups := r.groups()
	switch {
	case len(groups) > 1 || len(r.staged) > 0:
		return r.loadStaged(ctx, groups)
	case len(groups) == 1:
		return r.withoutFaulty(groups[0], func(objects []Object) error {
			if len(objects) == 0 {
				return r.loadNothing(ctx)
			}
			return r.loadAtOnce(ctx, objects)
		})
	}
	return r.loadNothing(ctx)
}

// loadNothing writes what changes without objects, or if all are left out: these are tried again. It is a load if the table changes.
func (r *run) loadNothing(ctx context.Context) error {
	switch {
	case r.mode == replaceFrom, len(r.added) > 0, r.history.Table == nil:
		return r.loadAtOnce(ctx, nil)
	case len(r.touched) == 0 && !r.history.lacksView:
		return nil
	}
	return r.write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := r.refreshView(ctx, tx); err != nil {
			return err
		}
		return r.writeTouched(ctx, tx)
	})
}

// groups divides the objects into what is committed together.
func (r *run) groups() (groups [][]Object) {
	c := &r.l.config
	from, bytes := 0, int64(0)
	for i := range r.todo {
		size := r.todo[i].Size
		if i > from && (bytes+size > c.GroupBytes || i-from == c.GroupObjects) {
			groups, from, bytes = append(groups, r.todo[from:i]), i, 0
		}
		bytes += size
	}
	if from < len(r.todo) {
		groups = append(groups, r.todo[from:])
	}
	return groups
}

// totalBytes is the size of all objects of the load, those that are staged included.
func (r *run) totalBytes() (total int64) {
	for i := range r.todo {
		total += r.todo[i].Size
	}
	return total + r.stagedBytes
}

// write executes a transaction of this load on the state that it was planned on.
func (r *run) write(ctx context.Context, do func(ctx context.Context, tx warehouse.Tx) error) error {
	return r.db().Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := ensureJournal(ctx, tx); err != nil {
			return err
		}
		if err := r.checkState(ctx, tx); err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

// stateSQL reads the number of the last finished load, that of one that is not finished, and how many objects are staged.
const stateSQL = `SELECT coalesce(max(CASE WHEN finished IS NULL THEN 0 ELSE load_number END), 0),
coalesce(max(CASE WHEN finished IS NULL THEN load_number ELSE 0 END), 0), (SELECT count(*) FROM ` + stagedTable + ` WHERE load = %[1]s)
FROM ` + loadsTable + ` WHERE load = %[1]s`

// checkState fails if another process has changed what the load was planned on.
func (r *run) checkState(ctx context.Context, tx warehouse.Tx) error {
	now, err := numbers(ctx, tx, fmt.Sprintf(stateSQL, warehouse.Literal(r.declared.Name)))
	if err != nil {
		return err
	}
	want := []int64{0, 0, int64(len(r.history.Staged))}
	if r.history.Last != nil {
		want[0] = r.history.Last.Number
	}
	if r.history.Open != nil {
		want[1] = r.history.Open.Number
	}
	if !slices.Equal(now, want) {
		return errReplan
	}
	return nil
}

// nextNumber returns the number of a new load.
func nextNumber(ctx context.Context, tx warehouse.Tx) (int64, error) {
	list, err := numbers(ctx, tx, "SELECT coalesce(max(load_number), 0) + 1 FROM "+loadsTable)
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

// written is what the last call of a transaction's function has written.
type written struct {
	sums
	number int64
	rd     *reading
}

// begin forgets what an earlier call has written.
func (w *written) begin() error {
	err := w.close()
	*w = written{}
	return err
}

func (w *written) close() error {
	if w.rd == nil {
		return nil
	}
	return w.rd.rejected.close()
}

// loadAtOnce loads objects in one transaction.
func (r *run) loadAtOnce(ctx context.Context, objects []Object) (err error) {
	var w written
	defer func() { err = errors.Join(err, w.close()) }()
	err = r.write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := w.begin(); err != nil {
			return err
		}
		return r.writeAll(ctx, tx, objects, &w)
	})
	if err := r.outcome(ctx, err, func() bool { return r.history.Last != nil && r.history.Last.Attempt == r.attempt }); err != nil {
		return err
	}
	r.result.Number = w.number
	r.noteGroup(&w.sums, w.rd)
	r.noteAdded()
	return nil
}

// writeAll writes everything of a load.
func (r *run) writeAll(ctx context.Context, tx warehouse.Tx, objects []Object, w *written) error {
	if err := r.dropStaged(ctx, tx); err != nil {
		return err
	}
	var err error
	if w.number, err = nextNumber(ctx, tx); err != nil {
		return err
	}
	target, publish := r.declared.Table, r.prepareTable
	if r.mode == replaceAll {
		target, publish = r.stagingTable(), r.replaceTable
		if err := tx.Create(ctx, target, r.columns); err != nil {
			return err
		}
	} else if err := publish(ctx, tx); err != nil {
		return err
	}
	if err := r.appendRows(ctx, tx, target, objects, w, 0); err != nil {
		return err
	}
	if r.mode == replaceAll {
		if err := publish(ctx, tx); err != nil {
			return err
		}
	}
	if err := r.checkErrors(&w.sums, w.rd.rejected.first); err != nil {
		return err
	}
	one := r.record(w.number)
	one.Started = r.started
	if err := appendRecord(ctx, tx, one, r.now(), &w.sums); err != nil {
		return err
	}
	if err := r.journalRows(ctx, tx, objectsTable, w); err != nil {
		return err
	}
	if err := r.pruneRejected(ctx, tx); err != nil {
		return err
	}
	return r.writeTouched(ctx, tx)
}

// appendRows appends the rows of objects to a table. before is how many rows of the load were rejected earlier.
func (r *run) appendRows(ctx context.Context, tx warehouse.Tx, table string, objects []Object, w *written, before int64) error {
	w.rd = r.read(ctx, objects, w.number, before)
	n, err := tx.Append(ctx, table, r.columns, w.rd.each)
	switch {
	case w.rd.err != nil:
		return w.rd.err
	case err != nil:
		return w.rd.locate(err)
	case n != w.rd.rows:
		return fmt.Errorf("bug: %d of %d rows were appended to %s", n, w.rd.rows, table)
	}
	w.add(w.rd.done)
	return nil
}

// journalRows adds the objects whose rows were written, and the rejected rows, to the journal.
func (r *run) journalRows(ctx context.Context, tx warehouse.Tx, table string, w *written) error {
	if err := appendObjects(ctx, tx, table, r.declared.Name, w.rd.done); err != nil {
		return err
	}
	_, err := tx.Append(ctx, rejectedTable, rejectedColumns, w.rd.rejected.rows(r.declared.Name, w.number))
	return err
}

// outcome turns the error of a transaction whose end is unknown into that of a load that can be repeated, or into none if the journal says
// that it was committed.
func (r *run) outcome(ctx context.Context, err error, committed func() bool) error {
	if !errors.Is(err, warehouse.ErrOutcomeUnknown) {
		return err
	}
	if failed := r.readHistory(ctx); failed != nil {
		return failure.Wrap(failure.Transient, fmt.Errorf("%w; then the journal could not be read: %w", err, failed))
	}
	if committed() {
		return nil
	}
	return failure.Wrap(failure.Transient, err)
}

// noteGroup adds what was loaded to the result.
func (r *run) noteGroup(s *sums, rd *reading) {
	r.result.Objects += s.Objects
	r.result.Rows += s.Rows
	r.result.Rejected += s.Rejected
	r.result.Bytes += s.Bytes
	r.noteRows(rd)
}

// noteRows adds what was seen in rows to the result.
func (r *run) noteRows(rd *reading) {
	if rd == nil {
		return
	}
	r.result.Rejects = append(r.result.Rejects, rd.rejected.first[:min(len(rd.rejected.first), maxShown-len(r.result.Rejects))]...)
	for _, name := range slices.Sorted(maps.Keys(rd.unknown)) {
		if !slices.Contains(r.result.Undeclared, name) {
			r.result.Undeclared = append(r.result.Undeclared, name)
		}
	}
}

func (r *run) noteAdded() {
	for _, f := range r.added {
		r.result.Added = append(r.result.Added, f.Name)
	}
}

// now is the time in microseconds.
func (r *run) now() time.Time { return r.l.config.Now().UTC().Truncate(time.Microsecond) }
