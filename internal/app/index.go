// The index of an open project. A project with a damaged index can be opened, and repair replaces the index meanwhile.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bursar/internal/artifact"
)

func (a *App) indexFolder() string { return filepath.Join(a.state, "index") }

// openLocalIndex opens the index in a folder. Damage is not an error here, so that commands that need no index still work.
func openLocalIndex(dir string) (artifact.Index, error) {
	index, err := artifact.OpenPebble(dir, 0)
	if errors.Is(err, artifact.ErrIndexDamaged) {
		return unusableIndex{err}, nil
	}
	return index, err
}

// replaceIndex removes the index and opens an empty one in its place. Nothing else may use the index meanwhile.
func (a *App) replaceIndex() error {
	_ = a.index.Close() // its files are removed
	index, err := artifact.Index(nil), os.RemoveAll(a.indexFolder())
	if err != nil {
		err = fmt.Errorf("remove damaged index: %w", err)
	} else {
		index, err = artifact.OpenPebble(a.indexFolder(), 0)
	}
	if err != nil {
		index = unusableIndex{err}
	}
	a.index, a.Engine.Index = index, index
	return err
}

// unusableIndex is an index that could not be opened: each call returns the reason.
type unusableIndex struct{ err error }

func (x unusableIndex) Load(context.Context, artifact.Space, uint64, func() (artifact.Entry, bool, error)) error {
	return x.err
}

func (x unusableIndex) Find(context.Context, artifact.Space, uint64, [][]byte, func(int, artifact.Entry) error) error {
	return x.err
}

func (x unusableIndex) Scan(context.Context, artifact.Space, uint64, func(artifact.Entry) error) error {
	return x.err
}

func (x unusableIndex) History(context.Context, artifact.Space, uint64, []byte, func(artifact.Entry) error) error {
	return x.err
}

func (x unusableIndex) Loads(context.Context, artifact.Space, func(uint64, int64) error) error {
	return x.err
}
func (x unusableIndex) Drop(context.Context, artifact.Space) error             { return x.err }
func (x unusableIndex) Stored(context.Context, string) (artifact.Index, error) { return nil, x.err }
func (x unusableIndex) Close() error                                           { return nil }
