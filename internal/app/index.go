// The index of an open project: a damaged one does not keep the project from being opened, and is made again from parts.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"bursar/internal/artifact"
)

// projectIndex is the index that all calls go to. It can be replaced by an empty one while the project is open; a call
// waits meanwhile. While the store cannot be opened each call returns why.
type projectIndex struct {
	dir string

	mu    sync.RWMutex
	index *artifact.PebbleIndex // nil while the store cannot be opened
	err   error                 // why
}

// openIndex opens the index in dir. A damaged one is not an error here: what needs no index goes on working.
func openIndex(dir string) (*projectIndex, error) {
	x := &projectIndex{dir: dir}
	index, err := artifact.OpenPebble(dir, 0)
	switch {
	case err == nil:
		x.index = index
	case errors.Is(err, artifact.ErrIndexDamaged):
		x.err = err
	default:
		return nil, err
	}
	return x, nil
}

// replace removes the index and opens an empty one in its place.
func (x *projectIndex) replace() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.index != nil {
		_ = x.index.Close() // it is thrown away
	}
	x.index, x.err = nil, errors.New("the index is being made again")
	if err := os.RemoveAll(x.dir); err != nil {
		return fmt.Errorf("remove damaged index: %w", err)
	}
	index, err := artifact.OpenPebble(x.dir, 0)
	if err != nil {
		x.err = err
		return err
	}
	x.index, x.err = index, nil
	return nil
}

// use calls do on the index.
func (x *projectIndex) use(call func(*artifact.PebbleIndex) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.index == nil {
		return x.err
	}
	return call(x.index)
}

// Load is the index's.
func (x *projectIndex) Load(ctx context.Context, space artifact.Space, run uint64, next func() (artifact.Entry, bool, error)) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Load(ctx, space, run, next) })
}

// Find is the index's.
func (x *projectIndex) Find(ctx context.Context, space artifact.Space, asOf uint64, keys [][]byte, found func(int, artifact.Entry) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Find(ctx, space, asOf, keys, found) })
}

// Scan is the index's.
func (x *projectIndex) Scan(ctx context.Context, space artifact.Space, asOf uint64, each func(artifact.Entry) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Scan(ctx, space, asOf, each) })
}

// Loads is the index's.
func (x *projectIndex) Loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Loads(ctx, space, each) })
}

// History is the index's.
func (x *projectIndex) History(ctx context.Context, space artifact.Space, asOf uint64, key []byte, each func(artifact.Entry) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.History(ctx, space, asOf, key, each) })
}

// Drop is the index's.
func (x *projectIndex) Drop(ctx context.Context, space artifact.Space) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Drop(ctx, space) })
}

// Stored is the index's, where it has files of its own.
func (x *projectIndex) Stored(ctx context.Context, dir string) (stored artifact.Index, err error) {
	err = x.use(func(i *artifact.PebbleIndex) error {
		found, err := i.Stored(ctx, dir)
		if err == nil { // else it would be an index that is a nil pointer
			stored = found
		}
		return err
	})
	return stored, err
}

// Close closes the index. Where it cannot be opened there is nothing to close: whoever needed it was given the reason.
func (x *projectIndex) Close() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.index == nil {
		return nil
	}
	return x.index.Close()
}

// unusable is why the store cannot be opened, nil if it is open.
func (x *projectIndex) unusable() error {
	return x.use(func(*artifact.PebbleIndex) error { return nil })
}

func indexFolder(state string) string { return filepath.Join(state, "index") }
