// Statement files that a person retracts, as they are wrong: their statements count no more, and what only they list is taken back.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	TakenBack  int64  `json:"taken_back"`        // entries that no statement which counts lists
	// NotTakenBack says why such entries may be left: the same call, once it can, takes them back.
	NotTakenBack string `json:"not_taken_back,omitempty"`
	// Again are files with rows in quarantine that were in conflict: these may be taken in now, when the files are imported again. So is any file that
	// has a statement of the retracted one.
	Again []string `json:"import_again,omitempty"`
}

// retractionsKey counts the retractions of files, so that others with rows in conflict are read again.
const retractionsKey = "statements/retractions"

// NoFileError is that no imported file, or more than one, has a name. Class Data, exit code 3 (DESIGN §7).
type NoFileError struct{ message string }

func (e *NoFileError) Error() string { return e.message }

// Class is Data: it stays so.
func (e *NoFileError) Class() failure.Class { return failure.Data }

// ExitCode is that of what is not found.
func (e *NoFileError) ExitCode() int { return 3 }

// Retract retracts a file, named by a path at which its content lies, by the name under which it was imported, or by its object. A call that ends before
// what only the file lists is taken back leaves the retraction begun, until it is repeated.
func (im *Importer) Retract(ctx context.Context, name, reason string) (out RetractedFile, err error) {
	k, err := im.imported(ctx, name)
	if err != nil {
		return out, err
	}
	out = RetractedFile{File: k.name(), Object: objectName(k.Digest)}
	if out.Already = k.Retracted != nil; out.Already {
		out.Retraction = *k.Retracted
	} else {
		out.Retraction = Retraction{reason, im.Now().UTC(), true}
		if err := im.rememberRetraction(ctx, k, &out.Retraction); err != nil {
			return out, err
		}
	}
	r, err := im.newReading(ctx, Options{})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	files := map[string]*File{out.Object: {File: out.File, Object: out.Object, Digest: k.Digest, again: true, retracted: true}}
	if _, err := r.faultyStatements(ctx); err != nil {
		return out, err
	}
	out.TakenBack, out.NotTakenBack, _, err = r.adjust(ctx, files, map[string]bool{})
	out.Statements = len(files[out.Object].gone)
	if err == nil && out.NotTakenBack == "" {
		out.Begun = false
		err = im.endRetraction(ctx, k.Digest, &out.Retraction)
	}
	if err != nil {
		return out, err
	}
	out.Again, err = im.inConflict(ctx)
	return out, err
}

// endRetraction remembers that what only a file lists is taken back.
func (im *Importer) endRetraction(ctx context.Context, digest string, by *Retraction) error {
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var k kept
		if _, err := tx.Get(keptKey(digest), &k); err != nil {
			return err
		}
		k.Retracted = by
		return tx.Put(keptKey(digest), k)
	})
}

// Undo has a retracted file count again: it is read once more. path is where its content lies.
func (im *Importer) Undo(ctx context.Context, name string) (out RetractedFile, err error) {
	k, err := im.imported(ctx, name)
	if err != nil {
		return out, err
	}
	out = RetractedFile{File: k.name(), Object: objectName(k.Digest), Undone: true}
	if out.Already = k.Retracted == nil; out.Already {
		return out, nil
	}
	out.Retraction = *k.Retracted
	path := name
	if digest, err := im.digestAt(ctx, path); err != nil || digest != k.Digest {
		path = im.Objects.Path(out.Object)
	}
	result, err := im.Import(ctx, []string{path}, Options{Institution: institutionOf(k.Parts[0].Format), restore: k.Digest})
	if err == nil {
		err = result.Refused()
	}
	out.TakenBack, out.NotTakenBack = result.TakenBack, result.NotTakenBack
	for _, f := range result.Files {
		for _, p := range f.Parts {
			out.Statements += int(p.Statements)
		}
	}
	return out, err
}

// Retracted lists the files that are retracted, by name.
func Retracted(ctx context.Context, from catalog.Catalog) (list []RetractedFile, err error) {
	err = eachKept(ctx, from, func(k *kept) {
		if k.Retracted != nil {
			list = append(list, RetractedFile{Retraction: *k.Retracted, File: k.name(), Object: objectName(k.Digest)})
		}
	})
	slices.SortFunc(list, func(a, b RetractedFile) int { return strings.Compare(a.File+a.Object, b.File+b.Object) })
	return list, err
}

