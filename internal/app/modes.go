// The modes of a project's files: only their owner may read them.

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// restrictModes removes the rights of group and others from the state folder and its files, since libraries create files that
// everybody may read. Objects are created for their owner only, so they are checked only if the folder was open to others.
func restrictModes(state string) error {
	info, err := os.Stat(state)
	if err != nil {
		return fmt.Errorf("read the mode of %s: %w", state, err)
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
			return fmt.Errorf("read the modes below %s: %w", state, err)
		case e.Type()&fs.ModeSymlink != 0:
			return nil
		case !wasOpen && path == filepath.Join(state, "objects"):
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return nil //nolint:nilerr // it was removed meanwhile
		}
		return restrictMode(path, info)
	})
}

// restrictMode removes the rights of group and others. It does nothing on a read-only disk.
func restrictMode(path string, info fs.FileInfo) error {
	mode := info.Mode().Perm() & 0o700
	if info.IsDir() {
		mode = 0o700
	}
	if info.Mode().Perm() == mode {
		return nil
	}
	if err := os.Chmod(path, mode); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("restrict access to the state: %w", err)
	}
	return nil
}
