// Statement files that a person retracts, as they are wrong: their statements count no more, and what only they list is taken back.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Retraction is why and since when a file is retracted.
type Retraction struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Begun  bool      `json:"begun,omitempty"` // what only the file lists may not be taken back yet
}

// RetractedFile is a file that is retracted, or is not any more.
type RetractedFile struct {
	Retraction
	File       string `json:"file"` // as it was imported
	Object     string `json:"object"`
	Undone     bool   `json:"undone,omitempty"`
	Already    bool   `json:"already,omitempty"` // it was so before
	Statements int    `json:"statements"`        // of it
	Cancelled  int64  `json:"taken_back"`        // entries that no statement which counts lists
	// NotTakenBack says why such entries may be left: the same call, once it can, takes them back.
	NotCancelled string `json:"not_taken_back,omitempty"`
	// Again are the originals with rows of its accounts in quarantine that were in conflict: these may be taken in now, when the originals are imported
	// again. So may any that has a statement of the retracted file.
	ImportAgain []string `json:"import_again,omitempty"`
}

// retractionsKey counts the retractions of files, so that others with rows in conflict are read again.
const retractionsKey = "statements/retractions"

// unfinishedPrefix is that of the digests of files whose Retract or Undo was begun and has not ended. Each has the name of its file.
const unfinishedPrefix = "statements/unfinished/"

// Retract retracts a file, named by a path at which its content lies, by the name under which it was imported, or by its object. A call that ends before
// what only the file lists is taken back leaves the retraction begun, until it is repeated.
func (im *Importer) Retract(ctx context.Context, name, reason string) (out RetractedFile, err error) {
	k, err := im.findImported(ctx, name)
	if err != nil {
		return out, err
	}
	r, err := im.newReading(ctx, Options{})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if r.rules.former {
		return out, failure.Wrap(failure.Data, errors.New("retract a file: entries of this project are told apart by the rules of an earlier version, by which what is taken back cannot "+
			"count again; import the right originals into a new project"))
	}
	f := &File{File: k.name(), Object: objectName(k.Digest), Digest: k.Digest, Parts: k.Parts, reread: true, retracted: true}
	out = RetractedFile{File: f.File, Object: f.Object, Retraction: Retraction{reason, im.Now().UTC(), true}}
	if out.Already = k.Retracted != nil; out.Already {
		out.Retraction = *k.Retracted
	}
	stated, err := r.statementIDs(ctx, f)
	if err == nil {
		err = im.recordRetraction(ctx, f, stated, &out)
	}
	if err != nil {
		return out, err
	}
	if err := im.undecide(ctx, f.accounts); err != nil {
		return out, err
	}
	if _, err := r.faultyStatements(ctx); err != nil {
		return out, err
	}
	out.Statements = len(f.removed)
	out.Cancelled, out.NotCancelled, _, err = r.adjust(ctx, map[string]*File{f.Object: f}, map[string]bool{})
	if err == nil && out.NotCancelled == "" {
		out.Begun = false
		err = im.markRetraction(ctx, k.Digest, &out.Retraction)
	}
	if err != nil {
		return out, err
	}
	out.ImportAgain, err = im.inConflict(ctx, f.accounts)
	return out, err
}

// undecide has versions of statements of some accounts be decided anew: the next statement may be one that does not count any more.
func (im *Importer) undecide(ctx context.Context, accounts []string) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		decided := map[string]faulty{}
		err := tx.List(faultyPrefix, func(key string, value json.RawMessage) error {
			var f faulty
			err := json.Unmarshal(value, &f)
			if f.Next != "" && slices.Contains(accounts, f.Account) {
				f.Next = ""
				decided[key] = f
			}
			return err
		})
		for key, f := range decided {
			err = errors.Join(err, tx.Put(key, f))
		}
		return err
	})
}

// markRetraction records the state of a file's retraction: begun, or that what only the file lists is taken back.
func (im *Importer) markRetraction(ctx context.Context, digest string, by *Retraction) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var k importedFile
		if _, err := tx.Get(importedKey(digest), &k); err != nil {
			return err
		}
		k.Retracted = by
		return errors.Join(tx.Put(importedKey(digest), k), k.markUnfinished(tx, by.Begun))
	})
}

// markUnfinished records whether a Retract or Undo of the file was begun and has not ended.
func (k *importedFile) markUnfinished(tx catalog.Tx, begun bool) error {
	if begun {
		return tx.Put(unfinishedPrefix+k.Digest, k.name())
	}
	return tx.Delete(unfinishedPrefix + k.Digest)
}

