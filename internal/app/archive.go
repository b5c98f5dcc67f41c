// Commands about the archive of the warehouse: move old periods of tables to other tiers, bring them back, list and verify them.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bursar/internal/app/marker"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/load"
	"bursar/internal/warehouse/publish"
)

// Archiver returns what archives tables of the project's warehouse.
func (a *App) Archiver(ctx context.Context) (*archive.Archiver, error) {
	id, err := marker.ID(ctx, a.catalog)
	if err != nil {
		return nil, err
	}
	r := &archive.Archiver{ProjectID: id, Objects: a.Engine.Objects, Scratch: filepath.Join(a.Engine.Scratch, warehouseScratch), Duck: a.Engine.Duck, Now: time.Now, Open: a.Warehouse}
	if err := os.MkdirAll(r.Scratch, 0o700); err != nil {
		return nil, err
	}
	if a.bucket != nil {
		r.Objects = a.bucket // what was written is read back from there, and not from a copy
	}
	if a.hasLocalWarehouse() {
		r.Copies = archive.Downloaded(a.warmFolder(), r.Objects)
		if folder, isLocal := a.Engine.Objects.(*object.Folder); isLocal {
			r.Copies = archive.OwnFiles(folder)
		}
	}
	return r, nil
}

// warehouseScratch is the folder below the scratch folder for files on their way into the warehouse, or out of it.
const warehouseScratch = "warehouse"

// warmFolder is the folder whose files views of a local warehouse read.
func (a *App) warmFolder() string {
	if folder, isLocal := a.Engine.Objects.(*object.Folder); isLocal {
		return folder.Path(archive.WarmFolder)
	}
	return filepath.Join(a.state, "warm")
}

// prepareArchive makes the warm tier readable in a warehouse that was just opened.
func (a *App) prepareArchive(ctx context.Context, db warehouse.Database) error {
	if a.readOnly || !a.hasLocalWarehouse() {
		return nil
	}
	r, err := a.Archiver(ctx)
	if err == nil {
		err = r.Prepare(ctx, db)
	}
	if err != nil {
		return fmt.Errorf("open the warm tier of the warehouse: %w", err)
	}
	return nil
}

// ArchiveOptions say what is archived.
type ArchiveOptions struct {
	Tables []string // empty: all with an archive
	// Before and ColdBefore replace the declared ages, if one of them is given: periods before Before leave the warehouse, those before
	// ColdBefore become cold.
	Before, ColdBefore time.Time
}

// limits returns the limits of a table.
func (o *ArchiveOptions) limits(t *archive.Table) archive.Limits {
	if o.Before.IsZero() && o.ColdBefore.IsZero() {
		return t.Limits(time.Now())
	}
	return archive.Limits{Hot: o.Before, Warm: o.ColdBefore, Kept: true}
}

// PlanArchive lists the moves that are due, table by table, the oldest periods first. The error of a table is returned with the moves of the
// others.
func (a *App) PlanArchive(ctx context.Context, o ArchiveOptions) (moves []archive.Move, err error) {
	r, tables, err := a.archiveTables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range o.Tables {
		if t, err := findArchived(tables, name); err != nil {
			return nil, err
		} else if t.Declared == nil {
			return nil, failure.Wrap(failure.Data, fmt.Errorf("table %s declares no archive: add `archive` to its stream or load", name))
		}
	}
	for _, t := range tables {
		if len(o.Tables) > 0 && !slices.Contains(o.Tables, t.Name) {
			continue
		}
		list, failed := r.Plan(ctx, t, o.limits(&t))
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("archive %s: %w", t.Name, failed))
			continue
		}
		moves = append(moves, list...)
	}
	return moves, err
}

// archiveTables returns what archives, and the tables of the project that may be archived.
func (a *App) archiveTables(ctx context.Context) (*archive.Archiver, []archive.Table, error) {
	if err := a.missingWarehouse(); err != nil {
		return nil, nil, err
	}
	p, err := a.Publisher(ctx)
	if err != nil {
		return nil, nil, err
	}
	if faults := a.warehouseFaults.ofLoads(); faults != nil {
		return nil, nil, faults
	}
	tables, err := p.ArchiveTables(ctx)
	for _, l := range a.Project.Loads {
		tables = append(tables, load.ArchiveTable(l))
	}
	return p.Archive, tables, err
}

