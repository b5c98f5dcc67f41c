// Which catalog a project folder uses: the one in its state folder, or one that other folders use as well.

package marker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/catalog"
	"bursar/internal/durable"
	"bursar/internal/failure"
)

const (
	localCatalog = "catalog.db"
	// sharedMark is the file of a state folder whose project has its catalog elsewhere.
	sharedMark = "catalog.shared"
)

// ErrLocal is returned for a project with a catalog elsewhere whose state folder contains a catalog with data.
var ErrLocal = failure.Wrap(failure.Data, errors.New("the catalog is declared in PostgreSQL, but this project has one in .bursar/catalog.db, "+
	"whose batches and artifacts would be missing: declare {kind: sqlite} for it, or ingest everything again in a new project folder"))

// ErrShared is returned for a project with its catalog in the state folder that was used with one elsewhere.
var ErrShared = failure.Wrap(failure.Data, errors.New("this project has its catalog in PostgreSQL, whose batches and artifacts would be missing: "+
	"declare that catalog again, or remove .bursar/"+sharedMark+" to begin with an empty one"))

// CheckShared returns ErrLocal if the state folder contains a catalog with data. An empty one does not matter.
func CheckShared(ctx context.Context, state string) error {
	isEmpty, err := isEmptyCatalog(ctx, filepath.Join(state, localCatalog))
	if err == nil && !isEmpty {
		return ErrLocal
	}
	return err
}

// MarkShared records that the project has its catalog elsewhere.
func MarkShared(state string) error {
	path := filepath.Join(state, sharedMark)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	err := durable.WriteFile(path, []byte("The catalog of this project is not in this folder.\n"))
	if err == nil {
		return nil
	}
	if _, failed := os.Stat(path); failed == nil { // another process of this folder has written it at the same time
		return nil
	}
	return fmt.Errorf("record where the catalog is: %w", err)
}

// CheckLocal returns ErrShared if the project had its catalog elsewhere and has no data here.
func CheckLocal(ctx context.Context, state string) error {
	if _, err := os.Stat(filepath.Join(state, sharedMark)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("find out where the catalog is: %w", err)
	}
	isEmpty, err := isEmptyCatalog(ctx, filepath.Join(state, localCatalog))
	if err == nil && isEmpty {
		return ErrShared
	}
	return nil // what is wrong with the catalog is found when it is opened
}

// isEmptyCatalog reports whether a catalog in a file is missing or contains nothing but its project's id.
func isEmptyCatalog(ctx context.Context, path string) (bool, error) {
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return true, nil
	}
	records, err := catalog.OpenReadOnly(path)
	if err != nil {
		return false, err
	}
	isEmpty := true
	err = records.View(ctx, func(tx catalog.Tx) error {
		isEmpty = true
		return failure.UnlessStopped(tx.List("", func(key string, _ json.RawMessage) error {
			if key == documentKey {
				return nil
			}
			isEmpty = false
			return failure.ErrStop
		}))
	})
	return isEmpty, errors.Join(err, records.Close())
}
