// Removing the objects that no part needs.

package archive

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/object"
	"bursar/internal/warehouse"
)

// keepDropped is how long an object stays after the transaction that has dropped its part: a query that began before may be reading it.
const keepDropped = 10 * time.Minute

// Sweep deletes the objects of attempts that were interrupted, and those that were dropped some time ago. It works within a transaction, so that no
// move records an object meanwhile. While the journal is empty it deletes nothing: the warehouse may have been put back from a copy. Objects of
// another warehouse that the project has had stay.
func (a *Archiver) Sweep(ctx context.Context) (deleted int, err error) {
	db, err := a.Open(ctx)
	if err != nil {
		return 0, err
	}
	err = db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := EnsureJournal(ctx, tx); err != nil {
			return err
		}
		deleted, err = a.sweep(ctx, tx)
		return err
	})
	if err != nil {
		err = fmt.Errorf("remove objects of the archive that are not needed: %w", err)
	}
	return deleted, err
}

func (a *Archiver) sweep(ctx context.Context, tx warehouse.Tx) (deleted int, err error) {
	parts, err := a.parts(ctx, tx, "")
	if err != nil {
		return 0, err
	}
	dropped, err := readDropped(ctx, tx)
	if err != nil || len(parts)+len(dropped) == 0 {
		return 0, err
	}
	before := a.Now().Add(-keepDropped)
	if deleted, err = a.deleteObjects(ctx, tx, parts, dropped, before); err != nil {
		return deleted, err
	}
	for name, at := range dropped {
		if at.After(before) {
			continue
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE object = %s", droppedTable, warehouse.Literal(name))); err != nil {
			return deleted, err
		}
	}
	if a.Copies == nil {
		return deleted, nil
	}
	keep := warm(parts)
	for name := range dropped {
		keep = append(keep, object.Description{Name: name})
	}
	return deleted, a.Copies.Keep(keep)
}

// deleteObjects deletes the objects of this warehouse that are not those of parts, and were not dropped after a time.
func (a *Archiver) deleteObjects(ctx context.Context, tx warehouse.Tx, parts []Part, dropped map[string]time.Time, before time.Time) (deleted int, err error) {
	identity, err := readIdentity(ctx, tx)
	if err != nil {
		return 0, err
	}
	needed := map[string]bool{}
	for i := range parts {
		needed[parts[i].Object.Name] = true
	}
	names, err := a.Objects.List(ctx, Folder)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		at, wasDropped := dropped[name]
		if needed[name] || wasDropped && at.After(before) || !wasDropped && !isOf(identity, name) {
			continue
		}
		if err := a.Objects.Delete(ctx, name); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}

func readDropped(ctx context.Context, r warehouse.Reader) (map[string]time.Time, error) {
	dropped := map[string]time.Time{}
	err := r.Query(ctx, "SELECT object, dropped FROM "+droppedTable, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			dropped[string(rows[0].Text(i))] = time.UnixMicro(rows[1].Ints[i])
		}
		return nil
	})
	return dropped, err
}
