// The index of an open project. A project with a damaged index can be opened, and the index can be replaced meanwhile.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"bursar/internal/artifact"
)

// projectIndex wraps the Pebble index. It can be replaced by an empty one while the project is open; calls wait meanwhile. If
// the store cannot be opened, each call returns the reason.
type projectIndex struct {
	dir string

	mu    sync.RWMutex
	index *artifact.PebbleIndex // nil while the store cannot be opened
	err   error                 // why
}

// openLocalIndex opens the index in dir. Damage is not an error here, so that commands that need no index still work.
func openLocalIndex(dir string) (*projectIndex, error) {
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
		_ = x.index.Close() // its files are removed
	}
	x.index, x.err = nil, errors.New("the index is being replaced")
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

// use calls the function with the index, or returns why it cannot be opened.
func (x *projectIndex) use(call func(*artifact.PebbleIndex) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.index == nil {
		return x.err
	}
	return call(x.index)
}

// Load is PebbleIndex.Load.
func (x *projectIndex) Load(ctx context.Context, space artifact.Space, run uint64, next func() (artifact.Entry, bool, error)) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Load(ctx, space, run, next) })
}

// Find is PebbleIndex.Find.
func (x *projectIndex) Find(ctx context.Context, space artifact.Space, asOf uint64, keys [][]byte, found func(int, artifact.Entry) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Find(ctx, space, asOf, keys, found) })
}

// Scan is PebbleIndex.Scan.
func (x *projectIndex) Scan(ctx context.Context, space artifact.Space, asOf uint64, each func(artifact.Entry) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Scan(ctx, space, asOf, each) })
}

// Loads is PebbleIndex.Loads.
func (x *projectIndex) Loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Loads(ctx, space, each) })
}

// History is PebbleIndex.History.
func (x *projectIndex) History(ctx context.Context, space artifact.Space, asOf uint64, key []byte, each func(artifact.Entry) error) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.History(ctx, space, asOf, key, each) })
}

// Drop is PebbleIndex.Drop.
func (x *projectIndex) Drop(ctx context.Context, space artifact.Space) error {
	return x.use(func(i *artifact.PebbleIndex) error { return i.Drop(ctx, space) })
}

// Stored is PebbleIndex.Stored.
func (x *projectIndex) Stored(ctx context.Context, dir string) (stored artifact.Index, err error) {
	err = x.use(func(i *artifact.PebbleIndex) error {
		found, err := i.Stored(ctx, dir)
		if err == nil { // else stored would be a non-nil interface with a nil pointer
			stored = found
		}
		return err
	})
	return stored, err
}

// Close closes the index if it is open.
func (x *projectIndex) Close() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.index == nil {
		return nil
	}
	return x.index.Close()
}

// unusable returns why the store cannot be opened; nil if it is open.
func (x *projectIndex) unusable() error {
	return x.use(func(*artifact.PebbleIndex) error { return nil })
}