// eachKept hands on each file that was taken in.
func eachKept(ctx context.Context, from catalog.Catalog, each func(*kept)) error {
	var all []kept
	err := from.View(ctx, func(tx catalog.Tx) error {
		all = nil
		return tx.List(keptKey(""), func(_ string, value json.RawMessage) error {
			var k kept
			err := json.Unmarshal(value, &k)
			all = append(all, k)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("list imported files: %w", err)
	}
	for i := range all {
		each(&all[i])
	}
	return nil
}

// name is that of the file as it was imported, or of the first in an archive.
func (k *kept) name() string {
	if len(k.Parts) == 0 {
		return k.Digest
	}
	return k.Parts[0].File
}

// imported finds a file that was taken in.
func (im *Importer) imported(ctx context.Context, name string) (found *kept, err error) {
	digest, err := im.digestAt(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var named []kept
	err = eachKept(ctx, im.Catalog, func(k *kept) {
		switch {
		case k.Digest == digest || k.Digest == name || objectName(k.Digest) == name:
			found = k
		case slices.ContainsFunc(k.Parts, func(p Part) bool { return p.File == name || filepath.Base(p.File) == name }):
			named = append(named, *k)
		}
	})
	switch {
	case err != nil || found != nil:
		return found, err
	case len(named) == 1:
		return &named[0], nil
	case len(named) == 0:
		return nil, &NoFileError{fmt.Sprintf("no file %s was imported: give its path, or its name as `bursar completeness` shows it", name)}
	}
	objects := make([]string, len(named))
	for i, k := range named {
		objects[i] = objectName(k.Digest)
	}
	return nil, &NoFileError{fmt.Sprintf("%d files were imported as %s: name one by its object: %s", len(named), name, strings.Join(objects, ", "))}
}

// digestAt is the digest of a file on the disk.
func (im *Importer) digestAt(ctx context.Context, path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fs.ErrNotExist
	}
	return im.digest(ctx, path)
}

// rememberRetraction has the statements of a file count no more, and its rows in quarantine be answered.
func (im *Importer) rememberRetraction(ctx context.Context, k *kept, by *Retraction) error {
	ids, err := im.statementsOf(ctx, objectName(k.Digest))
	if err != nil {
		return err
	}
	return im.Catalog.Update(ctx, func(tx catalog.Tx) error {
		is := reread{Readings: k.Readings, Files: map[string]uint64{}, Gone: ids, Taken: true}
		for _, stream := range project.BuiltinStreams {
			if is.Files[stream], err = event.LastFile(tx, stream); err != nil {
				return err
			}
		}
		var n uint64
		if _, err := tx.Get(retractionsKey, &n); err != nil {
			return err
		}
		of := *k
		of.Retracted = by
		return errors.Join(tx.Put(rereadPrefix+k.Digest, is), tx.Put(keptKey(k.Digest), of), tx.Put(retractionsKey, n+1))
	})
}

// statedAgain has statements of retracted files count that the import's files state, too: they are stored once.
func (r *reading) statedAgain(ctx context.Context) error {
	if n, err := r.retractions(ctx); err != nil || n == 0 {
		return err
	}
	stated := map[string]bool{}
	for _, s := range r.spools {
		err := eachLine(s.files[project.StatementStream].path, func(line []byte) error {
			var row struct{ ID string }
			err := json.Unmarshal(line, &row)
			stated[row.ID] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		changed := map[string]reread{}
		err := tx.List(rereadPrefix, func(key string, value json.RawMessage) error {
			var of reread
			err := json.Unmarshal(value, &of)
			left := slices.DeleteFunc(slices.Clone(of.Gone), func(id string) bool { return stated[id] })
			if len(left) < len(of.Gone) {
				of.Gone = left
				changed[key] = of
			}
			return err
		})
		for key, of := range changed {
			err = errors.Join(err, tx.Put(key, of))
		}
		return err
	})
}

// statementsOf are the ids of the stored statements of a file.
func (im *Importer) statementsOf(ctx context.Context, object string) (ids []string, err error) {
	view, err := im.view(ctx, project.StatementStream)
	if err != nil || view == "" {
		return nil, err
	}
	err = rowsOf(ctx, im.Duck, "SELECT DISTINCT id FROM ("+view+") WHERE object = "+literals([]string{object})+" ORDER BY id", func(row []string) error {
		ids = append(ids, row[0])
		return nil
	})
	return ids, err
}

// inConflict are the files with rows in quarantine that are in conflict with what is stored.
func (im *Importer) inConflict(ctx context.Context) (files []string, err error) {
	for _, stream := range project.BuiltinStreams {
		err := Quarantine(ctx, im.Catalog, im.Objects, stream, func(r event.Rejected) error {
			if r.Conflict() && !slices.Contains(files, r.File) {
				files = append(files, r.File)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return files, nil
}
