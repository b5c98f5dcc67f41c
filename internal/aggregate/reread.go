// Files that are read again by other declarations: which ones, and where the rows of their earlier readings end.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"bursar/internal/aggregate/cancel"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/event"
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
