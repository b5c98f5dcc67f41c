// Durable creation and removal of files and folders, which survive a power failure.

package object

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxDurableDirs bounds the size of Folder.durableDirs.
const maxDurableDirs = 4096

var errNotFolder error = syscall.ENOTDIR

// ensureDir creates dir durably: it creates missing folders and fsyncs each parent once per process. An existing folder's parent is
// fsynced, too, because the process that created the folder may have died before its fsync. Concurrent writers of a new folder
// each fsync its parent, and do not wait for other folders.
func (f *Folder) ensureDir(dir string) error {
	if f.isDurable(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if strings.HasPrefix(dir, f.root+string(filepath.Separator)) {
		if err := f.ensureDir(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) && parent != dir { // only above the root
		if err := f.ensureDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := SyncFolder(parent); err != nil {
		return err
	}
	f.markDurable(dir)
	return nil
}

func (f *Folder) isDurable(dir string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.durableDirs[dir]
}

func (f *Folder) markDurable(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.durableDirs) >= maxDurableDirs {
		clear(f.durableDirs) // many folders accumulate over years, and repeating an fsync is harmless
	}
	f.durableDirs[dir] = true
}

// SyncFolder makes the names in a folder durable, which a file's fsync does not.
func SyncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// WriteFile creates or replaces a file durably and atomically. Only its owner may read it. Concurrent calls for the same file
// are not allowed.
func WriteFile(path string, text []byte) error {
	newPath := path + ".new" // a file left by a crash is overwritten
	err := writeSynced(newPath, text)
	if err == nil {
		err = os.Rename(newPath, path)
	}
	if err != nil {
		_ = os.Remove(newPath) // it may not exist
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := SyncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err = file.Chmod(0o600); err == nil { // an existing file keeps its mode otherwise
		_, err = file.Write(text)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// RemoveFile removes a file durably. A missing file is not an error.
func RemoveFile(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
