// The search for objects that the catalog does not know.

package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/refresh"
	"bursar/internal/event"
	"bursar/internal/event/live/spool"
	"bursar/internal/job/chunk"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/warehouse/archive"
)

// unknownObjects are the objects that the catalog does not know. Unfinished ones are from an interrupted attempt.
type unknownObjects struct{ unexpected, unfinished []string }

// findUnknownObjects lists the objects that the catalog does not know, except files of dedupe indexes, statement files, changes that
// institutions reported, spools and archives, which have checks of their own. Other work may continue meanwhile, so unexpected objects count only if a second look finds them again.
func (a *App) findUnknownObjects(ctx context.Context) (u unknownObjects, err error) {
	if u, err = a.listUnknownObjects(ctx); err != nil || len(u.unexpected) == 0 {
		return u, err
	}
	again, err := a.listUnknownObjects(ctx)
	again.unexpected = slices.DeleteFunc(again.unexpected, func(name string) bool { return !slices.Contains(u.unexpected, name) })
	return again, err
}

func (a *App) listUnknownObjects(ctx context.Context) (u unknownObjects, err error) {
	names, err := a.listObjects(ctx) // listed first, so that objects created meanwhile are not included
	if err != nil {
		return u, err
	}
	known, err := runs.KnownObjects(ctx, a.Engine.Catalog)
	if err != nil {
		return u, err
	}
	streams, err := a.streamNames(ctx)
	if err != nil {
		return u, err
	}
	for _, name := range streams {
		batches, err := event.Batches(ctx, a.Events.Catalog, name, 0)
		if err != nil {
			return u, err
		}
		for i := range batches {
			for _, o := range batches[i].ObjectNames() {
				known[o] = true
			}
		}
		retractions, err := a.Events.RetractionNames(ctx, name)
		if err != nil {
			return u, err
		}
		for _, o := range retractions {
			known[o] = true
		}
	}
	unfinished, err := a.Events.UnfinishedPrefixes(ctx, streams)
	if err != nil {
		return u, err
	}
	dropped, err := runs.DroppedPrefixes(ctx, a.Engine.Catalog)
	if err != nil {
		return u, err
	}
	unfinished = append(unfinished, dropped...)
	var ofJobs, ofRefreshes []string
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, chunk.ObjectPrefix):
			ofJobs = append(ofJobs, name)
		case strings.HasPrefix(name, refresh.ChangesPrefix):
			ofRefreshes = append(ofRefreshes, name)
		case known[name], isDedupeObject(name), isSpoolObject(name), strings.HasPrefix(name, "statements/"), strings.HasPrefix(name, archive.Folder):
		case event.HasAnyPrefix(name, unfinished), a.Verifier.Unfinished(ctx, name):
			u.unfinished = append(u.unfinished, name)
		default:
			u.unexpected = append(u.unexpected, name)
		}
	}
	unexpected, ofAttempts, err := a.work().Unknown(ctx, ofJobs)
	if err != nil {
		return u, err
	}
	u.unexpected, u.unfinished = append(u.unexpected, unexpected...), append(u.unfinished, ofAttempts...)
	ofAttempts, unexpected, err = refresh.UnknownChanges(ctx, a.Accounts(), ofRefreshes)
	u.unexpected, u.unfinished = append(u.unexpected, unexpected...), append(u.unfinished, ofAttempts...)
	return u, err
}

// objectFolders contain all objects that a project names.
var objectFolders = []string{refresh.ChangesPrefix, chunk.ObjectPrefix, "pipelines/", "spool/", "statements/", "streams/", archive.Folder}

// listObjects lists all objects. In a bucket only those in the project's folders: what is beside them may be below the prefix of another
// project.
func (a *App) listObjects(ctx context.Context) (names []string, err error) {
	if a.bucket == nil {
		return a.Events.Objects.List(ctx, "")
	}
	for _, folder := range objectFolders {
		list, err := a.Events.Objects.List(ctx, folder)
		if err != nil {
			return nil, err
		}
		names = append(names, list...)
	}
	return names, nil
}

// isDedupeObject reports whether an object is a file of a stream's dedupe index.
func isDedupeObject(name string) bool {
	parts := strings.Split(name, "/")
	return parts[0] == "streams" && (len(parts) > 2 && parts[2] == "memory" || parts[len(parts)-1] == "ids")
}

// isSpoolObject reports whether an object is a part of a spool, or of a loss.
func isSpoolObject(name string) bool {
	_, isSpool := spool.StreamOf(name)
	return isSpool
}

func (v *projectVerification) checkUnknownObjects(ctx context.Context) error {
	u, err := v.findUnknownObjects(ctx)
	if err != nil {
		return err
	}
	detail := "the catalog knows all of them"
	if n := len(u.unfinished); n > 0 {
		detail = fmt.Sprintf("%d remain from an interrupted attempt, such as %s: the next attempt or the end of their slot removes them", n, u.unfinished[0])
	}
	if n := len(u.unexpected); n > 0 {
		shown := u.unexpected[:min(n, 10)]
		err = fmt.Errorf("nothing refers to %s: %s", reconcile.Plural(n, "object"), strings.Join(shown, ", "))
	}
	v.add(newCheck("other objects", ""), detail, err)
	return nil
}
