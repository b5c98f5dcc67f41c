// The objects of the warm tier as files.

package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"bursar/internal/failure"
	"bursar/internal/object"
)

// ownFiles are objects that are files anyway.
type ownFiles struct{ folder *object.Folder }

// OwnFiles returns the files of the objects in a folder.
func OwnFiles(folder *object.Folder) Copies { return ownFiles{folder} }

func (o ownFiles) Path(d object.Description) string               { return o.folder.Path(d.Name) }
func (ownFiles) Fill(context.Context, []object.Description) error { return nil }
func (ownFiles) Keep([]object.Description) error                  { return nil }

// downloaded are copies of the objects of a distant store.
type downloaded struct {
	dir   string
	store object.Store
}

// Downloaded returns copies of a store's objects in a folder of their own.
func Downloaded(dir string, store object.Store) Copies { return downloaded{dir, store} }

func (o downloaded) Path(d object.Description) string { return filepath.Join(o.dir, path.Base(d.Name)) }

// Fill downloads what is missing. An object that is damaged does not keep the others from it.
func (o downloaded) Fill(ctx context.Context, list []object.Description) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("make folder of the warm tier: %w", err)
	}
	var damaged error
	for _, d := range list {
		if info, err := os.Stat(o.Path(d)); err == nil && info.Size() == d.Bytes {
			continue
		}
		if err := o.download(ctx, d); object.IsDamage(err) {
			damaged = errors.Join(damaged, err)
		} else if err != nil {
			return err
		}
	}
	return damaged
}

// download makes a copy. A file has its name only when its bytes were compared with the digest.
func (o downloaded) download(ctx context.Context, d object.Description) error {
	unfinished := o.Path(d) + ".part"
	if err := download(ctx, o.store, d, unfinished); err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	err := os.Rename(unfinished, o.Path(d))
	if errors.Is(err, fs.ErrNotExist) { // by Keep, which does not know the object yet
		return failure.Wrap(failure.Transient, fmt.Errorf("copy object %s: its file was removed meanwhile", d.Name))
	}
	return err
}

func (o downloaded) Keep(list []object.Description) error {
	needed := map[string]bool{}
	for _, d := range list {
		needed[path.Base(d.Name)] = true
	}
	entries, err := os.ReadDir(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !needed[e.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(o.dir, e.Name())))
		}
	}
	return err
}
