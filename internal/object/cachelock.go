// Files of a cache with a shared lock, which keeps every process from removing them.

package object

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// lockedFile is a file of a cache that this process has locked.
type lockedFile struct {
	path string
	lock *flock.Flock
	info fs.FileInfo
}

// openLocked locks a file. It returns nil if the file does not exist, or is being removed.
func openLocked(path string) (*lockedFile, error) {
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	locked, err := lock.TryRLock()
	if err == nil && locked && isSameFile(lock) {
		info, err := lock.Stat()
		return &lockedFile{path, lock, info}, err
	}
	_ = lock.Close() // nothing was written
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return nil, err
}

// isSameFile reports whether the path of a lock still leads to the file that is locked, which may have been removed before it was
// locked.
func isSameFile(lock *flock.Flock) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(locked, there)
}

// isAtPath reports whether the path still leads to the file.
func (l *lockedFile) isAtPath() bool {
	there, err := os.Stat(l.path)
	return err == nil && os.SameFile(l.info, there)
}

// touch sets the time of last use. Without it the copy is evicted too early, which is harmless.
func (l *lockedFile) touch() {
	now := time.Now()
	_ = os.Chtimes(l.path, now, now)
}

// close ends the use of the file. It does nothing for nil.
func (l *lockedFile) close() {
	if l != nil {
		l.touch()
		_ = l.lock.Close() // nothing was written through it
	}
}

// remove removes an unfinished copy. What cannot be removed is removed by a later scan.
func (l *lockedFile) remove() {
	_ = os.Remove(l.path)
	_ = l.lock.Close()
}
