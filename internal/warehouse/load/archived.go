// The archive of a load's table: rows that are replaced are replaced there, too, and a table that is filled from the beginning has none.

package load

import (
	"context"
	"math"
	"slices"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

// ArchiveTable is the table of a load, as it is archived. The journal of the archive knows which periods of a time series are in each part.
func ArchiveTable(l *project.Load) archive.Table {
	t := archive.Table{
		Name: l.Table, Columns: tableColumns(l), Order: []string{loadColumn, objectColumn, lineColumn}, Declared: l.Archive, Update: "bursar load " + l.Name,
		Again: "`bursar load " + l.Name + " --reload` fills the table from all objects",
	}
	if l.Series != nil {
		t.Source = periodColumn
	}
	return t
}

// lacksView reports whether the table lacks the view of it and its archive, or has one that lacks columns.
func (r *run) lacksView(ctx context.Context, reader warehouse.Reader) (bool, error) {
	if r.declared.Archive == nil {
		return false, nil
	}
	return r.l.config.Archive.IsBehind(ctx, reader, r.declared.Table)
}

// hasArchive reports whether the table has an archive, or has rows in one that is not declared any more.
func (r *run) hasArchive(ctx context.Context, tx warehouse.Tx) (bool, error) {
	if r.declared.Archive != nil {
		return true, nil
	}
	parts, err := archive.Parts(ctx, tx, r.declared.Table)
	return len(parts) > 0, err
}

// refreshView makes the view show the table as it is now.
func (r *run) refreshView(ctx context.Context, tx warehouse.Tx) error {
	if has, err := r.hasArchive(ctx, tx); err != nil || !has {
		return err
	}
	return r.l.config.Archive.Refresh(ctx, r.db(), tx, r.declared.Table)
}

// restoreBefore prepares the archive for the deletion of the rows of the periods that are replaced.
func (r *run) restoreBefore(ctx context.Context, tx warehouse.Tx) error {
	s, last := r.declared.Series, int64(math.MaxInt64)
	if s.End != nil {
		last = periodValue(s.By, *s.End)
	}
	return r.l.config.Archive.RestoreBefore(ctx, r.db(), tx, ArchiveTable(r.declared), periodValue(s.By, r.from), last)
}

// remakeTable makes the table from the beginning, so that its archive is empty. Its view is dropped before if the columns change.
func (r *run) remakeTable(ctx context.Context, tx warehouse.Tx, remake func() error) error {
	has, err := r.hasArchive(ctx, tx)
	if err != nil {
		return err
	}
	if !has {
		return remake()
	}
	if err := r.l.config.Archive.Forget(ctx, tx, r.declared.Table); err != nil {
		return err
	}
	if !r.hasColumns() {
		if err := archive.DropView(ctx, r.db(), tx, r.declared.Table); err != nil {
			return err
		}
	}
	if err := remake(); err != nil {
		return err
	}
	return r.l.config.Archive.Refresh(ctx, r.db(), tx, r.declared.Table)
}

// hasColumns reports whether the table has the declared columns, and no others.
func (r *run) hasColumns() bool {
	return r.history.Table != nil && slices.EqualFunc(r.history.Table.Columns, r.columns, func(c warehouse.Column, f column.Field) bool {
		return c.Name == r.db().Name(f.Name) && c.SQL == r.db().Type(f.Type)
	})
}
