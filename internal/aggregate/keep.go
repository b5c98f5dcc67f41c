// Files as they were received, kept as objects.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
)

// importedFile remembers a file that was taken in, so that it is not read again if that was all of it.
type importedFile struct {
	Digest   string    `json:"digest"` // SHA-256
	Bytes    int64     `json:"bytes"`
	Imported time.Time `json:"imported"`
	Parts    []Part    `json:"parts"`
	Partial  bool      `json:"partial,omitempty"`  // members of an archive were refused: the next import reads it again
	Declared string    `json:"declared,omitempty"` // digest of the declarations that read it
	Readings int       `json:"readings,omitempty"` // how often others have read it again
	Readers  int       `json:"readers,omitempty"`  // readersVersion that read it

	Totals      bool        `json:"totals,omitempty"` // rules.totals, when it was read
	Retracted   *Retraction `json:"retracted,omitempty"`
	Retractions uint64      `json:"retractions,omitempty"` // of files, when it was read
	GivenUp     int         `json:"given_up,omitempty"`    // batches and retractions of the built-in streams, when it was read
}

// readersVersion grows when the readers understand more. What an earlier version left in quarantine is read again when its file is imported again.
const readersVersion = 1

func importedKey(digest string) string { return "statements/file/" + digest }

// importedByDigest is what a file held that was taken in before, or nothing.
func (im *Importer) importedByDigest(ctx context.Context, digest string) (k importedFile, err error) {
	err = im.Catalog.View(ctx, func(tx catalog.Tx) error {
		k = importedFile{}
		_, err := tx.Get(importedKey(digest), &k)
		return err
	})
	return k, err
}

// recordFiles records files that were taken in whole and what was given to what was taken in.
func (r *reading) recordFiles(ctx context.Context, files []*File) error {
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			if f.Known || !f.someRead() {
				continue
			}
			k := importedFile{
				Digest: f.Digest, Bytes: f.Bytes, Imported: r.Now().UTC(), Parts: f.Parts, Partial: !f.whole(), Declared: r.Project.Declared(), Readings: f.readings,
				Readers: readersVersion, Retractions: r.retractions, GivenUp: r.givenUp, Totals: r.rules.totals(f.Parts),
			}
			if err := tx.Put(importedKey(f.Digest), k); err != nil {
				return err
			}
		}
		if err := errors.Join(endRereads(tx, rereadFiles(files)), confirmBindings(tx, files)); err != nil {
			return err
		}
		for key, g := range r.changedBindings { // what was given before is there no more
			g.Confirmed = true
			if err := tx.Put(key, g); err != nil {
				return err
			}
		}
		return nil
	})
}

// digest is the SHA-256 of a file.
func (im *Importer) digest(ctx context.Context, path string) (string, error) {
	in, err := im.openSource(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	digest, err := event.DigestOf(ctx, in)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return digest, nil
}

// objectName is where a file of a digest is kept.
func objectName(digest string) string { return "statements/" + digest[:2] + "/" + digest }

// storeOriginal stores the file as it is, unless the object is there: its name says what it holds.
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
	digest, err := event.DigestOf(ctx, io.TeeReader(in, out))
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

// contextReader is a reader that ends with a context.
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
