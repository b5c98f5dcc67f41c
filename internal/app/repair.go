// Repair: what can be derived is made again, and what cannot is put back from a backup.

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

	"bursar/internal/aggregate"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/spool"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/temporal"
)

// RepairOptions of one repair.
type RepairOptions struct {
	Backup        string // folder of a backup; empty is none
	DismissLosses bool   // reported losses of requests were seen
	Sample        int    // artifacts that the verification at its end recomputes

	GiveUp map[string]event.GiveUp // by stream: what is lost and to be done without
}

// RepairedProject is what a repair has done, and what is still broken.
type RepairedProject struct {
	OK     bool     `json:"ok"`
	Done   []string `json:"done"`
	Broken []string `json:"broken"`

	Outdated     []string `json:"-"` // pipelines of Broken that are whole, and only wait to be rebuilt
	CountedTwice int      `json:"-"` // streams of Broken that are whole, and have events that count twice
}

// repair carries one repair.
type repair struct {
	*App
	options       RepairOptions
	backup        *backup
	indexReplaced bool // the index is a new, empty one

	missing string // what of some stream is: events or a retraction; empty where nothing is
	out     RepairedProject
}

func (r *repair) report(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.log.Info("repair: " + text)
	r.out.Done = append(r.out.Done, text)
}

func (r *repair) reportBroken(err error) {
	r.out.Broken = append(r.out.Broken, err.Error())
	if changed := (*reconcile.ChangedError)(nil); errors.As(err, &changed) {
		r.out.Outdated = append(r.out.Outdated, changed.Pipeline)
	}
	if errors.As(err, new(*event.TwiceError)) {
		r.out.CountedTwice++
	}
}

// Repair repairs the project in a folder, which no other process has open. It may be called again after a crash: every step
// looks at what is there.
func Repair(ctx context.Context, dir string, o RepairOptions, log *slog.Logger) (_ RepairedProject, err error) {
	a, err := lockProject(ctx, dir, repairCommand, log)
	if err != nil {
		return RepairedProject{}, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	r := &repair{App: a, options: o, out: RepairedProject{Done: []string{}, Broken: []string{}}}
	if r.backup, err = newBackup(o.Backup); err != nil {
		return r.out, err
	}
	if err := r.openStores(ctx); err != nil {
		return r.out, err
	}
	r.backup.objects = a.Intake.Objects
	for _, step := range []func(context.Context) error{r.restoreOriginals, r.repairStreams, r.repairSpools, r.repairPipelines, r.removeUnknownObjects} {
		if err := step(ctx); err != nil {
			return r.out, err
		}
	}
	a.clearDifferences()
	r.out.OK = len(r.out.Broken) == 0
	return r.out, ctx.Err()
}

// openStores replaces what of the stores cannot be opened, then opens them.
func (r *repair) openStores(ctx context.Context) error {
	if err := temporal.VerifyDatabase(ctx, r.state); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := temporal.RemoveDatabase(r.state); err != nil {
			return err
		}
		r.report("removed the damaged temporal.db: the next start makes a new one")
	}
	if err := r.openCatalog(ctx); err != nil {
		return err
	}
	return r.openState(ctx)
}

// openCatalog proves that the catalog is whole, and takes what is whole of a damaged one over into a new one.
func (r *repair) openCatalog(ctx context.Context) error {
	path := filepath.Join(r.state, "catalog.db")
	records, err := catalog.Open(path)
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
		r.report("made a new catalog in the place of the one that is gone")
		return nil
	}
	r.report("took %s of the damaged catalog over into a new one; the old one is kept as %s", plural(int64(done.Kept), "whole document"), done.Damaged)
	return nil
}

// openState opens the state; an index that cannot be opened, or is not as it was left, is replaced by an empty one.
func (r *repair) openState(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	if r.index.unusable() == nil && !r.hasDifference("index/") {
		return nil
	}
	return r.replaceIndex()
}

func (r *repair) replaceIndex() error {
	if err := r.index.replace(); err != nil {
		return err
	}
	r.indexReplaced = true
	r.report("removed the damaged index")
	return nil
}

// restoreOriginals puts statement files back.
func (r *repair) restoreOriginals(ctx context.Context) error {
	_, damaged, err := aggregate.VerifyOriginals(ctx, r.Intake.Catalog, r.Intake.Objects)
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

// repairStreams repairs batches, then dedupe indexes.
func (r *repair) repairStreams(ctx context.Context) error {
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
			s = &project.Stream{Name: name} // not declared any more: its batches are kept all the same
		}
		done, err := r.Intake.Repair(ctx, s, r.backup, r.options.GiveUp[name])
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

// repairDedupe makes the dedupe index of a stream again unless it is whole. Events that count twice are left to whoever knows which is right.
func (r *repair) repairDedupe(ctx context.Context, s *project.Stream) {
	if r.Intake.VerifyDedupe(ctx, s) != nil || r.Intake.OlderDedupe(ctx, s.Name) {
		if err := r.Intake.RebuildDedupe(ctx, s); err != nil {
			r.reportBroken(fmt.Errorf("make the dedupe index of %s again: %w", s.Name, err))
			return
		}
		r.report("made the dedupe index of %s again from its events", s.Name)
	}
	if err := r.Intake.VerifyCountedOnce(ctx, s); err != nil {
		r.reportBroken(err)
	}
}

// missingItems says what is missing by an error of the repair of a stream.
func missingItems(err error) string {
	if older := (*event.OlderError)(nil); errors.As(err, &older) && older.Retraction > 0 {
		return "a retraction is"
	}
	return "events are"
}

// repairSpools takes in what is whole of spools, and dismisses losses that were seen.
func (r *repair) repairSpools(ctx context.Context) error {
	if len(r.out.Broken) == 0 { // else a stream may not be ready to seal anything
		unsealed, err := r.recoverAllSpools(ctx)
		if err != nil {
			return err
		}
		for _, err := range unsealed {
			r.reportBroken(err)
		}
		r.losses.mu.Lock()
		for _, l := range r.losses.all {
			r.report("took in %d whole requests of spool %d of %s", l.Taken, l.Spool, l.Stream)
		}
		r.losses.mu.Unlock()
	}
	losses, err := r.Losses()
	if err != nil {
		return err
	}
	for _, l := range losses {
		if !r.options.DismissLosses {
			r.reportBroken(errors.New(l.String()))
			continue
		}
		if err := spool.Dismiss(r.spool(l.Stream), l); err != nil {
			return err
		}
		r.report("dismissed the loss of spool %d of %s", l.Spool, l.Stream)
	}
	return nil
}

// removeUnknownObjects removes objects that nothing names, unless something is broken that may still name them.
func (r *repair) removeUnknownObjects(ctx context.Context) error {
	if len(r.out.Broken) > 0 {
		return nil
	}
	u, err := r.findUnknownObjects(ctx)
	if err != nil {
		return err
	}
	for _, name := range u.unexpected {
		if strings.HasPrefix(name, "streams/") {
			known, err := r.Intake.InKnownBatch(ctx, name)
			if err != nil {
				return err
			}
			if !known {
				r.reportBroken(fmt.Errorf("%s is named by nothing, and kept: it may hold events", name))
				continue
			}
		}
		if err := r.Intake.Objects.Delete(ctx, name); err != nil {
			return err
		}
		r.report("removed %s, which nothing names", name)
	}
	return nil
}

var _ event.Backup = (*backup)(nil)
