// The modes of the state's files: events, and who may ask for them, are their owner's business.

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// restrictModes takes the state away from everybody but its owner: the folder itself at once, then what lies in it, as libraries
// make files that all may read. Objects are made for their owner alone, so they are only looked at where the folder was open.
func restrictModes(state string) error {
	info, err := os.Stat(state)
	if err != nil {
		return fmt.Errorf("look at the modes of %s: %w", state, err)
	}
	wasOpen := info.Mode().Perm()&0o077 != 0
	if err := restrictMode(state, info); err != nil {
		return err
	}
	return filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) || path == state:
			return nil
		case err != nil:
			return fmt.Errorf("look at the modes below %s: %w", state, err)
		case e.Type()&fs.ModeSymlink != 0:
			return nil
		case !wasOpen && path == filepath.Join(state, "objects"):
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return nil //nolint:nilerr // it is gone again
		}
		return restrictMode(path, info)
	})
}

// restrictMode leaves only the owner's rights. A disk that cannot be written keeps what it has.
func restrictMode(path string, info fs.FileInfo) error {
	mode := info.Mode().Perm() & 0o700
	if info.IsDir() {
		mode = 0o700
	}
	if info.Mode().Perm() == mode {
		return nil
	}
	if err := os.Chmod(path, mode); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("keep others from reading the state: %w", err)
	}
	return nil
}
