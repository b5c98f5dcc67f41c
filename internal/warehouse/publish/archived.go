// The archive of a stream's table, as publishing changes the table: rows that are retracted are restored before, and a table that is made from
// the beginning has all its rows again.

package publish

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

// archived is the archive of a stream's table.
type archived struct {
	*archive.Archiver

	table   archive.Table
	emptied bool // by forget
}

func (p *Publisher) archived(s *project.Stream) archived {
	t := archive.Table{
		Name: project.EventsTable(s.Name), Columns: eventColumns(s), Order: []string{BatchColumn, event.FileColumn, event.RowColumn}, Source: BatchColumn,
		Declared: s.Archive, Update: "bursar publish",
	}
	t.Again = fmt.Sprintf("`bursar publish --again %s` makes the table from the events", t.Name)
	for i := range s.Totals {
		if total := &s.Totals[i]; total.Where == "" { // other conditions are in the SQL of another database
			t.Totals = append(t.Totals, archive.Total{Name: total.Name, Sum: total.Sum, By: total.By})
		}
	}
	return archived{Archiver: p.Archive, table: t}
}

// ArchiveTables lists the tables that may be archived.
func (p *Publisher) ArchiveTables(ctx context.Context) (list []archive.Table, err error) {
	sources, err := p.sources(ctx)
	for _, s := range sources {
		if s.stream != nil {
			list = append(list, p.archived(s.stream).table)
		}
	}
	return list, err
}

// view is the name of the table's view; empty if there is none.
func (a *archived) view() string {
	if a.table.Declared == nil {
		return ""
	}
	return project.ArchiveView(a.table.Name)
}

// lacksView reports whether the table lacks its view.
func (a *archived) lacksView(ctx context.Context, r warehouse.Reader) (bool, error) {
	if a.view() == "" {
		return false, nil
	}
	return a.IsBehind(ctx, r, a.table.Name)
}

// refresh makes the view show the table as it is now.
func (a *archived) refresh(ctx context.Context, db warehouse.Database, tx warehouse.Tx) error {
	parts, err := archive.Parts(ctx, tx, a.table.Name)
	if err != nil || a.view() == "" && len(parts) == 0 && !a.emptied {
		return err
	}
	err = a.Refresh(ctx, db, tx, a.table.Name)
	if err != nil && failure.Of(err) == failure.Data {
		err = fmt.Errorf("%w; `bursar archive --verify` reports what is lost, and `bursar publish --again %s` makes the table from the events", err, a.table.Name)
	}
	return err
}

// forget forgets what is archived, because the table is made from the beginning. Its view is dropped before if its columns change: those that
// are declared, or that somebody has changed.
func (a *archived) forget(ctx context.Context, db warehouse.Database, tx warehouse.Tx, before *record, definition string) error {
	parts, err := archive.Parts(ctx, tx, a.table.Name)
	if err != nil {
		return err
	}
	a.emptied = len(parts) > 0
	if err := a.Forget(ctx, tx, a.table.Name); err != nil || a.view() == "" && !a.emptied || before == nil {
		return err
	}
	stored, _, err := tx.Table(ctx, a.table.Name)
	if err != nil || before.definition == definition && !a.hasOther(db, &stored) {
		return err
	}
	return archive.DropView(ctx, db, tx, a.table.Name)
}

// hasOther reports whether the table has a column that is not declared.
func (a *archived) hasOther(db warehouse.Database, stored *warehouse.Table) bool {
	return slices.ContainsFunc(stored.Columns, func(c warehouse.Column) bool {
		return !slices.ContainsFunc(a.table.Columns, func(f column.Field) bool { return db.Name(f.Name) == c.Name && db.Type(f.Type) == c.SQL })
	})
}

// restore brings back the rows of batches.
func (a *archived) restore(ctx context.Context, db warehouse.Database, tx warehouse.Tx, batches []uint64) error {
	_, err := a.RestoreSource(ctx, db, tx, a.table, batches)
	return err
}
