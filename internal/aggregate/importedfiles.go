// Stores imported files as objects, and records them.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/intake"
)

// importedFile records an imported file, so that it is not read again if it was imported completely.
type importedFile struct {
	Digest   string    `json:"digest"` // SHA-256
	Bytes    int64     `json:"bytes"`
	Imported time.Time `json:"imported"`
	Parts    []Part    `json:"parts"`
	Partial  bool      `json:"partial,omitempty"`  // members of an archive were refused; the next import reads it again
	Declared string    `json:"declared,omitempty"` // digest of the declarations that read it
	Readings int       `json:"readings,omitempty"` // how often it was read again by other declarations
	Readers  int       `json:"readers,omitempty"`  // readersVersion that read it

	Totals      bool        `json:"totals,omitempty"` // rules.totals when it was read
	Retracted   *Retraction `json:"retracted,omitempty"`
	Retractions uint64      `json:"retractions,omitempty"` // number of retractions of files when it was read
	GivenUp     int         `json:"given_up,omitempty"`    // number of given-up batches and retractions of the built-in streams when it was read
}

// readersVersion increases when the readers accept more. What an earlier version left in quarantine is read again when
// its file is imported again.
const readersVersion = 1

func importedKey(digest string) string { return "statements/file/" + digest }

// importedByDigest returns the record of an imported file, or an empty one.
func (im *Importer) importedByDigest(ctx context.Context, digest string) (k importedFile, err error) {
	err = im.Catalog.View(ctx, func(tx catalog.Tx) error {
		k = importedFile{}
		_, err := tx.Get(importedKey(digest), &k)
		return err
	})
	return k, err
}

// recordFiles records the files that were imported and confirms their bindings.
func (r *reading) recordFiles(ctx context.Context, files []*File) error {
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			if f.Known || !f.someRead() || len(f.previousParts) > 0 && !f.readsAll() { // the record of the earlier reading stays
				continue
			}
			if r.options.restore != nil { // the undo ends with this transaction
				f.keepNames(r.options.restore.Parts)
				if err := r.options.restore.markUnfinished(tx, false); err != nil {
					return err
				}
			}
			k := importedFile{
				Digest: f.Digest, Bytes: f.Bytes, Imported: r.Now().UTC(), Parts: f.Parts, Partial: !f.whole(), Declared: r.Project.InstitutionsDigest(), Readings: f.readings,
				Readers: readersVersion, Retractions: r.retractions, GivenUp: r.givenUp, Totals: r.rules.declaresTotals(f.Parts),
			}
			if err := tx.Put(importedKey(f.Digest), k); err != nil {
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
func (f *File) keepNames(first []Part) {
	if len(f.Parts) != len(first) {
		return
	}
	for i := range f.Parts {
		f.Parts[i].File = first[i].File
	}
}

// fileDigest is the SHA-256 of a file.
func (im *Importer) fileDigest(ctx context.Context, path string) (string, error) {
	in, err := im.openSource(path)
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

// objectName is the object that keeps a file with a digest.
func objectName(digest string) string { return "statements/" + digest[:2] + "/" + digest }

// storeOriginal stores the file unchanged, unless the object exists: its name is the digest of its content.
func (im *Importer) storeOriginal(ctx context.Context, f *File) error {
	if there, err := im.Objects.Open(ctx, f.Object); err == nil {
		return there.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep %s: %w", f.File, err)
	}
	in, err := im.openSource(f.File)
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

// contextReader is a reader that fails once its context is done.
type contextReader struct {
	ctx context.Context
	in  io.Reader
}

func (i *contextReader) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.in.Read(p)
}
