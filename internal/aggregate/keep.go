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

// kept remembers a file that was taken in, so that it is not read again if that was all of it.
type kept struct {
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

func keptKey(digest string) string { return "statements/file/" + digest }

// known is what a file held that was taken in before, or nothing.
func (im *Importer) known(ctx context.Context, digest string) (k kept, err error) {
	err = im.Catalog.View(ctx, func(tx catalog.Tx) error {
		k = kept{}
		_, err := tx.Get(keptKey(digest), &k)
		return err
	})
	return k, err
}

// remember records files that were taken in whole and what was given to what was taken in.
func (r *reading) remember(ctx context.Context, files []*File) error {
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			if f.Known || !f.someRead() || len(f.before) > 0 && !f.readsAll() { // what was read before stays as it was
				continue
			}
			k := kept{
				Digest: f.Digest, Bytes: f.Bytes, Imported: r.Now().UTC(), Parts: f.Parts, Partial: !f.whole(), Declared: r.Project.InstitutionsDigest(), Readings: f.readings,
				Readers: readersVersion, Retractions: r.retractions, GivenUp: r.givenUp, Totals: r.rules.totals(f.Parts),
			}
			if err := tx.Put(keptKey(f.Digest), k); err != nil {
				return err
			}
		}
		if err := errors.Join(took(tx, again(files)), confirm(tx, files)); err != nil {
			return err
		}
		for key, g := range r.changed { // what was given before is there no more
			g.Taken = true
			if err := tx.Put(key, g); err != nil {
				return err
			}
		}
		return nil
	})
}

// digest is the SHA-256 of a file.
func (im *Importer) digest(ctx context.Context, path string) (string, error) {
	in, err := im.original(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	digest, err := event.FileDigest(ctx, in)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return digest, nil
}

// objectName is where a file of a digest is kept.
func objectName(digest string) string { return "statements/" + digest[:2] + "/" + digest }

// keep stores the file as it is, unless the object is there: its name says what it holds.
func (im *Importer) keep(ctx context.Context, f *File) error {
	if there, err := im.Objects.Open(ctx, f.Object); err == nil {
		return there.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep %s: %w", f.File, err)
	}
	in, err := im.original(f.File)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := im.Objects.Create(ctx, f.Object)
	if err != nil {
		return fmt.Errorf("keep %s: %w", f.File, err)
	}
	digest, err := event.FileDigest(ctx, io.TeeReader(in, out))
	if err == nil && digest != f.Digest {
		err = changed(f.File)
	}
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep %s: %w", f.File, err), out.Abort())
	}
	return nil
}

// interruptible is a reader that ends with a context.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.in.Read(p)
}
