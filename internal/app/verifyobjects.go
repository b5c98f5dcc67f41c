// Verification of spools, and the search for objects that the catalog does not know.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/event"
	"bursar/internal/event/live"
	"bursar/internal/event/live/spool"
	"bursar/internal/reconcile/runs"
)

// checkSpools checks that every spool is undamaged and belongs to a declared stream, and reports losses that are not dismissed.
func (v *projectVerification) checkSpools(ctx context.Context) error {
	folders, err := v.spoolFolders()
	if err != nil {
		return err
	}
	for _, s := range v.Project.AllStreams() {
		if !slices.Contains(folders, s.Name) {
			folders = append(folders, s.Name)
		}
	}
	for _, name := range folders {
		c := newCheck("spools")
		c.Stream = name
		losses, err := spool.Losses(v.spool(name))
		if err != nil {
			return err
		}
		if v.Project.Stream(name) == nil {
			if numbers, err := spool.List(v.spool(name)); err != nil || len(numbers) > 0 {
				c.Remedy = fmt.Sprintf("streams/%s.yaml", name)
				v.add(c, "", errors.Join(err, fmt.Errorf("stream %s is not declared, but has acknowledged requests in %s: declare it again", name, plural(int64(len(numbers)), "spool"))))
			}
			continue
		}
		if in := v.live.get(name); in != nil {
			err = in.Verify(ctx)
		} else {
			err = live.VerifySpools(ctx, v.Events, name, v.spool(name))
		}
		for _, l := range losses {
			c.Remedy = dismissRemedy
			err = errors.Join(err, errors.New(l.String()))
		}
		if left, failed := live.HasUnsealedSpools(ctx, v.Events, name, v.spool(name)); left || failed != nil || err != nil {
			v.add(c, "acknowledged requests wait undamaged for their batch", errors.Join(err, failed))
		}
	}
	return nil
}

// spoolFolders returns the names of the spool folders. Each is the name of a stream.
func (a *App) spoolFolders() (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(a.state, "spool"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// Losses returns the losses of damaged spools that are not dismissed.
func (a *App) Losses() (all []spool.Loss, err error) {
	folders, err := a.spoolFolders()
	for _, name := range folders {
		losses, failed := spool.Losses(a.spool(name))
		all, err = append(all, losses...), errors.Join(err, failed)
	}
	return all, err
}

// unknownObjects are the objects that the catalog does not know. Unfinished ones are from an interrupted attempt.
type unknownObjects struct{ unexpected, unfinished []string }

// findUnknownObjects lists the objects that the catalog does not know, except files of dedupe indexes and statement files, which
// have checks of their own. Other work may continue meanwhile, so unexpected objects count only if a second look finds them again.
func (a *App) findUnknownObjects(ctx context.Context) (u unknownObjects, err error) {
	if u, err = a.listUnknownObjects(ctx); err != nil || len(u.unexpected) == 0 {
		return u, err
	}
	again, err := a.listUnknownObjects(ctx)
	again.unexpected = slices.DeleteFunc(again.unexpected, func(name string) bool { return !slices.Contains(u.unexpected, name) })
	return again, err
}

func (a *App) listUnknownObjects(ctx context.Context) (u unknownObjects, err error) {
	names, err := a.Events.Objects.List(ctx, "") // listed first, so that objects created meanwhile are not included
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
	var unfinishedPrefixes []string
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
		next, err := a.Events.UnfinishedPrefix(ctx, name)
		if err != nil {
			return u, err
		}
		unfinishedPrefixes = append(unfinishedPrefixes, next)
	}
	for _, name := range names {
		switch {
		case known[name], isDedupeObject(name), strings.HasPrefix(name, "statements/"):
		case slices.ContainsFunc(unfinishedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }), a.Verifier.Unfinished(ctx, name):
			u.unfinished = append(u.unfinished, name)
		default:
			u.unexpected = append(u.unexpected, name)
		}
	}
	return u, nil
}

// isDedupeObject reports whether an object is a file of a stream's dedupe index.
func isDedupeObject(name string) bool {
	parts := strings.Split(name, "/")
	return parts[0] == "streams" && (len(parts) > 2 && parts[2] == "memory" || parts[len(parts)-1] == "ids")
}

// checkUnknownObjects adds a check that fails if unexpected objects exist.
func (v *projectVerification) checkUnknownObjects(ctx context.Context) error {
	u, err := v.findUnknownObjects(ctx)
	if err != nil {
		return err
	}
	detail := "the catalog knows all of them"
	if n := len(u.unfinished); n > 0 {
		detail = fmt.Sprintf("%d remain from an interrupted attempt, such as %s: the next attempt removes them", n, u.unfinished[0])
	}
	if n := len(u.unexpected); n > 0 {
		shown := u.unexpected[:min(n, 10)]
		err = fmt.Errorf("nothing refers to %s: %s", plural(int64(n), "object"), strings.Join(shown, ", "))
	}
	v.add(newCheck("other objects"), detail, err)
	return nil
}
