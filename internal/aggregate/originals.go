// Stores imported files as objects, and records them.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/event/intake"
)

// recordFiles records the files that were imported and confirms their bindings.
func (r *reading) recordFiles(ctx context.Context, files []*File) error {
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			if f.Known || !f.someRead() || len(f.previousParts) > 0 && !f.readsAll() { // the record of the earlier reading stays
				continue
			}
			if r.options.restore != nil { // the undo ends with this transaction
				f.keepNames(r.options.restore.Parts)
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
		if err := errors.Join(endRereads(tx, rereadFiles(files)), confirmBindings(tx, files)); err != nil {
			return err
		}
		for key, g := range r.changedBindings { // they replace the earlier bindings
			g.Confirmed = true
			if err := tx.Put(key, g); err != nil {
				return err
			}
		}
		return nil
	})
}

// keepNames gives the parts of a file that counts again the names of its first import.
func (f *File) keepNames(first []imported.Part) {
	if len(f.Parts) != len(first) {
		return
	}
	for i := range f.Parts {
		f.Parts[i].File = first[i].File
	}
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
