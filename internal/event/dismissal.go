// Dismissals: rows in quarantine that a person marked as resolved. The rows stay in quarantine.

package event

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Dismissal says that a row in quarantine counts as resolved. It is a catalog document and stays with the row through retries.
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

// DeleteDismissal deletes the dismissal of a row.
func DeleteDismissal(tx catalog.Tx, stream string, row Place) error {
	return tx.Delete(dismissalKey(stream, row))
}

// DismissOptions say which row is dismissed and why.
type DismissOptions struct {
	Row    Place
	Undo   bool // takes a dismissal back
	Reason string
}

// Dismissed is the outcome of one call of Dismiss.
type Dismissed struct {
	Dismissal
	Ref     string `json:"ref"` // of the row, as the quarantine lists it
	Undone  bool   `json:"undone"`
	Already bool   `json:"already"` // it was so before, and nothing was written
}

// Dismiss marks a row in quarantine as resolved, or takes that back. The caller must hold the stream exclusively.
func (st *Store) Dismiss(ctx context.Context, s *project.Stream, o DismissOptions) (Dismissed, error) {
	known, err := st.dismissal(ctx, s.Name, o.Row)
	switch {
	case err != nil:
		return Dismissed{}, err
	case o.Undo:
		return st.undoDismissal(ctx, s.Name, o.Row, known)
	case known != nil:
		return Dismissed{Dismissal: *known, Ref: o.Row.String(), Already: true}, nil
	}
	if _, _, err := st.FindRejected(ctx, s.Name, o.Row); err != nil {
		return Dismissed{}, err
	}
	d := Dismissal{Stream: s.Name, Place: o.Row, Reason: o.Reason, At: st.Now().UTC().Truncate(time.Microsecond)}
	err = st.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(dismissalKey(s.Name, o.Row), d) })
	if err != nil {
		return Dismissed{}, fmt.Errorf("dismiss row %s of %s: %w", o.Row, s.Name, err)
	}
	return Dismissed{Dismissal: d, Ref: o.Row.String()}, nil
}

// undoDismissal takes a dismissal back, also of a row that has left the quarantine.
func (st *Store) undoDismissal(ctx context.Context, stream string, row Place, known *Dismissal) (Dismissed, error) {
	if known == nil {
		if _, _, err := st.FindRejected(ctx, stream, row); err != nil {
			return Dismissed{}, err
		}
		return Dismissed{}, failure.Wrap(failure.Data, fmt.Errorf("row %s of %s is not dismissed; `bursar quarantine %s --dismissed` lists those that are", row, stream, stream))
	}
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error { return DeleteDismissal(tx, stream, row) })
	if err != nil {
		return Dismissed{}, fmt.Errorf("undo dismissal of row %s of %s: %w", row, stream, err)
	}
	return Dismissed{Dismissal: *known, Ref: row.String(), Undone: true}, nil
}

// dismissal returns the dismissal of a row, or nil.
func (st *Store) dismissal(ctx context.Context, stream string, row Place) (*Dismissal, error) {
	return catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (*Dismissal, error) {
		var d Dismissal
		if found, err := tx.Get(dismissalKey(stream, row), &d); err != nil || !found {
			return nil, err
		}
		return &d, nil
	})
}

// Dismissals returns all dismissals of a stream, by row.
func Dismissals(ctx context.Context, c catalog.Catalog, stream string) (all map[Place]Dismissal, err error) {
	list, err := catalog.Read(ctx, c, func(tx catalog.Tx) ([]Dismissal, error) {
		return catalog.All[Dismissal](tx, dismissalPrefix(stream), "")
	})
	if err != nil {
		return nil, fmt.Errorf("list dismissed rows of %s: %w", stream, err)
	}
	all = map[Place]Dismissal{}
	for _, d := range list {
		all[d.Place] = d
	}
	return all, nil
}
