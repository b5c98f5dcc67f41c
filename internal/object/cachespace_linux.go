// Space for a cache's file, which the file system reserves before anything is written.

package object

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives a file its size. On file systems that cannot reserve space, a full disk is noticed while the file is written.
func allocate(file *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	err := unix.Fallocate(int(file.Fd()), 0, 0, size)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fallocate(int(file.Fd()), 0, 0, size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return file.Truncate(size)
	}
	if err != nil {
		return &fs.PathError{Op: "allocate", Path: file.Name(), Err: err}
	}
	return nil
}
