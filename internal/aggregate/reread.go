// Stores and records imported files, and handles those that are read again by other declarations.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"bursar/internal/aggregate/cancel"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
)

// needsReread reports whether an imported file is read once more. Every file is, if a file was retracted or events of a
// built-in stream were given up since. Otherwise the declarations or readers must have changed, and the file must have
// a faulty statement, rows in quarantine or a changed binding.
func (r *reading) needsReread(ctx context.Context, f *File, k *imported.File) (bool, error) {
	if k.Retracted != nil || k.Retractions != r.retractions || k.GivenUp != r.givenUp {
		return true, nil
	}
	if k.Declared == r.Project.InstitutionsDigest() && k.Readers == imported.ReadersVersion {
		return false, nil
	}
	if otherwise, err := r.declaredOtherwise(ctx, k); err != nil || otherwise {
		return otherwise, err
	}
	return r.inQuarantine(ctx, f.Object)
}

// countChanges counts the retracted files and the given-up parts of the built-in streams: files imported before the
// last of these are read again.
func (r *reading) countChanges(ctx context.Context) error {
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		r.retractions = 0
		_, err := tx.Get(imported.RetractionsKey, &r.retractions)
		return err
	})
	for _, stream := range project.BuiltinStreams {
		list, failed := event.ListGivenUp(ctx, r.Catalog, stream)
		err = errors.Join(err, failed)
		r.givenUp += len(list)
	}
	return err
}

// declaredOtherwise reports whether the current declarations may read a file differently.
func (r *reading) declaredOtherwise(ctx context.Context, k *imported.File) (bool, error) {
	if r.declarationsChanged == nil {
		faults, err := rules.CheckDeclared(ctx, r.Catalog, r.Project)
		if err != nil {
			return false, err
		}
		r.declarationsChanged = new(len(faults) > 0)
	}
	faulty := slices.ContainsFunc(k.Parts, func(p imported.Part) bool { return p.Quarantined != "" || len(p.Faults) > 0 })
	return *r.declarationsChanged || faulty || !k.Totals && r.declaresTotals(k.Parts), nil
}

func (r *reading) declaresTotals(parts []imported.Part) bool {
	return slices.ContainsFunc(parts, func(p imported.Part) bool {
		i := r.rules.CSVInstitution(p.Format)
		return i != nil && (i.CSV.Columns.Balance != "" || i.CSV.Control != nil) // which prove what they list
	})
}

// inQuarantine reports whether rows of a file are in quarantine for another reason than a conflict.
func (r *reading) inQuarantine(ctx context.Context, object string) (bool, error) {
	if r.rejected != nil {
		return r.rejected[object], nil
	}
	all := map[string]bool{}
	for _, stream := range project.BuiltinStreams {
		err := imported.Quarantine(ctx, r.Catalog, r.Objects, stream, func(row event.Rejected) error {
			var of struct{ Object string }
			if err := json.Unmarshal([]byte(row.Raw), &of); err == nil && !row.Conflict() {
				all[of.Object] = true
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	r.rejected = all
	return all[object], nil
}

// rereadFiles are the files that other declarations read again, by object.
func rereadFiles(files []*File) map[string]*File {
	found := map[string]*File{}
	for _, f := range files {
		if f.reread && f.readsAll() {
			found[f.Object] = f
		}
	}
	return found
}

func adjustedFiles(again map[string]*File) map[string]*cancel.File {
	files := map[string]*cancel.File{}
	for object, f := range again {
		f.adjusted.Parts = f.Parts
		files[object] = &f.adjusted
	}
	return files
}

// beginRereads records where the rows of earlier readings end, and that there are corrections, before any row of this one
// is ingested: after a crash the position stays the same, and a later import applies the corrections.
func (r *reading) beginRereads(ctx context.Context, files map[string]*File) error {
	if len(files) == 0 && !r.hasCorrects {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if r.hasCorrects {
			if err := tx.Put(imported.CorrectionsKnown, true); err != nil {
				return err
			}
		}
		for _, f := range files {
			var was imported.Reread
			found, err := tx.Get(imported.RereadPrefix+f.Digest, &was)
			if err != nil {
				return err
			}
			if found && !was.Ingested {
				continue
			}
			next := imported.Reread{Readings: f.readings}
			if next.Files, err = lastFiles(tx); err != nil {
				return err
			}
			if found {
				next.Previous = &was
				next.Previous.Previous = nil
			}
			if err := tx.Put(imported.RereadPrefix+f.Digest, next); err != nil {
				return err
			}
		}
		return nil
	})
}

func lastFiles(tx catalog.Tx) (map[string]uint64, error) {
	files := map[string]uint64{}
	for _, stream := range project.BuiltinStreams {
		var err error
		if files[stream], err = event.LastFile(tx, stream); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func endRereads(tx catalog.Tx, files map[string]*File) error {
	for _, f := range files {
		var r imported.Reread
		if _, err := tx.Get(imported.RereadPrefix+f.Digest, &r); err != nil {
			return err
		}
		r.Ingested, r.Previous, r.Removed = true, nil, f.adjusted.Removed
		if err := tx.Put(imported.RereadPrefix+f.Digest, r); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) recordFiles(ctx context.Context, files []*File) error {
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			someRead := slices.ContainsFunc(f.Parts, func(p imported.Part) bool { return p.Refused == "" })
			if f.Known || !someRead || len(f.previousParts) > 0 && !f.readsAll() { // the record of the earlier reading stays
				continue
			}
			if r.options.restore != nil { // the undo ends with this transaction
				if first := r.options.restore.Parts; len(f.Parts) == len(first) {
					for i := range f.Parts {
						f.Parts[i].File = first[i].File // the names of its first import
					}
				}
				if err := r.options.restore.MarkUnfinished(tx, false); err != nil {
					return err
				}
			}
			k := imported.File{
				Digest: f.Digest, Bytes: f.Bytes, Imported: r.Now().UTC(), Parts: f.Parts, Partial: !f.whole(), Declared: r.Project.InstitutionsDigest(), Readings: f.readings,
				Readers: imported.ReadersVersion, Retractions: r.retractions, GivenUp: r.givenUp, Totals: r.declaresTotals(f.Parts),
			}
			if err := tx.Put(imported.Key(f.Digest), k); err != nil {
				return err
			}
		}
		return errors.Join(endRereads(tx, rereadFiles(files)), confirmBindings(tx, files), putAll(tx, "", r.changedBindings))
	})
}

// putAll stores documents by the rest of their keys after a prefix.
func putAll[T any](tx catalog.Tx, prefix string, documents map[string]T) (err error) {
	for name, document := range documents {
		err = errors.Join(err, tx.Put(prefix+name, document))
	}
	return err
}

func (im *Importer) fileDigest(ctx context.Context, path string) (string, error) {
	in, err := im.files.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	digest, err := intake.FileDigest(ctx, in)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return digest, nil
}

// storeOriginal stores the file unchanged, unless the object exists: its name is the digest of its content.
func (im *Importer) storeOriginal(ctx context.Context, f *File) error {
	if there, err := im.Objects.Open(ctx, f.Object); err == nil {
		return there.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep %s: %w", f.File, err)
	}
	in, err := im.files.Open(f.File)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := im.Objects.Create(ctx, f.Object)
	if err != nil {
		return fmt.Errorf("keep %s: %w", f.File, err)
	}
	digest, err := intake.FileDigest(ctx, io.TeeReader(in, out))
	if err == nil && digest != f.Digest {
		err = changedError(f.File)
	}
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep %s: %w", f.File, err), out.Abort())
	}
	return nil
}
