// Dismissals: rows in quarantine that somebody has looked at and does not want. They stay where they are, and nobody has to resolve them.

package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Dismissal says that a row in quarantine counts as resolved. It is a catalog document, and goes with the row over retries.
type Dismissal struct {
	Stream string `json:"stream"`
	Place
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func dismissalPrefix(stream string) string { return "dismissed/" + stream + "/" }

func dismissalKey(stream string, row Place) string {
	return fmt.Sprintf("%s%08d/%012d", dismissalPrefix(stream), row.File, row.Row)
}

// DismissOptions say which row is dismissed and why.
type DismissOptions struct {
	Row    Place
	Undo   bool // a dismissal is taken back
	Reason string
}

// Dismissed is the outcome of one call of Dismiss.
type Dismissed struct {
	Dismissal
	Ref     string `json:"ref"` // of the row, as quarantine lists it
	Undone  bool   `json:"undone"`
	Already bool   `json:"already"` // it was so before, and nothing was written
}

// Dismiss has a row in quarantine count as resolved, or takes that back. The caller has the stream for itself.
func (in *Intake) Dismiss(ctx context.Context, s *project.Stream, o DismissOptions) (Dismissed, error) {
	known, err := in.dismissal(ctx, s.Name, o.Row)
	switch {
	case err != nil:
		return Dismissed{}, err
	case o.Undo:
		return in.undoDismissal(ctx, s.Name, o.Row, known)
	case known != nil:
		return Dismissed{Dismissal: *known, Ref: o.Row.String(), Already: true}, nil
	}
	if _, _, err := in.findRejected(ctx, s.Name, o.Row); err != nil {
		return Dismissed{}, err
	}
	d := Dismissal{Stream: s.Name, Place: o.Row, Reason: o.Reason, At: in.Now().UTC().Truncate(time.Microsecond)}
	err = in.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(dismissalKey(s.Name, o.Row), d) })
	if err != nil {
		return Dismissed{}, fmt.Errorf("dismiss row %s of %s: %w", o.Row, s.Name, err)
	}
	return Dismissed{Dismissal: d, Ref: o.Row.String()}, nil
}

// undoDismissal takes a dismissal back, also of a row that is not in quarantine any more.
func (in *Intake) undoDismissal(ctx context.Context, stream string, row Place, known *Dismissal) (Dismissed, error) {
	if known == nil {
		if _, _, err := in.findRejected(ctx, stream, row); err != nil {
			return Dismissed{}, err
		}
		return Dismissed{}, failure.Wrap(failure.Data, fmt.Errorf("row %s of %s is not dismissed; `bursar quarantine %s --dismissed` lists those that are", row, stream, stream))
	}
	err := in.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Delete(dismissalKey(stream, row)) })
	if err != nil {
		return Dismissed{}, fmt.Errorf("take the dismissal of row %s of %s back: %w", row, stream, err)
	}
	return Dismissed{Dismissal: *known, Ref: row.String(), Undone: true}, nil
}

// dismissal is that of one row, nil if there is none.
func (in *Intake) dismissal(ctx context.Context, stream string, row Place) (known *Dismissal, err error) {
	err = in.Catalog.View(ctx, func(tx catalog.Tx) error {
		var d Dismissal
		known = nil
		found, err := tx.Get(dismissalKey(stream, row), &d)
		if found {
			known = &d
		}
		return err
	})
	return known, err
}

// dismissals are all of a stream, by their rows.
func dismissals(ctx context.Context, c catalog.Catalog, stream string) (all map[Place]Dismissal, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		all = map[Place]Dismissal{}
		return tx.List(dismissalPrefix(stream), func(_ string, value json.RawMessage) error {
			var d Dismissal
			err := json.Unmarshal(value, &d)
			all[d.Place] = d
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list dismissed rows of %s: %w", stream, err)
	}
	return all, nil
}

// strayDismissals are the dismissals whose rows are in no quarantine, also not of a retracted batch, and how many there are of all.
func (in *Intake) strayDismissals(ctx context.Context, stream string) (left map[Place]Dismissal, all int, err error) {
	if left, err = dismissals(ctx, in.Catalog, stream); err != nil || len(left) == 0 {
		return nil, 0, err
	}
	all = len(left)
	open, retracted, _, err := openQuarantines(ctx, in.Catalog, stream)
	if err == nil {
		err = in.eachRow(ctx, append(open, retracted...), func(row Rejected) error {
			delete(left, row.Place())
			return nil
		})
	}
	if err != nil || len(left) == 0 {
		return left, all, err
	}
	now, err := dismissals(ctx, in.Catalog, stream) // one may be taken back meanwhile, and its row accepted
	for row := range left {
		if _, is := now[row]; !is {
			delete(left, row)
		}
	}
	return left, all, err
}

// VerifyDismissals proves that every dismissed row of a stream is in quarantine. It returns how many there are.
func (in *Intake) VerifyDismissals(ctx context.Context, stream string) (rows int, faults error) {
	left, rows, err := in.strayDismissals(ctx, stream)
	if err != nil {
		return rows, err
	}
	for row := range left {
		faults = errors.Join(faults, fmt.Errorf("row %s of %s is dismissed, and not in quarantine", row, stream))
	}
	return rows, faults
}

// repairDismissals removes those whose rows are not in quarantine: an older catalog has some of rows that were accepted since. Where a
// quarantine cannot be read, nothing is removed.
func (in *Intake) repairDismissals(ctx context.Context, stream string, r *Repaired) error {
	left, _, err := in.strayDismissals(ctx, stream)
	if err != nil || len(left) == 0 {
		return ctx.Err()
	}
	err = in.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		for row := range left {
			err = errors.Join(err, tx.Delete(dismissalKey(stream, row)))
		}
		return err
	})
	if err == nil {
		r.note("removed %d dismissals of rows of %s that are not in quarantine", len(left), stream)
	}
	return err
}
