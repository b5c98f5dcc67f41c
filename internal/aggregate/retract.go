// Retracts wrong statement files on request: their statements count no more, and what only they list is cancelled.

package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"bursar/internal/aggregate/cancel"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Retract retracts a file. It is named by a path to the same content, by the name under which it was imported, or by
// its object. If the call ends before everything is cancelled, the retraction stays begun until the call is repeated.
func (im *Importer) Retract(ctx context.Context, name, reason string) (out imported.RetractedFile, err error) {
	k, err := im.findImported(ctx, name)
	if err != nil {
		return out, err
	}
	r, err := im.newReading(ctx, Options{})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if r.rules.Former {
		return out, failure.Wrap(failure.Data, errors.New("retract a file: this project identifies entries by the rules of an earlier version, by which what is taken back cannot "+
			"count again; import the right originals into a new project"))
	}
	f, object := &cancel.File{Retracted: true, Parts: k.Parts}, imported.ObjectName(k.Digest)
	out = imported.RetractedFile{File: k.Name(), Object: object, Retraction: imported.Retraction{Reason: reason, At: im.Now().UTC(), Begun: true}}
	if out.Already = k.Retracted != nil; out.Already {
		out.Retraction = *k.Retracted
	}
	stated, accounts, err := r.adjustment().StatementIDs(ctx, object, f.Parts)
	if err == nil {
		f.Accounts = accounts
		f.Removed, err = im.recordRetraction(ctx, k.Digest, stated, &out)
	}
	if err != nil {
		return out, err
	}
	if err := im.undecide(ctx, f.Accounts); err != nil {
		return out, err
	}
	if _, err := r.faultyStatements(ctx); err != nil {
		return out, err
	}
	out.Statements = len(f.Removed)
	adjusted, err := r.adjust(ctx, map[string]*cancel.File{object: f}, map[string]bool{})
	out.Cancelled, out.NotCancelled = adjusted.Cancelled, adjusted.Left
	if err == nil && out.NotCancelled == "" {
		out.Begun = false
		err = im.markRetraction(ctx, k.Digest, &out.Retraction)
	}
	if err != nil {
		return out, err
	}
	out.ImportAgain, err = im.inConflict(ctx, f.Accounts)
	return out, err
}

// findImported finds an imported file by the digest of the content at a path, by digest, by object, or by name.
func (im *Importer) findImported(ctx context.Context, name string) (*imported.File, error) {
	digest, err := im.digestOfPath(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return imported.Find(ctx, im.Catalog, name, digest)
}

func (im *Importer) digestOfPath(ctx context.Context, path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fs.ErrNotExist
	}
	return im.fileDigest(ctx, path)
}

// undecide makes the versions of statements of some accounts undecided again: the statement that decided between them
// may not count any more.
func (im *Importer) undecide(ctx context.Context, accounts []string) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		decided := map[string]faulty{}
		err := imported.Each(tx, faultyPrefix, "faulty statements", func(id string, f *faulty) {
			if f.Next != "" && slices.Contains(accounts, f.Account) {
				f.Next = ""
				decided[id] = *f
			}
		})
		return errors.Join(err, putAll(tx, faultyPrefix, decided))
	})
}

func (im *Importer) markRetraction(ctx context.Context, digest string, by *imported.Retraction) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var k imported.File
		if _, err := tx.Get(imported.Key(digest), &k); err != nil {
			return err
		}
		k.Retracted = by
		return errors.Join(tx.Put(imported.Key(digest), k), k.MarkUnfinished(tx, by.Begun))
	})
}

// Undo reads a retracted file once more, so that it counts again. It is named as in Retract.
func (im *Importer) Undo(ctx context.Context, name string) (out imported.RetractedFile, err error) {
	k, err := im.findImported(ctx, name)
	if err != nil {
		return out, err
	}
	out = imported.RetractedFile{File: k.Name(), Object: imported.ObjectName(k.Digest)}
	if out.Already = k.Retracted == nil; out.Already {
		out.Undone = true
		return out, nil
	}
	out.Retraction = *k.Retracted
	path := name
	if digest, err := im.digestOfPath(ctx, path); err != nil || digest != k.Digest {
		path = im.ObjectFiles.Path(object.Description{Name: out.Object})
		if err := im.ObjectFiles.Pin(ctx); err != nil {
			return out, err
		}
	}
	result, err := im.Import(ctx, []string{path}, Options{Institution: k.Institution(), restore: k})
	out.Cancelled, out.NotCancelled = result.Cancelled, result.NotCancelled
	for _, f := range result.Files {
		for _, p := range f.Parts {
			out.Statements += int(p.Statements)
		}
	}
	out.Begun = out.NotCancelled != ""
	out.Undone = err == nil && !out.Begun
	return out, err
}

