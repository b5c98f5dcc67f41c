// Verification of what lies beside the streams and pipelines: spools, and objects that the catalog does not know.

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
	"bursar/internal/event/spool"
)

// checkSpools checks that every spool is whole and belongs to a stream, and repeats losses that nobody has dismissed.
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
				v.add(c, "", errors.Join(err, fmt.Errorf("acknowledged requests of stream %s, which is not declared, lie in %s: declare it again", name, plural(int64(len(numbers)), "spool"))))
			}
			continue
		}
		if live := v.live.get(name); live != nil {
			err = live.Verify(ctx)
		} else {
			err = v.Intake.VerifySpools(ctx, name, v.spool(name))
		}
		for _, l := range losses {
			c.Remedy = dismissRemedy
			err = errors.Join(err, errors.New(l.String()))
		}
		if left, failed := v.Intake.Left(ctx, name, v.spool(name)); left || failed != nil || err != nil {
			v.add(c, "acknowledged requests wait whole for their batch", errors.Join(err, failed))
		}
	}
	return nil
}

// spoolFolders are the names of the folders that spools lie in, one a stream.
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

// Losses are the spools that were damaged, until somebody dismisses them.
func (a *App) Losses() (all []spool.Loss, err error) {
	folders, err := a.spoolFolders()
	for _, name := range folders {
		losses, failed := spool.Losses(a.spool(name))
		all, err = append(all, losses...), errors.Join(err, failed)
	}
	return all, err
}

// unknownObjects are the objects that nothing in the catalog names; unfinished ones are left of an attempt that was cut short.
type unknownObjects struct{ unexpected, unfinished []string }

// findUnknownObjects lists all objects that the catalog does not name. Runs of the dedupe indexes are checked with their stream, and statement
// files by their own names. Work may go on meanwhile: what is gone or named at a second look counts for nothing.
func (a *App) findUnknownObjects(ctx context.Context) (u unknownObjects, err error) {
	if u, err = a.listUnknownObjects(ctx); err != nil || len(u.unexpected) == 0 {
		return u, err
	}
	again, err := a.listUnknownObjects(ctx)
	again.unexpected = slices.DeleteFunc(again.unexpected, func(name string) bool { return !slices.Contains(u.unexpected, name) })
	return again, err
}

func (a *App) listUnknownObjects(ctx context.Context) (u unknownObjects, err error) {
	names, err := a.Intake.Objects.List(ctx, "") // first: what is made later is not among them
	if err != nil {
		return u, err
	}
	known, err := a.Engine.KnownObjects(ctx)
	if err != nil {
		return u, err
	}
	streams, err := a.streamNames(ctx)
	if err != nil {
		return u, err
	}
	var unfinishedPrefixes []string
	for _, name := range streams {
		batches, err := event.Batches(ctx, a.Intake.Catalog, name, 0)
		if err != nil {
			return u, err
		}
		for i := range batches {
			for _, o := range batches[i].Names() {
				known[o] = true
			}
		}
		retractions, err := a.Intake.RetractionNames(ctx, name)
		if err != nil {
			return u, err
		}
		for _, o := range retractions {
			known[o] = true
		}
		next, err := a.Intake.UnfinishedPrefix(ctx, name)
		if err != nil {
			return u, err
		}
		unfinishedPrefixes = append(unfinishedPrefixes, next)
	}
	for _, name := range names {
		switch {
		case known[name], isDedupeObject(name), strings.HasPrefix(name, "statements/"):
		case slices.ContainsFunc(unfinishedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }), a.Engine.Unfinished(ctx, name):
			u.unfinished = append(u.unfinished, name)
		default:
			u.unexpected = append(u.unexpected, name)
		}
	}
	return u, nil
}

// isDedupeObject reports whether an object is a run of a stream's dedupe index.
func isDedupeObject(name string) bool {
	parts := strings.Split(name, "/")
	return parts[0] == "streams" && (len(parts) > 2 && parts[2] == "memory" || parts[len(parts)-1] == "ids")
}

// checkUnknownObjects lists the objects that the catalog does not know.
func (v *projectVerification) checkUnknownObjects(ctx context.Context) error {
	u, err := v.findUnknownObjects(ctx)
	if err != nil {
		return err
	}
	detail := "there is none that the catalog does not know"
	if n := len(u.unfinished); n > 0 {
		detail = fmt.Sprintf("%d are left of an attempt that was cut short, such as %s: the next one removes them", n, u.unfinished[0])
	}
	if n := len(u.unexpected); n > 0 {
		shown := u.unexpected[:min(n, 10)]
		err = fmt.Errorf("nothing names %s: %s", plural(int64(n), "object"), strings.Join(shown, ", "))
	}
	v.add(newCheck("other objects"), detail, err)
	return nil
}
