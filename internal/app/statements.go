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
	streams, err := a.builtinStreams()
	if err != nil {
		return nil, nil, err
	}
	held, release, err := a.holdStream(ctx, a.Project.Stream(project.StatementStream))
	if err != nil {
		return nil, nil, err
	}
	unlockImports, err := a.importLock.Lock(ctx, "statements")
	if err != nil {
		release()
		return nil, nil, err
	}
	unlock = func() {
		streams.ObjectFiles.Release()
		unlockImports()
		release()
	}
	st := held.store
	streams.Catalog = st.Catalog
	findIDs := func(ctx context.Context, s *project.Stream, list []string) (map[string]uint64, error) {
		return ids.Find(ctx, st, s, list)
	}
	ingest := func(ctx context.Context, stream string, files []string, parts func(path string) []event.FilePart) (intake.Result, error) {
		return a.ingestRows(ctx, st, stream, files, parts)
	}
	return &aggregate.Importer{Streams: streams, Scratch: st.Scratch, Ingest: ingest, FindIDs: findIDs, Now: st.Now}, unlock, nil
}

// ingestRows ingests rows of statements. The caller holds their streams.
func (a *App) ingestRows(ctx context.Context, st *event.Store, stream string, files []string, parts func(path string) []event.FilePart) (intake.Result, error) {
	unlock, err := a.streamLocks.Lock(ctx, stream)
	if err != nil {
		return intake.Result{}, err
	}
	defer unlock()
	s := a.Project.Stream(stream)
	r, err := intake.Ingest(ctx, st, s, files, intake.Options{KeyColumns: a.keyColumns(stream), Parts: parts})
	if r.Batch > 0 {
		a.batchSealed(r)
	}
	return r, err
}

// Completeness calls each with the verdicts on every account. stale are acceptances that no longer match any interval.
func (a *App) Completeness(ctx context.Context, q completeness.Query, each func(completeness.Account) error) (stale []completeness.Acceptance, err error) {
	streams, err := a.builtinStreams()
	if err != nil {
		return nil, err
	}
	defer streams.ObjectFiles.Release()
	return (&completeness.Accounts{Streams: streams}).Judge(ctx, q, each)
}

// AcceptInterval records that a person accepts an unproven interval of an account, or with undo removes that record. until is as
// in Accounts.Accept.
func (a *App) AcceptInterval(ctx context.Context, name, reason, until string, undo bool) (completeness.Acceptance, error) {
	streams, err := a.builtinStreams()
	if err != nil {
		return completeness.Acceptance{}, err
	}
	defer streams.ObjectFiles.Release()
	accounts := &completeness.Accounts{Streams: streams}
	if undo {
		return accounts.Undo(ctx, name)
	}
	return accounts.Accept(ctx, name, reason, until, a.Events.Now())
}

// builtinStreams returns what is stored of the built-in streams for one operation, which releases their files at its end. It returns an
// error if a declared stream has the name of one.
func (a *App) builtinStreams() (imported.Streams, error) {
	if s := a.Project.Shadowing(); s != nil {
		return imported.Streams{}, failure.Wrap(failure.Data,
			fmt.Errorf("%s:%d: stream %s has the name of a built-in stream, so statements cannot be imported: rename it", s.File, s.Line, s.Name))
	}
	return imported.Streams{Objects: a.Engine.Objects, ObjectFiles: a.Engine.Objects.Files(), Catalog: a.Events.Catalog, Project: a.Project, Duck: a.Events.Duck}, nil
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
