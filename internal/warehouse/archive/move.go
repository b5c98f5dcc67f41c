// One move of a period, or of a part of it, to a lower tier; or of a part from cold to warm.

package archive

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"bursar/internal/object"
	"bursar/internal/warehouse"
)

// Moved is what a move did. Without rows it has found nothing to do: another one was there before.
type Moved struct {
	Move

	Bytes   int64   `json:"bytes"` // of the object
	Seconds float64 `json:"seconds"`
}

// Do makes one move of a plan. After an error of class Transient, or one after which the outcome is unknown, it is called again: what was moved
// is not moved twice.
func (a *Archiver) Do(ctx context.Context, t Table, m Move) (out Moved, err error) {
	began := time.Now()
	db, err := a.Open(ctx)
	if err != nil {
		return out, err
	}
	dir, remove, err := a.workspace()
	if err != nil {
		return out, err
	}
	defer remove()
	s := step{Archiver: a, db: db, dir: dir}
	var part *Part
	if m.From == Hot {
		part, err = s.leave(ctx, t, m.Period, m.To)
	} else {
		part, err = s.changeTier(ctx, m)
	}
	if err != nil {
		return out, fmt.Errorf("move %s of %s from %s to %s: %w", m.Period, t.Name, m.From, m.To, t.withNext(err))
	}
	out.Move = m
	if out.Rows = 0; part != nil {
		out.Rows, out.Bytes = part.Rows, part.Object.Bytes
	}
	out.Seconds = time.Since(began).Seconds()
	return out, nil
}

// step is one move, with a folder for its files.
type step struct {
	*Archiver

	db  warehouse.Database
	dir string
}

// leave moves the rows of a period out of the warehouse.
func (s *step) leave(ctx context.Context, t Table, period Period, to Tier) (*Part, error) {
	if to == Warm && s.Copies == nil {
		return nil, errors.New("bug: a database that reads no files has no warm tier")
	}
	part := &Part{Table: t.Name, Period: period, Tier: to, periodColumn: t.Declared.Column, columns: t.fields(), project: s.ProjectID}
	var path string
	err := s.db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		found, err := t.checkColumns(ctx, s.db, r)
		if err != nil || !found {
			return err
		}
		c, summary, err := t.summarize(ctx, s.db, r, period, func(rows warehouse.Rows) (err error) {
			path, err = s.encode(ctx, s.dir, part.columns, rows, to)
			return err
		})
		if err == nil {
			part.Summary, part.first, part.last = summary, c.first, c.last
		}
		return err
	})
	if err != nil || part.Rows == 0 {
		return nil, err
	}
	if err := s.store(ctx, path, part); err != nil {
		return nil, err
	}
	return part, s.db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error { return s.commitLeave(ctx, tx, &t, part) })
}

// store makes the object of a part, and reads it back.
func (s *step) store(ctx context.Context, path string, p *Part) (err error) {
	identity, err := s.identity(ctx)
	if err != nil {
		return err
	}
	if p.Object, err = s.upload(ctx, path, newName(identity, p.Table, p.Period, p.Tier)); err != nil {
		return err
	}
	p.Object.Rows = p.Rows
	if err := s.readBack(ctx, p, filepath.Join(s.dir, "back.parquet")); err != nil {
		return err
	}
	if p.Tier == Warm { // before the transaction, which would wait for it
		return s.Copies.Fill(ctx, []object.Description{p.Object})
	}
	return nil
}

// isThere checks, within the transaction that needs them, that nobody has removed the object of a part meanwhile (Sweep waits for its turn), and
// that the file is there which views read.
func (s *step) isThere(ctx context.Context, p *Part) error {
	in, err := s.Objects.Open(ctx, p.Object.Name) // a distant store would not be asked by OpenSized
	if object.IsDamage(err) {
		return fmt.Errorf("%w: %w", errChanged, err)
	}
	if err == nil {
		err = in.Close()
	}
	if err == nil && p.Tier == Warm {
		err = s.Copies.Fill(ctx, []object.Description{p.Object})
	}
	return err
}

// commitLeave deletes the rows, if they still are those of the part, and adds the part to the journal.
func (s *step) commitLeave(ctx context.Context, tx warehouse.Tx, t *Table, p *Part) error {
	if err := EnsureJournal(ctx, tx); err != nil {
		return err
	}
	if found, err := t.checkColumns(ctx, s.db, tx); err != nil || !found {
		return errors.Join(err, errChanged)
	}
	_, now, err := t.summarize(ctx, s.db, tx, p.Period, drain)
	if err != nil {
		return err
	}
	if !now.equals(p.Summary) {
		return errChanged
	}
	if err := s.isThere(ctx, p); err != nil {
		return err
	}
	deleted, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s", warehouse.Quote(s.db, t.Name), t.withinSQL(s.db, p.Period)))
	if err != nil {
		return err
	}
	if deleted != p.Rows {
		return fmt.Errorf("%d rows were deleted, and %d copied: %w", deleted, p.Rows, errChanged)
	}
	if err := s.record(ctx, tx, p); err != nil {
		return err
	}
	return s.Refresh(ctx, s.db, tx, t.Name)
}

// record adds a part to the journal with the next number of its period.
func (s *step) record(ctx context.Context, tx warehouse.Tx, p *Part) error {
	parts, err := s.parts(ctx, tx, p.Table)
	if err != nil {
		return err
	}
	p.Number, p.Moved = 1, s.Now().UTC().Truncate(time.Microsecond)
	for i := range parts {
		if parts[i].Period == p.Period {
			p.Number = max(p.Number, parts[i].Number+1)
		}
	}
	return addPart(ctx, tx, p)
}

// changeTier puts a part into the object of another tier.
func (s *step) changeTier(ctx context.Context, m Move) (*Part, error) {
	old, err := s.find(ctx, m)
	if err != nil || old == nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "old.parquet")
	if err := s.readBack(ctx, old, path); err != nil {
		return nil, err
	}
	encoded, err := s.encode(ctx, s.dir, old.columns, s.fileRows(ctx, path, old.columns), m.To)
	if err != nil {
		return nil, err
	}
	part := *old
	part.Tier = m.To
	if err := s.store(ctx, encoded, &part); err != nil {
		return nil, err
	}
	return &part, s.db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := EnsureJournal(ctx, tx); err != nil {
			return err
		}
		if err := s.isThere(ctx, &part); err != nil {
			return err
		}
		part.Moved = s.Now().UTC().Truncate(time.Microsecond)
		if err := dropParts(ctx, tx, []Part{*old}, part.Moved); err != nil {
			return err
		}
		if err := addPart(ctx, tx, &part); err != nil {
			return err
		}
		if err := keep(ctx, tx, part.Table, part.Period, m.Keep); err != nil {
			return err
		}
		return s.Refresh(ctx, s.db, tx, part.Table)
	})
}

// find returns the part of a move, if it still is in the tier that the move starts from.
func (s *step) find(ctx context.Context, m Move) (part *Part, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		parts, err := s.parts(ctx, r, m.Table)
		part = nil
		for i := range parts {
			if parts[i].Object.Name == m.Object && parts[i].Tier == m.From {
				part = &parts[i]
			}
		}
		return err
	})
	return part, err
}
