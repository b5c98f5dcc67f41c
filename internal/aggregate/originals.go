// Stores imported files as they were received, and records what was read from them.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/event/intake"
)

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
