// Repair of a project: rebuilds everything that is derived, and restores the rest from a backup.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/repair"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal"
)

// RepairOptions are the options of one repair.
type RepairOptions struct {
	Backup        string // folder of a backup; may be empty
	DismissLosses bool   // dismiss reported losses of requests, and of output of tasks
	Sample        int    // artifacts that verification recomputes
	AdoptStorage  bool   // take the objects in the bucket for those of this project, although its catalog does not know them
	RenewIdentity bool   // make a new identity key in place of the one that this folder of a shared project lacks

	GiveUp map[string]repair.GiveUp // by stream: lost parts to give up
}

// RepairedProject is the result of a repair.
type RepairedProject struct {
	OK     bool     `json:"ok"`
	Done   []string `json:"done"`
	Broken []string `json:"broken"`

	Outdated     []string `json:"-"` // pipelines in Broken that are undamaged and only need a rebuild
	CountedTwice int      `json:"-"` // streams in Broken that are undamaged and have events that count twice
}

type repairer struct {
	*App
	options       RepairOptions
	backup        *backup
	indexReplaced bool // the index was replaced by an empty one

	missing string // what is missing of some stream, for messages: "events are" or "a retraction is"
	out     RepairedProject
}

func (r *repairer) report(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.log.Info("repair: " + text)
	r.out.Done = append(r.out.Done, text)
}

func (r *repairer) reportBroken(err error) {
	r.out.Broken = append(r.out.Broken, err.Error())
	if changed := (*runs.ChangedError)(nil); errors.As(err, &changed) {
		r.out.Outdated = append(r.out.Outdated, changed.Pipeline)
	}
	if errors.As(err, new(*eventverify.CountedTwiceError)) {
		r.out.CountedTwice++
	}
}

// Repair repairs the project in a folder, which it locks. It may be called again after a crash: every step starts from what it
// finds.
func Repair(ctx context.Context, dir string, o RepairOptions, log *slog.Logger) (_ RepairedProject, err error) {
	a, err := lockProject(ctx, dir, repairCommand, log)
	if err != nil {
		return RepairedProject{}, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	a.renewIdentity, a.adoptStorage = o.RenewIdentity, o.AdoptStorage
	r := &repairer{App: a, options: o, out: RepairedProject{Done: []string{}, Broken: []string{}}}
	if r.backup, err = newBackup(o.Backup); err != nil {
		return r.out, err
	}
	if err := r.openStores(ctx); err != nil {
		return r.out, err
	}
	r.backup.objects = a.Events.Objects
	for _, step := range []func(context.Context) error{r.restoreOriginals, r.repairStreams, r.repairSpools, r.repairPipelines, r.repairWarehouse, r.repairJobs, r.removeUnknownObjects} {
		if err := step(ctx); err != nil {
			return r.out, err
		}
	}
	a.differences = nil
	r.out.OK = len(r.out.Broken) == 0
	return r.out, ctx.Err()
}

func (r *repairer) openStores(ctx context.Context) error {
	if err := temporal.VerifyDatabase(ctx, r.state); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := temporal.RemoveDatabase(r.state); err != nil {
			return err
		}
		r.report("removed the damaged temporal.db; the next start creates a new one")
	}
	if err := r.repairCatalog(ctx); err != nil {
		return err
	}
	return r.openState(ctx)
}

// repairCatalog verifies a catalog in a file. If it is damaged, it copies its undamaged documents into a new one. A database has its
// own backups.
func (r *repairer) repairCatalog(ctx context.Context) error {
	if r.Project.Config.IsShared() {
		return nil
	}
	if err := r.checkLocalCatalog(ctx); err != nil {
		return err
	}
	path := filepath.Join(r.state, "catalog.db")
	records, err := catalog.OpenSQLite(path)
	if err == nil {
		_, err = records.Verify(ctx)
		err = errors.Join(err, records.Close())
	}
	var damaged *catalog.DamagedError
	if !errors.As(err, &damaged) && (err != nil || !r.hasDifference("catalog.db")) {
		return err
	}
	done, err := catalog.Salvage(ctx, path)
	if err != nil {
		return err
	}
	if done.Damaged == "" {
		r.report("created a new catalog in place of the missing one")
		return nil
	}
	r.report("copied %s of the damaged catalog into a new one; the old one is kept as %s", reconcile.Plural(done.Kept, "undamaged document"), done.Damaged)
	return nil
}

// openState opens the state. An index that is damaged, or has changed since the last close, is replaced by an empty one.
func (r *repairer) openState(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	if _, unusable := r.index.(unusableIndex); unusable || r.hasDifference("index/") {
		return r.replaceDamagedIndex()
	}
	return nil
}

