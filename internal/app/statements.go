// Statements: what institutions send, taken in and judged.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/aggregate"
	"bursar/internal/event"
	"bursar/internal/failure"
)

// Import takes statement files into the built-in streams. Imports wait for each other.
func (a *App) Import(ctx context.Context, files []string, o aggregate.Options) (aggregate.Result, error) {
	im, unlock, err := a.importer(ctx)
	if err != nil {
		return aggregate.Result{}, err
	}
	defer unlock()
	return im.Import(ctx, files, o)
}

// RetractFile has the statements of an imported file count no more, or with undo again. Imports wait for it.
func (a *App) RetractFile(ctx context.Context, name, reason string, undo bool) (aggregate.RetractedFile, error) {
	im, unlock, err := a.importer(ctx)
	if err != nil {
		return aggregate.RetractedFile{}, err
	}
	defer unlock()
	if undo {
		return im.Undo(ctx, name)
	}
	return im.Retract(ctx, name, reason)
}

// RetractedFiles lists the statement files that are retracted.
func (a *App) RetractedFiles(ctx context.Context) ([]aggregate.RetractedFile, error) {
	return aggregate.Retracted(ctx, a.Intake.Catalog)
}

// CheckRetractions returns an *UnfinishedError while the retraction of a file was cut short.
func (a *App) CheckRetractions(ctx context.Context) error {
	return aggregate.CheckRetractions(ctx, a.Intake.Catalog)
}

// importer has the built-in streams for itself until unlock is called.
func (a *App) importer(ctx context.Context) (im *aggregate.Importer, unlock func(), err error) {
	if err := a.hasStatements(); err != nil {
		return nil, nil, err
	}
	if unlock, err = a.imports.Lock(ctx, "statements"); err != nil {
		return nil, nil, err
	}
	return &aggregate.Importer{
		Objects: a.Engine.Objects, Catalog: a.Intake.Catalog, Project: a.Project, Duck: a.Intake.Duck,
		Scratch: a.Intake.Scratch, Ingest: a.takeRows, FindIDs: a.Intake.Known, Now: a.Intake.Now,
	}, unlock, nil
}

// takeRows seals rows of a built-in stream, and wakes the pipelines that fold it.
func (a *App) takeRows(ctx context.Context, stream string, files []string, parts func(path string) []event.Part) (event.Result, error) {
	s := a.Project.Stream(stream)
	o := event.Options{KeyColumns: a.keyColumns(stream), Parts: parts}
	r, err := a.take(ctx, s, func() (event.Result, error) { return a.Intake.Ingest(ctx, s, files, o) })
	if err == nil && r.Batch > 0 {
		a.sealed(r)
	}
	return r, err
}

// Completeness judges what the statements of every account prove; stale are acceptances that no interval has any more.
func (a *App) Completeness(ctx context.Context, q aggregate.Query, each func(aggregate.Account) error) (stale []aggregate.Acceptance, err error) {
	if err := a.hasStatements(); err != nil {
		return nil, err
	}
	return a.completeness().Judge(ctx, q, each)
}

func (a *App) completeness() *aggregate.Completeness {
	return &aggregate.Completeness{Objects: a.Engine.Objects, Catalog: a.Intake.Catalog, Project: a.Project, Duck: a.Intake.Duck}
}

// AcceptInterval records for a reason that an interval of an account stays as it is, or with undo that it does not. until is as in Accept.
func (a *App) AcceptInterval(ctx context.Context, name, reason, until string, undo bool) (aggregate.Acceptance, error) {
	if err := a.hasStatements(); err != nil {
		return aggregate.Acceptance{}, err
	}
	if undo {
		return a.completeness().Undo(ctx, name)
	}
	return a.completeness().Accept(ctx, name, reason, until, a.Intake.Now())
}

// hasStatements refuses a project in which a declared stream has the name of a built-in one.
func (a *App) hasStatements() error {
	s := a.Project.Shadowing()
	if s == nil {
		return nil
	}
	return failure.Wrap(failure.Data, fmt.Errorf("%s:%d: stream %s has the name of a built-in stream, so that statements have no place: rename it", s.File, s.Line, s.Name))
}

// importInbox imports files of the inbox. Files that were refused or are retracted are an error, so that each is set aside with its reason.
func (a *App) importInbox(ctx context.Context, files []string) error {
	r, err := a.Import(ctx, files, aggregate.Options{})
	if err != nil {
		return err
	}
	err = r.Err()
	for _, f := range r.Files {
		if f.Retracted != nil {
			err = errors.Join(err, failure.Wrap(failure.Data, fmt.Errorf("%s is retracted (%s): `bursar retract statements %s --undo` has it count again",
				f.File, f.Retracted.Reason, f.Object)))
		}
	}
	return err
}

// importsHere reports whether the inbox takes statement files.
func (a *App) importsHere() bool { return a.Project.Shadowing() == nil }