// beginRestoring refuses a retracted file if a part that was read before cannot be read now. Else it records that the
// file begins to count again.
func (r *reading) beginRestoring(ctx context.Context, files []*File) error {
	k := r.options.restore
	for _, f := range files {
		if f.previousParts = k.Parts; !f.readsAll() {
			return cmp.Or((&Result{Files: files}).Refused(), failure.Wrap(failure.Data, fmt.Errorf("read %s: it has other parts than before", f.File)))
		}
	}
	by := *k.Retracted
	by.Begun = true
	return r.markRetraction(ctx, k.Digest, &by)
}

// recordRetraction ends the counting of the file's statements and hides its rows in quarantine. The removed statements
// are those that the file stated when it was first retracted, without those that other files have stated since.
func (im *Importer) recordRetraction(ctx context.Context, digest string, stated []string, out *imported.RetractedFile) (removed []string, err error) {
	err = im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var k imported.File
		if _, err := tx.Get(imported.Key(digest), &k); err != nil {
			return err
		}
		var state imported.Reread
		if out.Already {
			_, err := tx.Get(imported.RereadPrefix+digest, &state)
			if last := state.Current(); last != nil {
				removed = last.Removed
			}
			return err
		}
		files, err := lastFiles(tx)
		if err != nil {
			return err
		}
		state = imported.Reread{Readings: k.Readings, Files: files, Removed: stated, Ingested: true}
		removed = stated
		var n uint64
		if _, err := tx.Get(imported.RetractionsKey, &n); err != nil {
			return err
		}
		k.Retracted = &out.Retraction
		return errors.Join(tx.Put(imported.RereadPrefix+digest, state), tx.Put(imported.Key(digest), k), k.MarkUnfinished(tx, true), tx.Put(imported.RetractionsKey, n+1))
	})
	return removed, err
}

// inConflict lists the originals that have conflicting rows of some accounts in quarantine, by the paths of their objects.
func (im *Importer) inConflict(ctx context.Context, accounts []string) (paths []string, err error) {
	var objects []string
	for _, stream := range project.BuiltinStreams {
		err := imported.Quarantine(ctx, im.Catalog, im.Objects, stream, func(r event.Rejected) error {
			if !r.Conflict() {
				return nil
			}
			var parsed struct{ Object, Account string }
			if err := json.Unmarshal([]byte(r.Raw), &parsed); err != nil {
				return fmt.Errorf("read quarantine of %s: %w", stream, err)
			}
			if !slices.Contains(accounts, parsed.Account) {
				return nil
			}
			if !slices.Contains(objects, parsed.Object) {
				objects = append(objects, parsed.Object)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(objects)
	for _, name := range objects {
		paths = append(paths, im.ObjectFiles.Path(object.Description{Name: name}))
	}
	return paths, im.ObjectFiles.Pin(ctx)
}

// reinstateStatements makes those statements and corrections of retracted files count that the import's files state too: they are stored once.
func (r *reading) reinstateStatements(ctx context.Context) error {
	if r.retractions == 0 {
		return nil
	}
	stated := map[string]bool{} // ids of statements, and of entries where some correct others
	streams := []string{project.StatementStream}
	if known, err := imported.HasFlag(ctx, r.Catalog, imported.CorrectionsKnown); err != nil {
		return err
	} else if known {
		streams = append(streams, project.EntryStream)
	}
	for _, stream := range streams {
		if err := rows.Each(r.spools, stream, func(row *struct{ ID string }) { stated[row.ID] = true }); err != nil {
			return err
		}
	}
	retracted, err := imported.Retracted(ctx, r.Catalog)
	if err != nil {
		return err
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		changed := map[string]imported.Reread{}
		for _, f := range retracted {
			digest, state := path.Base(f.Object), imported.Reread{}
			if _, err := tx.Get(imported.RereadPrefix+digest, &state); err != nil {
				return err
			}
			for reading := &state; reading != nil; reading = reading.Previous {
				n := len(reading.Removed) + len(reading.Unlisted)
				reading.Removed = slices.DeleteFunc(reading.Removed, func(id string) bool { return stated[id] })
				reading.Unlisted = slices.DeleteFunc(reading.Unlisted, func(id string) bool { return stated[id] })
				if len(reading.Removed)+len(reading.Unlisted) < n {
					changed[digest] = state
				}
			}
		}
		return putAll(tx, imported.RereadPrefix, changed)
	})
}
