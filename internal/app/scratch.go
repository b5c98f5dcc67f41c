// Folders for temporary files: one of the project, or one of each process if several share it.

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// openScratch returns an empty folder for temporary files. Those of processes that were killed are removed.
func (a *App) openScratch() (string, error) {
	dir := filepath.Join(a.state, "scratch")
	if !a.Project.Config.HasSeveralProcesses() {
		return dir, emptyFolder(dir)
	}
	own, err := a.processScratch(dir)
	if err != nil {
		return "", fmt.Errorf("create scratch folder: %w", err)
	}
	return own, nil
}

const scratchLock = ".lock"

// processScratch creates a folder below dir, beside a file that is locked as long as this process lives.
func (a *App) processScratch(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	locks, err := filepath.Glob(filepath.Join(dir, "*"+scratchLock))
	if err != nil {
		return "", err
	}
	for _, path := range locks {
		if err := removeUnlocked(path); err != nil {
			return "", err
		}
	}
	for {
		file, err := os.CreateTemp(dir, "*"+scratchLock)
		if err != nil {
			return "", err
		}
		_ = file.Close() // it is empty
		lock := flock.New(file.Name(), flock.SetFlag(os.O_RDWR))
		if locked, err := lock.TryLock(); err == nil && locked && isLockedFile(lock) {
			own := strings.TrimSuffix(file.Name(), scratchLock)
			a.closers = append(a.closers, func() error { return errors.Join(os.RemoveAll(own), os.Remove(lock.Path()), lock.Close()) })
			return own, os.Mkdir(own, 0o700)
		}
		if err := lock.Close(); err != nil { // another process has taken the new file for one of a dead process
			return "", err
		}
	}
}

// isLockedFile reports whether the locked file is still the one at its path.
func isLockedFile(lock *flock.Flock) bool {
	now, err := os.Stat(lock.Path())
	if err != nil {
		return false
	}
	locked, err := lock.Stat()
	return err == nil && os.SameFile(now, locked)
}

// removeUnlocked removes a folder whose process has died, and its lock.
func removeUnlocked(path string) error {
	lock := flock.New(path, flock.SetFlag(os.O_RDWR))
	locked, err := lock.TryLock()
	if errors.Is(err, os.ErrNotExist) || err == nil && !locked {
		return nil
	}
	if err != nil {
		return err
	}
	err = os.RemoveAll(strings.TrimSuffix(path, scratchLock))
	if gone := os.Remove(path); !errors.Is(gone, os.ErrNotExist) { // it ended, or another process has removed it, since the file was opened
		err = errors.Join(err, gone)
	}
	return errors.Join(err, lock.Close())
}
