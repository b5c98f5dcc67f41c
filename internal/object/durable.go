// durable.go makes files and folders survive a power cut.

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

// maxSettled bounds the folders that are remembered.
const maxSettled = 4096

var errNotFolder error = syscall.ENOTDIR

// settle makes dir exist, durably: every folder from the root down to it is fsynced into its parent once in
// the life of the process. A folder that was found there counts as unsettled too, for the process that
// made it may have died before it fsynced the parent. Writers that meet at a new folder each settle it, and wait
// for no other folder's fsync.
func (f *Folder) settle(dir string) error {
	if f.isSettled(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if strings.HasPrefix(dir, f.root+string(filepath.Separator)) {
		if err := f.settle(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) && parent != dir { // only above the root
		if err := f.settle(parent); err != nil {
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
	f.remember(dir)
	return nil
}

func (f *Folder) isSettled(dir string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settled[dir]
}

func (f *Folder) remember(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.settled) >= maxSettled {
		clear(f.settled) // in a process that runs for years folders are many, and settling one again is harmless
	}
	f.settled[dir] = true
}

// SyncFolder makes the names in a folder durable: a file's own fsync does not.
func SyncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// WriteFile makes a file with this text, or replaces the one that is there: whole and durably, or not at all. Only its owner may read it.
// Two may not write one file at a time.
func WriteFile(path string, text []byte) error {
	fresh := path + ".new" // what a crash leaves is overwritten by the next
	err := writeSynced(fresh, text)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh) // it may not be there
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
	if err = file.Chmod(0o600); err == nil { // that of one which was there stays
		_, err = file.Write(text)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// RemoveFile removes a file, durably. One that is not there is no error.
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
