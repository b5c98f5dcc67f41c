// Private folders: files with secrets, which only this user reads, and which are deleted even if this process is killed.

package singer

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

const (
	privatePrefix = "bursar-singer-"
	lockFile      = "lock"
	// memoryFolder is a file system in memory on Linux, so that secrets never reach a disk.
	memoryFolder = "/dev/shm"
)

// privateFolder is a folder that is in use as long as its lock is held. The system releases the lock of a process that is killed; whoever makes
// the next private folder deletes what it left.
type privateFolder struct {
	path string
	lock *flock.Flock
}

// newPrivateFolder makes a folder in another one, or, if that is empty, in the best place of the system.
func newPrivateFolder(in string) (*privateFolder, error) {
	if in == "" {
		in = os.TempDir()
		if info, err := os.Stat(memoryFolder); err == nil && info.IsDir() {
			if f, err := newPrivateFolder(memoryFolder); err == nil {
				return f, nil
			}
		}
	}
	deleteAbandoned(in)
	for {
		path, err := os.MkdirTemp(in, privatePrefix) // only this user enters it
		if err != nil {
			return nil, err
		}
		f := &privateFolder{path, flock.New(filepath.Join(path, lockFile))}
		isLocked, err := f.lock.TryLock()
		if _, gone := os.Stat(path); isLocked && gone == nil {
			return f, nil
		}
		// Another process may have taken it for abandoned between the two steps. Any other error is one of this place.
		left := f.remove()
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if left != nil {
			return nil, left
		}
	}
}

// write writes a file that only this user can read, and returns its path.
func (f *privateFolder) write(name string, content []byte) (string, error) {
	path, err := filepath.Abs(filepath.Join(f.path, name)) // the program is executed in another folder
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, content, 0o600)
}

// remove deletes the folder before it releases its lock.
func (f *privateFolder) remove() error {
	err := os.RemoveAll(f.path)
	_ = f.lock.Unlock()
	return err
}

// deleteAbandoned deletes the folders of processes that were killed. Those of other users may contain links, which must not be followed.
func deleteAbandoned(in string) {
	paths, _ := filepath.Glob(filepath.Join(in, privatePrefix+"*"))
	for _, path := range paths {
		if info, err := os.Lstat(path); err != nil || !info.IsDir() || !isOwn(info) {
			continue
		}
		f := &privateFolder{path, flock.New(filepath.Join(path, lockFile))}
		if isLocked, err := f.lock.TryLock(); err == nil && isLocked {
			_ = f.remove()
		}
	}
}

func isOwn(info os.FileInfo) bool {
	stat, isKnown := info.Sys().(*syscall.Stat_t)
	return isKnown && int(stat.Uid) == os.Getuid()
}
