// Package durable makes the names and the contents of files survive a power failure. It owns the order of effects: a file, then
// its name, then its folder, each fsynced before the next. It keeps no state, and does not serialize writers of one file.
//
// The libraries that replace files atomically leave out the fsync of the folder, without which the new name may be lost.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MakeFolder creates a folder and its missing parents; only their owner may enter them. It fsyncs the parent of an existing
// folder, too, because the process that created the folder may have died before its fsync.
func MakeFolder(dir string) error {
	parent := filepath.Dir(dir)
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := MakeFolder(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		var info fs.FileInfo
		if info, err = os.Stat(dir); err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
	}
	if err != nil {
		return err
	}
	return SyncFolder(parent)
}

// SyncFolder makes the names in a folder durable, which a file's fsync does not.
func SyncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Rename gives a file that is already durable its new name, and replaces what has that name.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// Link gives a file that is already durable its new name. It fails with fs.ErrExist if something has that name.
func Link(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	if err := os.Remove(from); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// WriteFile creates or replaces a file atomically. Only its owner may read it. Concurrent calls for the same file are not
// allowed.
func WriteFile(path string, text []byte) error {
	newPath := path + ".new" // a file left by a crash is overwritten
	err := writeSynced(newPath, text)
	if err == nil {
		err = Rename(newPath, path)
	}
	if err != nil {
		_ = os.Remove(newPath) // it may not exist
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

// Remove removes a file. A missing file is not an error.
func Remove(path string) error {
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