// Undo has a retracted file count again: it is read once more. path is where its content lies.
func (im *Importer) Undo(ctx context.Context, name string) (out RetractedFile, err error) {
	k, err := im.findImported(ctx, name)
	if err != nil {
		return out, err
	}
	out = RetractedFile{File: k.name(), Object: objectName(k.Digest)}
	if out.Already = k.Retracted == nil; out.Already {
		out.Undone = true
		return out, nil
	}
	out.Retraction = *k.Retracted
	out.Begun = true // until all of it counts again
	if err := im.markRetraction(ctx, k.Digest, &out.Retraction); err != nil {
		return out, err
	}
	path := name
	if digest, err := im.digestAt(ctx, path); err != nil || digest != k.Digest {
		path = im.Objects.Path(out.Object)
	}
	result, err := im.Import(ctx, []string{path}, Options{Institution: k.institution(), restore: k.Digest})
	for _, f := range result.Files {
		if f.previousParts = k.Parts; err == nil && !f.readsAll() {
			err = result.Refused()
		}
	}
	out.Cancelled, out.NotCancelled = result.Cancelled, result.NotCancelled
	for _, f := range result.Files {
		for _, p := range f.Parts {
			out.Statements += int(p.Statements)
		}
	}
	if err != nil || out.NotCancelled != "" {
		return out, err
	}
	out.Undone, out.Begun = true, false
	return out, im.endUndo(ctx, k)
}

// institution is the one whose CSV files all parts are; empty where there are others.
func (k *importedFile) institution() string {
	name := institutionOf(k.Parts[0].Format)
	for _, p := range k.Parts {
		if institutionOf(p.Format) != name {
			return ""
		}
	}
	return name
}

// endUndo records that a file which was read once more counts again, and has it known by the names under which it was imported.
func (im *Importer) endUndo(ctx context.Context, was *importedFile) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var is importedFile
		if _, err := tx.Get(importedKey(was.Digest), &is); err != nil {
			return err
		}
		if len(is.Parts) == len(was.Parts) {
			for i := range is.Parts {
				is.Parts[i].File = was.Parts[i].File
			}
		}
		return errors.Join(tx.Put(importedKey(was.Digest), is), is.markUnfinished(tx, false))
	})
}

// recordRetraction has the statements of a file count no more, and its rows in quarantine be answered. What is gone of it is what was stated when it
// was retracted first, but for what other files have stated since.
func (im *Importer) recordRetraction(ctx context.Context, f *File, stated []string, out *RetractedFile) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var k importedFile
		if _, err := tx.Get(importedKey(f.Digest), &k); err != nil {
			return err
		}
		var is reread
		if out.Already {
			_, err := tx.Get(rereadPrefix+f.Digest, &is)
			if last := is.current(); last != nil {
				f.removed = last.Removed
			}
			return err
		}
		is = reread{Readings: k.Readings, Files: map[string]uint64{}, Removed: stated, Taken: true}
		f.removed = stated
		var n uint64
		if _, err := tx.Get(retractionsKey, &n); err != nil {
			return err
		}
		for _, stream := range project.BuiltinStreams {
			last, err := event.LastFile(tx, stream)
			if err != nil {
				return err
			}
			is.Files[stream] = last
		}
		k.Retracted = &out.Retraction
		return errors.Join(tx.Put(rereadPrefix+f.Digest, is), tx.Put(importedKey(f.Digest), k), k.markUnfinished(tx, true), tx.Put(retractionsKey, n+1))
	})
}

// inConflict are the originals with rows of some accounts in quarantine that are in conflict with what is stored, by the paths of their objects.
func (im *Importer) inConflict(ctx context.Context, accounts []string) (paths []string, err error) {
	for _, stream := range project.BuiltinStreams {
		err := Quarantine(ctx, im.Catalog, im.Objects, stream, func(r event.Rejected) error {
			if !r.Conflict() {
				return nil
			}
			var of struct{ Object, Account string }
			if err := json.Unmarshal([]byte(r.Raw), &of); err != nil {
				return fmt.Errorf("read quarantine of %s: %w", stream, err)
			}
			if !slices.Contains(accounts, of.Account) {
				return nil
			}
			if path := im.Objects.Path(of.Object); !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	return paths, nil
}
