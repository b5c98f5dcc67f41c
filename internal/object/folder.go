// The object store of a single machine: one file per object below a root folder.

package object

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"bursar/internal/durable"
)

// unfinished is the folder below the root for objects that are not committed. It is on the same file system, so that commit is
// a rename, and no valid object name leads into it.
const unfinished = ".tmp"

// maxDurableDirs bounds the size of Folder.durableDirs.
const maxDurableDirs = 4096

// Folder is a Store of local files. Each object is the file root/name, readable only by its owner.
// Folders that Delete empties stay, because another writer may be about to use them.
type Folder struct {
	root string

	mu          sync.Mutex
	durableDirs map[string]bool // folders known to exist and to be durable in their parents
}

// NewFolder returns a store of the files below root, which Create creates if necessary.
func NewFolder(root string) *Folder {
	// The root stays relative if the working directory is unknown.
	if full, err := filepath.Abs(root); err == nil {
		root = full
	}
	return &Folder{root: filepath.Clean(root), durableDirs: map[string]bool{}}
}

// Clean removes the files of writers that died. Only the process that has locked the project may call it, before it creates
// objects, because Clean cannot distinguish files of dead and living writers.
func (f *Folder) Clean() error {
	dir := filepath.Join(f.root, unfinished)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clean object folder %s: %w", f.root, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.durableDirs, dir)
	return nil
}

// Path returns the path of the object's file, whether it exists or not.
func (f *Folder) Path(name string) string {
	return filepath.Join(f.root, filepath.FromSlash(name))
}

// folderFiles are the objects of a folder, which are files already.
type folderFiles struct{ folder *Folder }

// Files returns the objects' own files.
func (f *Folder) Files() Files { return folderFiles{f} }

func (f folderFiles) Path(d Description) string { return f.folder.Path(d.Name) }
func (folderFiles) Pin(context.Context) error   { return nil }
func (folderFiles) Explain(err error) error     { return err }
func (folderFiles) Release()                    {}

// Create starts an object.
func (f *Folder) Create(ctx context.Context, name string) (Writer, error) {
	return f.create(ctx, name, durable.Rename)
}

// CreateNew starts an object that must not exist at commit.
func (f *Folder) CreateNew(ctx context.Context, name string) (Writer, error) {
	return f.create(ctx, name, durable.Link)
}

// create starts an object whose commit gives the unfinished file its name with publish.
func (f *Folder) create(ctx context.Context, name string, publish func(from, to string) error) (Writer, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	dir := filepath.Join(f.root, unfinished)
	if err := f.ensureDir(dir); err != nil {
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	file, err := os.CreateTemp(dir, "*")
	if err != nil {
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	return newFileWriter(ctx, f, name, file, publish), nil
}

// Open opens an object for reading.
func (f *Folder) Open(ctx context.Context, name string) (Reader, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	file, err := os.Open(f.Path(name))
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", name, asNotExist(err))
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open object %s: %w", name, err)
	}
	return &fileReader{File: file, size: info.Size()}, nil
}

// OpenSized opens an object of a known size for reading.
func (f *Folder) OpenSized(ctx context.Context, name string, size int64) (Reader, error) {
	in, err := f.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if in.Size() != size {
		return nil, errors.Join(ErrSize(name, in.Size(), size), in.Close())
	}
	return in, nil
}

// List returns the names under prefix, sorted by bytes.
func (f *Folder) List(ctx context.Context, prefix string) ([]string, error) {
	if err := CheckPrefix(prefix); err != nil {
		return nil, err
	}
	var names []string
	err := filepath.WalkDir(f.Path(prefix), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(asNotExist(err), fs.ErrNotExist):
			return nil // a missing folder contains no objects
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != f.root:
			return fs.SkipDir
		case entry.Type().IsRegular():
			name, err := filepath.Rel(f.root, path)
			if err != nil {
				return err
			}
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list objects %s: %w", prefix, err)
	}
	// WalkDir sorts element by element and visits "a/b" before "a-b".
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, prefix) || CheckName(name) != nil // not an object
	}), nil
}

// Delete removes an object durably.
func (f *Folder) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	path := f.Path(name)
	err := os.Remove(path)
	if errors.Is(asNotExist(err), fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}

// ensureDir creates dir durably, and fsyncs each folder's parent once per process. Concurrent writers of a new folder each fsync
// its parent, and do not wait for other folders.
func (f *Folder) ensureDir(dir string) error {
	f.mu.Lock()
	isDurable := f.durableDirs[dir]
	f.mu.Unlock()
	if isDurable {
		return nil
	}
	if strings.HasPrefix(dir, f.root+string(filepath.Separator)) {
		if err := f.ensureDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if err := durable.MakeFolder(dir); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.durableDirs) >= maxDurableDirs {
		clear(f.durableDirs) // many folders accumulate over years, and repeating an fsync is harmless
	}
	f.durableDirs[dir] = true
	return nil
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return CheckName(name)
}

// asNotExist converts errors that mean that the object does not exist into fs.ErrNotExist, also that of a name below another
// object.
func asNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fs.ErrNotExist
	}
	return err
}
