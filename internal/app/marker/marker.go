// Ties the objects of a bucket to the catalog of one project, by an id that both contain.

// Package marker keeps a project from using objects of another one. It owns the object that says to which project the objects belong, and
// the document of the catalog with the same id. It guarantees that a catalog with data is only used with its objects. It must not know what
// the other objects are, and never deletes any.
package marker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
)

const (
	// objectName is beside the folders of the objects.
	objectName = "project.json"
	// documentKey is the key of the catalog's document.
	documentKey = "project"
	// maxBytes is how much of the object is read.
	maxBytes = 4 << 10
)

// project identifies a project, in the object and in the document.
type project struct {
	ID string `json:"project"`
}

// Error is the error of a catalog and a bucket that do not belong together.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Class is Data: a person corrects the settings.
func (e *Error) Class() failure.Class { return failure.Data }

const (
	settings = "storage.bucket, storage.prefix and catalog in bursar.yaml"
	adopting = "if the objects are those of this project, run `bursar repair --adopt-storage`"
)

// Check compares the project of the objects with that of the catalog, and ties them if neither has one. hasData says that the catalog
// refers to objects. With adopt, a person has said that they belong together. It may be repeated after a crash.
func Check(ctx context.Context, objects object.Store, records catalog.Catalog, hasData, adopt bool) error {
	known, stored, err := readBoth(ctx, objects, records)
	if err == nil && !adopt {
		err = compare(known, stored, hasData)
	}
	switch {
	case err != nil:
		return err
	case stored.ID != "" && stored.ID == known.ID:
		return nil
	case stored.ID != "":
		return record(ctx, records, stored)
	case known.ID == "":
		// The catalog is first: an object without a document would be that of another project.
		known.ID = rand.Text()
		if err := record(ctx, records, known); err != nil {
			return err
		}
	}
	return write(ctx, objects, known)
}

// Compare is Check that writes nothing. Without a catalog, records is nil.
func Compare(ctx context.Context, objects object.Store, records catalog.Catalog, hasData bool) error {
	known, stored, err := readBoth(ctx, objects, records)
	if err != nil {
		return err
	}
	return compare(known, stored, hasData)
}

// compare refuses objects of another project than that of the catalog.
func compare(known, stored project, hasData bool) error {
	switch {
	case stored.ID != "" && known.ID == "":
		return &Error{"the objects belong to a project with another catalog: correct " + settings + "; " + adopting}
	case stored.ID != "" && stored.ID != known.ID:
		return &Error{"the objects belong to another project than the catalog: correct " + settings + "; " + adopting}
	case stored.ID == "" && known.ID != "" && hasData:
		return &Error{"there are no objects of this project, whose catalog knows some: correct " + settings + "; " + adopting}
	}
	return nil
}

func readBoth(ctx context.Context, objects object.Store, records catalog.Catalog) (known, stored project, err error) {
	if known.ID, err = KnownID(ctx, records); err == nil {
		stored, err = read(ctx, objects)
	}
	return known, stored, err
}

// KnownID returns the id of the project in its catalog; empty if it has none, or if records is nil.
func KnownID(ctx context.Context, records catalog.Catalog) (string, error) {
	if records == nil {
		return "", nil
	}
	known, err := catalog.Read(ctx, records, func(tx catalog.Tx) (p project, err error) {
		_, err = tx.Get(documentKey, &p)
		return p, err
	})
	if err != nil {
		return "", fmt.Errorf("read the id of the project: %w", err)
	}
	return known.ID, nil
}

// ID returns the id of the project in its catalog, which gets one if it has none.
func ID(ctx context.Context, records catalog.Catalog) (string, error) {
	var known project
	err := records.Update(ctx, func(tx catalog.Tx) error {
		if found, err := tx.Get(documentKey, &known); found || err != nil {
			return err
		}
		known.ID = rand.Text()
		return tx.Put(documentKey, known)
	})
	if err != nil {
		return "", fmt.Errorf("read the id of the project: %w", err)
	}
	return known.ID, nil
}

func record(ctx context.Context, records catalog.Catalog, p project) error {
	err := records.Update(ctx, func(tx catalog.Tx) error { return tx.Put(documentKey, p) })
	if err != nil {
		return fmt.Errorf("record the id of the project: %w", err)
	}
	return nil
}

// Probe opens the object that names the project, with one request: it fails if the objects cannot be reached.
func Probe(ctx context.Context, objects object.Store) error {
	in, err := objects.Open(ctx, objectName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the store answers
	}
	if err != nil {
		return err
	}
	return in.Close()
}

// read returns the project of the objects, without an id if there is none.
func read(ctx context.Context, objects object.Store) (p project, err error) {
	in, err := objects.Open(ctx, objectName)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.NewSectionReader(in, 0, min(in.Size(), maxBytes)))
	if err != nil {
		return p, fmt.Errorf("read %s: %w", objectName, err)
	}
	if err := json.Unmarshal(text, &p); err != nil || p.ID == "" {
		return p, &Error{objectName + " beside the objects is damaged, or of another program: correct " + settings + ", or restore it"}
	}
	return p, nil
}

// write makes the object. Another process that made it at the same time has another project.
func write(ctx context.Context, objects object.Store, p project) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	out, err := objects.CreateNew(ctx, objectName)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, bytes.NewReader(append(text, '\n')))
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		err = errors.Join(err, out.Abort())
	}
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	now, err := read(ctx, objects)
	if err == nil && now.ID != p.ID {
		err = &Error{"the objects belong to another project than the catalog: correct " + settings}
	}
	return err
}
