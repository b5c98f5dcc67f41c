// The catalog opened for reading only, without writing to its folder.

package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"bursar/internal/failure"
)

// ReadOnly is a Catalog in one SQLite file that is only read.
type ReadOnly struct{ db *sql.DB }

// ErrReadOnly is returned by ReadOnly.Update. Its class is Data.
var ErrReadOnly = failure.Wrap(failure.Data, errors.New("the catalog is open for reading only"))

// OpenReadOnly opens the catalog in the file at path and writes nothing, not even next to it. The error for a missing file is
// fs.ErrNotExist, wrapped.
func OpenReadOnly(path string) (*ReadOnly, error) {
	r, err := openReadOnly(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s for reading: %w", path, err)
	}
	return r, nil
}

func openReadOnly(path string) (*ReadOnly, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	options := url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}}
	// A closed catalog has no log and no writers, so SQLite need not create the files that writers share.
	if info, err := os.Stat(path + logSuffix); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		options.Set("immutable", "1")
	}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(full), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", location.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(max(2, runtime.NumCPU()))
	found, err := userVersion(db)
	if err == nil && found != layout {
		err = fmt.Errorf("it has layout %d, but this program supports %d", found, layout)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &ReadOnly{db}, nil
}

// Update returns ErrReadOnly.
func (r *ReadOnly) Update(context.Context, func(Tx) error) error { return ErrReadOnly }

// View runs fn on the state at its first read.
func (r *ReadOnly) View(ctx context.Context, fn func(Tx) error) error {
	return inTransaction(ctx, r.db, nil, fn)
}

// Verify reads the whole file, like SQLite.Verify.
func (r *ReadOnly) Verify(ctx context.Context) (documents int, err error) { return verify(ctx, r.db) }

// Watch never signals: this process writes nothing, and it cannot know of others.
func (r *ReadOnly) Watch(context.Context, string) <-chan struct{} { return make(chan struct{}) }

// Changes returns 0: nothing changes.
func (r *ReadOnly) Changes() uint64 { return 0 }

// Close closes the file.
func (r *ReadOnly) Close() error { return r.db.Close() }
