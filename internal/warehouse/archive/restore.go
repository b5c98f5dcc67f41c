// Bringing archived rows back.

package archive

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// PlanRestore lists what brings the periods of a table that are within a range back to a tier, the oldest first. They stay there at least until a
// time.
func (a *Archiver) PlanRestore(ctx context.Context, table string, within Period, to Tier, until time.Time) (moves []Move, err error) {
	db, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		parts, err := a.parts(ctx, r, table)
		moves = nil
		for i := range parts {
			p := &parts[i]
			if !p.Period.within(within) || p.Tier == to { // none is hot
				continue
			}
			m := Move{Table: table, Period: p.Period, From: p.Tier, To: to, Rows: p.Rows, Object: p.Object.Name, Keep: until}
			if last := len(moves) - 1; to == Hot && last >= 0 && moves[last].Period == m.Period { // all parts of a period in one transaction
				moves[last].Rows += m.Rows
				continue
			}
			moves = append(moves, m)
		}
		return err
	})
	return moves, err
}

// Restore makes one move of such a plan. It may be repeated as Do may be.
func (a *Archiver) Restore(ctx context.Context, t Table, m Move) (out Moved, err error) {
	if m.To != Hot {
		return a.Do(ctx, t, m)
	}
	began := time.Now()
	db, err := a.Open(ctx)
	if err != nil {
		return out, err
	}
	out.Move, out.Rows = m, 0
	err = db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		parts, err := a.parts(ctx, tx, t.Name)
		if err != nil {
			return err
		}
		parts = slices.DeleteFunc(parts, func(p Part) bool { return p.Period != m.Period })
		if len(parts) == 0 {
			return nil // they were restored before
		}
		if out.Rows, err = a.restore(ctx, db, tx, t, parts); err != nil {
			return err
		}
		return keep(ctx, tx, t.Name, m.Period, m.Keep)
	})
	if err != nil {
		err = fmt.Errorf("restore %s of %s: %w", m.Period, t.Name, err)
	}
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

// RestoreSource brings back the parts that may have rows made of one of some numbers of the column Source, and all that do not say what they have.
// Whoever changes such rows calls it before, in the same transaction.
func (a *Archiver) RestoreSource(ctx context.Context, db warehouse.Database, tx warehouse.Tx, t Table, numbers []uint64) (rows int64, err error) {
	parts, err := a.parts(ctx, tx, t.Name)
	if err != nil {
		return 0, err
	}
	return a.restore(ctx, db, tx, t, slices.DeleteFunc(parts, func(p Part) bool {
		return p.last > 0 && !slices.ContainsFunc(numbers, func(n uint64) bool { return uint64(p.first) <= n && n <= uint64(p.last) })
	}))
}

// RestoreBefore prepares a table for the deletion of all rows from one value of the column Source to another, in the same transaction. Parts with
// such rows leave the journal: those that also have others are brought back, and those that may.
func (a *Archiver) RestoreBefore(ctx context.Context, db warehouse.Database, tx warehouse.Tx, t Table, from, to int64) error {
	parts, err := a.parts(ctx, tx, t.Name)
	if err != nil {
		return err
	}
	var gone, mixed []Part
	for _, p := range parts {
		switch isKnown := p.first != 0 || p.last != 0; {
		case isKnown && (p.last < from || p.first > to):
		case isKnown && p.first >= from && p.last <= to:
			gone = append(gone, p)
		default:
			mixed = append(mixed, p)
		}
	}
	if err := dropParts(ctx, tx, gone, a.Now()); err != nil {
		return err
	}
	_, err = a.restore(ctx, db, tx, t, mixed)
	return err
}

// restore adds the rows of parts to the table, and removes the parts from the journal.
func (a *Archiver) restore(ctx context.Context, db warehouse.Database, tx warehouse.Tx, t Table, parts []Part) (rows int64, err error) {
	if err := EnsureJournal(ctx, tx); err != nil || len(parts) == 0 {
		return 0, err
	}
	dir, remove, err := a.workspace()
	if err != nil {
		return 0, err
	}
	defer remove()
	s := step{Archiver: a, db: db, dir: dir}
	for i := range parts {
		if err := s.returnPart(ctx, tx, t, &parts[i]); err != nil {
			return 0, fmt.Errorf("restore part %d of %s: %w", parts[i].Number, parts[i].Period, t.withNext(err))
		}
		rows += parts[i].Rows
	}
	if err := dropParts(ctx, tx, parts, a.Now()); err != nil {
		return 0, err
	}
	return rows, a.Refresh(ctx, db, tx, t.Name)
}

// returnPart adds the rows of a part to the table, and compares the period before and after that.
func (s *step) returnPart(ctx context.Context, tx warehouse.Tx, t Table, p *Part) error {
	t.Declared = &project.Archive{Column: p.periodColumn} // the declaration may have changed since
	if err := t.has(p); err != nil {
		return err
	}
	path := filepath.Join(s.dir, "back.parquet")
	if err := s.readBack(ctx, p, path); err != nil {
		return err
	}
	_, before, err := t.summarize(ctx, s.db, tx, p.Period, drain)
	if err != nil {
		return err
	}
	c, err := newCounter(t.fields(), t.Totals, "")
	if err != nil {
		return err
	}
	if _, err := tx.Append(ctx, t.Name, t.fields(), c.counted(padded(s.fileRows(ctx, path, p.columns), p.columns, t.Columns))); err != nil {
		return err
	}
	added, err := c.summary()
	if err != nil {
		return err
	}
	want, err := before.plus(added)
	if err != nil {
		return err
	}
	_, after, err := t.summarize(ctx, s.db, tx, p.Period, drain)
	if err == nil && (!after.equals(want) || added.Rows != p.Rows) {
		err = &UnbalancedError{Table: t.Name, Period: p.Period, What: "rows with those restored", Want: want, Got: after}
	}
	return err
}

// has refuses a part whose columns the table does not have any more.
func (t *Table) has(p *Part) error {
	for _, c := range p.columns {
		if now, ok := t.field(c.Name); !ok || now.Type.String() != c.Type.String() {
			return failure.Wrap(failure.Data, fmt.Errorf("column %s of %s has another type as it is declared now: run `%s` before", c.Name, p.Period, t.Update))
		}
	}
	return nil
}

// Rows reads all archived rows of a table, and compares each part with the journal before.
func (a *Archiver) Rows(ctx context.Context, r warehouse.Reader, t Table) (rows warehouse.Rows, n int64, err error) {
	parts, err := a.parts(ctx, r, t.Name)
	if err != nil {
		return nil, 0, err
	}
	for i := range parts {
		if err := t.has(&parts[i]); err != nil {
			return nil, 0, err
		}
		n += parts[i].Rows
	}
	return func(yield func([]column.Vector, error) bool) {
		dir, remove, err := a.workspace()
		if err != nil {
			yield(nil, err)
			return
		}
		defer remove()
		for i := range parts {
			p, path := &parts[i], filepath.Join(dir, "back.parquet")
			if err := a.readBack(ctx, p, path); err != nil {
				yield(nil, err)
				return
			}
			for vectors, err := range padded(a.fileRows(ctx, path, p.columns), p.columns, t.Columns) {
				if !yield(vectors, err) || err != nil {
					return
				}
			}
		}
	}, n, nil
}
