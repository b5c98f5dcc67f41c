// Importing, retracting and checking statement files.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/imported"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Import imports statement files into the built-in streams. Imports wait for each other.
func (a *App) Import(ctx context.Context, files []string, o aggregate.Options) (aggregate.Result, error) {
	im, unlock, err := a.importer(ctx)
	if err != nil {
		return aggregate.Result{}, err
	}
	defer unlock()
	return im.Import(ctx, files, o)
}

// RetractFile retracts the statements of an imported file, or with undo restores them. Imports wait for it.
func (a *App) RetractFile(ctx context.Context, name, reason string, undo bool) (imported.RetractedFile, error) {
	im, unlock, err := a.importer(ctx)
	if err != nil {
		return imported.RetractedFile{}, err
	}
	defer unlock()
	if undo {
		return im.Undo(ctx, name)
	}
	return im.Retract(ctx, name, reason)
}

// RetractedFiles lists the statement files that are retracted.
func (a *App) RetractedFiles(ctx context.Context) ([]imported.RetractedFile, error) {
	return imported.Retracted(ctx, a.Events.Catalog)
}

// CheckRetractions returns an *UnfinishedError if the retraction of a file was interrupted and not completed. A project that is opened
// to be verified may have no readable catalog: nothing is known of retractions then.
func (a *App) CheckRetractions(ctx context.Context) error {
	if a.Events == nil {
		return nil
	}
	return imported.CheckRetractions(ctx, a.Events.Catalog)
}

// importer returns an importer and locks the built-in streams until unlock is called.
func (a *App) importer(ctx context.Context) (im *aggregate.Importer, unlock func(), err error) {
	if err := a.checkBuiltinNames(); err != nil {
		return nil, nil, err
	}
	unlockImports, err := a.importLock.Lock(ctx, "statements")
	if err != nil {
		return nil, nil, err
	}
	streams := a.builtinStreams()
	unlock = func() {
		streams.ObjectFiles.Release()
		unlockImports()
	}
	return &aggregate.Importer{
		Streams: streams, Scratch: a.Events.Scratch, Ingest: a.ingestRows, FindIDs: a.findIDs, Now: a.Events.Now,
	}, unlock, nil
}

// findIDs returns those of the ids that a stream has events of, each with its batch.
func (a *App) findIDs(ctx context.Context, s *project.Stream, list []string) (map[string]uint64, error) {
	return ids.Find(ctx, a.Events, s, list)
}

// ingestRows ingests rows of a built-in stream, and wakes the pipelines that fold it.
func (a *App) ingestRows(ctx context.Context, stream string, files []string, parts func(path string) []event.FilePart) (intake.Result, error) {
	s := a.Project.Stream(stream)
	o := intake.Options{KeyColumns: a.keyColumns(stream), Parts: parts}
	r, err := a.withStream(ctx, s, func() (intake.Result, error) { return intake.Ingest(ctx, a.Events, s, files, o) })
	if err == nil && r.Batch > 0 {
		a.batchSealed(r)
	}
	return r, err
}

// Completeness calls each with the verdicts on every account. stale are acceptances that no longer match any interval.
func (a *App) Completeness(ctx context.Context, q completeness.Query, each func(completeness.Account) error) (stale []completeness.Acceptance, err error) {
	if err := a.checkBuiltinNames(); err != nil {
		return nil, err
	}
	accounts := a.completeness()
	defer accounts.ObjectFiles.Release()
	return accounts.Judge(ctx, q, each)
}

func (a *App) completeness() *completeness.Accounts {
	return &completeness.Accounts{Streams: a.builtinStreams()}
}

// builtinStreams returns the built-in streams for one operation, which releases their files at its end.
func (a *App) builtinStreams() imported.Streams {
	return imported.Streams{Objects: a.Engine.Objects, ObjectFiles: a.Engine.Objects.Files(), Catalog: a.Events.Catalog, Project: a.Project, Duck: a.Events.Duck}
}

// AcceptInterval records that a person accepts an unproven interval of an account, or with undo removes that record. until is as
// in Accounts.Accept.
func (a *App) AcceptInterval(ctx context.Context, name, reason, until string, undo bool) (completeness.Acceptance, error) {
	if err := a.checkBuiltinNames(); err != nil {
		return completeness.Acceptance{}, err
	}
	accounts := a.completeness()
	defer accounts.ObjectFiles.Release()
	if undo {
		return accounts.Undo(ctx, name)
	}
	return accounts.Accept(ctx, name, reason, until, a.Events.Now())
}

// checkBuiltinNames returns an error if a declared stream has the name of a built-in one.
func (a *App) checkBuiltinNames() error {
	s := a.Project.Shadowing()
	if s == nil {
		return nil
	}
	return failure.Wrap(failure.Data, fmt.Errorf("%s:%d: stream %s has the name of a built-in stream, so statements cannot be imported: rename it", s.File, s.Line, s.Name))
}

// importInbox imports files of the inbox. Refused and retracted files cause an error, so that the inbox sets each aside with its
// reason.
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

// acceptsStatements reports whether statement files can be imported.
func (a *App) acceptsStatements() bool { return a.Project.Shadowing() == nil }