// findArchived finds a table by its name, or by that of its view.
func findArchived(tables []archive.Table, name string) (archive.Table, error) {
	names := make([]string, len(tables))
	for i, t := range tables {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	return archive.Table{}, &publish.NotFoundError{Table: name, Tables: names}
}

// moveAttempts is how often a move is tried, if rows change meanwhile, or the warehouse is away for a moment.
const moveAttempts = 4

// MovePeriod makes one move of a plan. It may be repeated: what was moved is not moved twice.
func (a *App) MovePeriod(ctx context.Context, m archive.Move) (out archive.Moved, err error) {
	ctx, diskErr, endWatch := a.disk.watch(ctx)
	defer endWatch()
	r, tables, err := a.archiveTables(ctx)
	if err != nil {
		return out, cmp.Or(diskErr(), err)
	}
	t, err := findArchived(tables, m.Table)
	if err != nil {
		return out, err
	}
	move := r.Do
	if m.To == archive.Hot {
		move = r.Restore
	}
	for attempt := range moveAttempts {
		pause(ctx, time.Duration(attempt)*time.Second)
		if out, err = move(ctx, t, m); err == nil || !failure.Of(err).Retryable() || ctx.Err() != nil {
			break
		}
		a.log.Info("a move of the archive has failed, and is repeated", "table", m.Table, "period", m.Period, "error", err)
	}
	return out, cmp.Or(diskErr(), err)
}

// sweepArchive removes the objects of interrupted moves, and those that nothing needs any more.
func (a *App) sweepArchive(ctx context.Context) error {
	r, _, err := a.archiveTables(ctx)
	if err == nil {
		_, err = r.Sweep(ctx)
	}
	return err
}

// PlanRestore lists the moves that bring the periods of a table within a range back to a tier. They stay there for a time, whatever their age is.
func (a *App) PlanRestore(ctx context.Context, table string, within archive.Period, to archive.Tier, keep project.Age) ([]archive.Move, error) {
	r, tables, err := a.archiveTables(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := findArchived(tables, table); err != nil {
		return nil, err
	}
	if to == archive.Warm && r.Copies == nil {
		kind := a.Project.Config.Warehouse.Kind
		return nil, failure.Wrap(failure.Data, fmt.Errorf("a warehouse in %s has no warm tier: restore to hot", kind))
	}
	now, until := time.Now().UTC(), time.Time{}
	if !keep.IsZero() {
		until = keep.After(now)
	}
	return r.PlanRestore(ctx, table, within, to, until)
}

// ArchivedParts lists what is archived of some tables, or of all.
func (a *App) ArchivedParts(ctx context.Context, names []string) ([]archive.Part, error) {
	r, tables, err := a.archiveTables(ctx)
	if err != nil {
		return nil, err
	}
	parts, err := r.List(ctx)
	for _, name := range names {
		if slices.ContainsFunc(parts, func(p archive.Part) bool { return p.Table == name }) {
			continue
		}
		if _, err := findArchived(tables, name); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(parts, func(p archive.Part) bool { return len(names) > 0 && !slices.Contains(names, p.Table) }), err
}

// MovePeriods makes moves one after the other, and returns those that were made. watch is called before each. Then it removes the objects that are
// not needed. The error of a table does not keep the others from being moved, but one that may pass does: it is mostly the warehouse that is away.
// Such an error is the first one.
func (a *App) MovePeriods(ctx context.Context, moves []archive.Move, watch func(archive.Move)) (done []archive.Moved, err error) {
	failed := map[string]bool{} // by table
	for _, m := range moves {
		if failed[m.Table] {
			continue
		}
		watch(m)
		moved, moveErr := a.MovePeriod(ctx, m)
		switch {
		case moveErr == nil:
			done = append(done, moved)
		case failure.Of(moveErr).Retryable() || ctx.Err() != nil:
			return done, errors.Join(moveErr, err)
		default:
			failed[m.Table], err = true, errors.Join(err, moveErr)
		}
	}
	return done, errors.Join(err, a.sweepArchive(ctx))
}

// VerifyArchive reads the objects of parts and compares them with the journal.
func (a *App) VerifyArchive(ctx context.Context, parts []archive.Part, each func(archive.Checked)) error {
	r, err := a.Archiver(ctx)
	if err != nil {
		return err
	}
	return r.Verify(ctx, parts, each)
}

// HasArchive reports whether a stream or a load of the project declares an archive.
func (a *App) HasArchive() bool {
	return slices.ContainsFunc(a.Project.Loads, func(l *project.Load) bool { return l.Archive != nil }) ||
		slices.ContainsFunc(a.Project.Streams, func(s *project.Stream) bool { return s.Archive != nil })
}
