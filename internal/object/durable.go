// durable.go makes files and folders survive a power cut.

package object

import (
	"errors"
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
	if err := syncFolder(parent); err != nil {
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

// syncFolder makes the names in a folder durable: a file's own fsync does not.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