// replaceDamagedIndex removes a damaged index in files. In a database, a load of all entries removes those of before.
func (r *repairer) replaceDamagedIndex() error {
	r.indexReplaced = true
	if r.Project.Config.Index.Kind == project.PostgresBackend {
		return nil
	}
	if err := r.replaceIndex(); err != nil {
		return err
	}
	r.report("removed the damaged index")
	return nil
}

// restoreOriginals restores damaged or missing statement files from the backup.
func (r *repairer) restoreOriginals(ctx context.Context) error {
	_, damaged, err := imported.VerifyOriginals(ctx, r.Events.Catalog, r.Events.Objects)
	if err != nil {
		return err
	}
	for _, d := range damaged {
		found, err := r.backup.original(ctx, d.Name, d.Digest)
		if err != nil {
			return err
		}
		if found {
			r.report("restored %s", d.Name)
		} else {
			r.reportBroken(d.Err)
		}
	}
	return nil
}

func (r *repairer) repairStreams(ctx context.Context) error {
	names, err := r.streamNames(ctx)
	if err != nil {
		return err
	}
	for name := range r.options.GiveUp {
		if !slices.Contains(names, name) {
			return &reconcile.NotFoundError{What: "stream " + name}
		}
	}
	for _, name := range names {
		s := r.Project.Stream(name)
		if s == nil {
			s = &project.Stream{Name: name} // no longer declared, but its batches are kept
		}
		done, err := repair.Stream(ctx, r.Events, s, r.backup, r.options.GiveUp[name])
		for _, text := range done.Done {
			r.report("%s", text)
		}
		for _, err := range done.Broken {
			r.reportBroken(err)
			r.missing = cmp.Or(r.missing, missingItems(err))
		}
		if err != nil {
			return err
		}
		if r.Project.Stream(name) != nil {
			r.repairDedupe(ctx, s)
		}
	}
	return ctx.Err()
}

// repairDedupe rebuilds the dedupe index of a stream if it is damaged. Events that count twice are only reported: a person has
// to decide which one is right.
func (r *repairer) repairDedupe(ctx context.Context, s *project.Stream) {
	if ids.Verify(ctx, r.Events, s) != nil || ids.IsLegacy(ctx, r.Events, s.Name) {
		if err := ids.Rebuild(ctx, r.Events, s); err != nil {
			r.reportBroken(fmt.Errorf("rebuild the dedupe index of %s: %w", s.Name, err))
			return
		}
		r.report("rebuilt the dedupe index of %s from its events", s.Name)
	}
	if err := eventverify.CountedOnce(ctx, r.Events, s); err != nil {
		r.reportBroken(err)
	}
}

// missingItems returns what an error of a stream's repair says is missing, with its verb.
func missingItems(err error) string {
	if older := (*event.NotInCatalogError)(nil); errors.As(err, &older) && older.Retraction > 0 {
		return "a retraction is"
	}
	return "events are"
}

// repairSpools seals the undamaged requests of spools, and dismisses losses if the options say so.
func (r *repairer) repairSpools(ctx context.Context) error {
	if len(r.out.Broken) == 0 { // else a stream may not be able to seal
		unsealed, err := r.recoverAllSpools(ctx)
		if err != nil {
			return err
		}
		for _, err := range unsealed {
			r.reportBroken(err)
		}
		r.losses.mu.Lock()
		for _, l := range r.losses.all {
			r.report("ingested %d undamaged requests of spool %d of %s", l.Recovered, l.Spool, l.Stream)
		}
		r.losses.mu.Unlock()
	}
	losses, err := r.Losses(ctx)
	if err != nil {
		return err
	}
	for _, l := range losses {
		if !r.options.DismissLosses {
			r.reportBroken(errors.New(l.String()))
			continue
		}
		if err := r.spoolStore(l.Stream).Dismiss(ctx, l); err != nil {
			return err
		}
		r.report("dismissed the loss of spool %d of %s", l.Spool, l.Stream)
	}
	return nil
}

// removeUnknownObjects removes objects to which nothing refers, unless something is broken that may refer to them.
func (r *repairer) removeUnknownObjects(ctx context.Context) error {
	if len(r.out.Broken) > 0 {
		return nil
	}
	u, err := r.findUnknownObjects(ctx)
	if err != nil {
		return err
	}
	for _, name := range u.unexpected {
		if strings.HasPrefix(name, "streams/") {
			known, err := r.Events.InKnownBatch(ctx, name)
			if err != nil {
				return err
			}
			if !known {
				r.reportBroken(fmt.Errorf("nothing refers to %s, which is kept because it may contain events", name))
				continue
			}
		}
		if err := r.Events.Objects.Delete(ctx, name); err != nil {
			return err
		}
		r.report("removed %s, to which nothing refers", name)
	}
	return nil
}
