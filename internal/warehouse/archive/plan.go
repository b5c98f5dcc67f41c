// Which periods are to be moved.

package archive

import (
	"context"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// Move is one period of a table, or one part of it, that is to be moved to another tier.
type Move struct {
	Table  string `json:"table"`
	Period Period `json:"period"`
	From   Tier   `json:"from"`
	To     Tier   `json:"to"`
	Rows   int64  `json:"rows"`

	Object string    `json:"object,omitempty"` // of the part
	Keep   time.Time `json:"keep,omitzero"`    // a restored period stays until then
}

// Limits are the days up to which whole periods leave the warehouse, and up to which they leave the view. A zero time: none do.
type Limits struct {
	Hot, Warm time.Time
	Kept      bool // periods that were restored for a while are moved, too
}

// Limits returns the limits of a table by its declared ages.
func (t *Table) Limits(now time.Time) (l Limits) {
	if t.Declared == nil {
		return l
	}
	now = now.UTC()
	if !t.Declared.Cold.IsZero() {
		l.Warm = t.Declared.Cold.Before(now)
		l.Hot = l.Warm
	}
	if !t.Declared.Warm.IsZero() {
		l.Hot = t.Declared.Warm.Before(now)
	}
	return l
}

// target returns the tier of a period.
func (t *Table) target(p Period, l Limits) Tier {
	switch {
	case !p.Until.After(l.Warm), !p.Until.After(l.Hot) && t.Declared.Warm.IsZero():
		return Cold
	case !p.Until.After(l.Hot):
		return Warm
	}
	return Hot
}

// Plan lists what is to be moved, the oldest periods first.
func (a *Archiver) Plan(ctx context.Context, t Table, l Limits) (moves []Move, err error) {
	if t.Declared == nil {
		return nil, nil
	}
	db, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		moves = nil
		found, err := t.checkColumns(ctx, db, r)
		if err != nil || !found {
			return err
		}
		if moves, err = t.planHot(ctx, db, r, l); err != nil {
			return err
		}
		parts, err := a.parts(ctx, r, t.Name)
		for i := range parts {
			if p := &parts[i]; p.Tier == Warm && t.target(p.Period, l) == Cold {
				moves = append(moves, Move{Table: t.Name, Period: p.Period, From: Warm, To: Cold, Rows: p.Rows, Object: p.Object.Name})
			}
		}
		if err != nil || l.Kept {
			return err
		}
		kept, err := a.kept(ctx, r, t.Name)
		moves = slices.DeleteFunc(moves, func(m Move) bool {
			return slices.ContainsFunc(kept, func(k Period) bool { return m.Period.First.Before(k.Until) && k.First.Before(m.Period.Until) })
		})
		return err
	})
	slices.SortStableFunc(moves, func(x, y Move) int { return x.Period.First.Compare(y.Period.First) })
	return moves, err
}

func (t *Table) planHot(ctx context.Context, db warehouse.Database, r warehouse.Reader, l Limits) (moves []Move, err error) {
	before := l.Hot
	if l.Warm.After(before) {
		before = l.Warm
	}
	if before.IsZero() {
		return nil, nil
	}
	return moves, r.Query(ctx, t.periodsSQL(db, periodOf(before, t.Declared.By).First), func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			p := periodOf(dayOf(rows[0].Ints[i]), t.Declared.By)
			moves = append(moves, Move{Table: t.Name, Period: p, From: Hot, To: t.target(p, l), Rows: rows[1].Ints[i]})
		}
		return nil
	})
}
