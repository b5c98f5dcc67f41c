// The folder of a cache, which processes share: what they do to it is decided by its files and their locks alone.

package object

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"bursar/internal/column"
	"bursar/internal/durable"
	"bursar/internal/failure"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

const (
	// maxDefaultLimit is the largest size that a cache has unless its configuration says otherwise.
	maxDefaultLimit = 10 << 30
	// lockPoll is how often a process tries again to lock a folder that another has locked.
	lockPoll = 10 * time.Millisecond
	// trimTimeout is how long a release waits for the lock of the folder. What is not trimmed is trimmed before the next download.
	trimTimeout = 10 * time.Second
	// unfinishedSuffix is the end of names of copies that are being downloaded.
	unfinishedSuffix = ".tmp"
)

// cacheFolder is a folder of copies. It keeps no state in memory, so that it is right whichever processes use it and whichever of
// them are killed:
//
//   - A copy that is in use has a shared lock, and so has one that is being downloaded. The system frees the locks of killed
//     processes.
//   - The file `lock` is locked while files get their names or are removed. Only a copy that can be locked exclusively is removed.
//   - The space of a download is reserved by its file, which has the full size from the start.
//   - The time of last use is the time of modification.
//   - The file `over` exists while the limit is exceeded, so that the next release trims the folder, in whichever process.
type cacheFolder struct {
	dir     string
	limit   int64
	turn    chan struct{} // one value: this process's turn to lock the folder
	evicted func(bytes int64)
}

// cachedFile is a complete or unfinished copy.
type cachedFile struct {
	path string
	size int64
	used time.Time
}

func openCacheFolder(ctx context.Context, dir string, limit int64, evicted func(bytes int64)) (*cacheFolder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f := &cacheFolder{dir: dir, limit: limit, turn: make(chan struct{}, 1), evicted: evicted}
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, used, err := f.scan()
	if err == nil && limit <= 0 {
		f.limit, err = defaultLimit(dir, used)
	}
	return f, err
}

// defaultLimit is half of the space that is free or used by copies, so that it does not depend on what is cached.
func defaultLimit(dir string, used int64) (int64, error) {
	free, err := freeBytes(dir)
	return min((free+used)/2, maxDefaultLimit), err
}

func freeBytes(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil //nolint:unconvert // the types differ between systems
}

func (f *cacheFolder) path(digest string) string { return filepath.Join(f.dir, digest) }

// lock locks the folder for this goroutine, and creates it if it is missing.
func (f *cacheFolder) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		file := flock.New(filepath.Join(f.dir, "lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
		_, err := file.TryLockContext(ctx, lockPoll)
		if err == nil && isSameFile(file) {
			return func() { _ = file.Close(); <-f.turn }, nil
		}
		_ = file.Close() // the folder was deleted meanwhile, or there is an error
		if errors.Is(err, fs.ErrNotExist) {
			err = durable.MakeFolder(f.dir)
		}
		if err != nil {
			<-f.turn
			return nil, err
		}
	}
}

// scan returns the complete copies, the least recently used first, and the bytes of all copies. It removes unfinished copies of
// processes that were killed. Files that are not the cache's are left alone.
func (f *cacheFolder) scan() (copies []cachedFile, used int64, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, 0, explainDeleted(err)
	}
	for _, entry := range entries {
		digest, _, isUnfinished := strings.Cut(entry.Name(), ".")
		if _, err := column.ParseDigest([]byte(digest)); err != nil || isUnfinished && !strings.HasSuffix(entry.Name(), unfinishedSuffix) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a failed download has removed it
		}
		if err != nil {
			return nil, 0, err
		}
		file := cachedFile{filepath.Join(f.dir, entry.Name()), info.Size(), info.ModTime()}
		if isUnfinished && removeUnlocked(file.path) {
			continue
		}
		used += file.size
		if !isUnfinished {
			copies = append(copies, file)
		}
	}
	slices.SortFunc(copies, func(a, b cachedFile) int { return a.used.Compare(b.used) })
	return copies, used, nil
}

// evict removes unlocked copies from the front of the list until it has freed that many bytes. It returns the rest of the list and
// what was freed.
func (f *cacheFolder) evict(copies []cachedFile, bytes int64) (rest []cachedFile, freed int64) {
	for freed < bytes && len(copies) > 0 {
		if removeUnlocked(copies[0].path) {
			freed += copies[0].size
			f.evicted(copies[0].size)
		}
		copies = copies[1:]
	}
	return copies, freed
}

// removeUnlocked removes a file that no process has locked, and reports whether it did.
func removeUnlocked(path string) bool {
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	defer lock.Close()
	locked, err := lock.TryLock()
	return err == nil && locked && os.Remove(path) == nil
}

// reserve creates the unfinished copy of an object, with its full size. It evicts other copies to stay within the limit, or because
// the disk is full.
func (f *cacheFolder) reserve(ctx context.Context, d Description) (*lockedFile, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	copies, used, err := f.scan()
	if err != nil {
		return nil, err
	}
	copies, freed := f.evict(copies, used+d.Bytes-f.limit)
	f.markOver(used-freed+d.Bytes > f.limit)
	file, err := os.CreateTemp(f.dir, d.Digest+".*"+unfinishedSuffix)
	if err != nil {
		return nil, f.explainFull(d.Bytes, explainDeleted(err))
	}
	err = allocate(file, d.Bytes)
	for isDiskFull(err) && len(copies) > 0 {
		copies, _ = f.evict(copies, 1)
		err = allocate(file, d.Bytes)
	}
	err = errors.Join(err, file.Close())
	var unfinished *lockedFile
	if err == nil {
		unfinished, err = openLocked(file.Name())
	}
	if err == nil && unfinished == nil {
		err = explainDeleted(&fs.PathError{Op: "lock", Path: file.Name(), Err: fs.ErrNotExist})
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return nil, f.explainFull(d.Bytes, err)
	}
	return unfinished, nil
}

// publish gives a complete copy its name. If another process was faster, that copy is used.
func (f *cacheFolder) publish(ctx context.Context, unfinished *lockedFile, d Description) (*lockedFile, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		unfinished.remove()
		return nil, err
	}
	defer unlock()
	if other, err := openLocked(f.path(d.Digest)); err == nil && other != nil && other.info.Size() == d.Bytes {
		unfinished.remove()
		other.touch()
		return other, nil
	} else if err == nil {
		other.close()
	}
	if err := os.Rename(unfinished.path, f.path(d.Digest)); err != nil {
		unfinished.remove()
		return nil, explainDeleted(err)
	}
	unfinished.path = f.path(d.Digest)
	unfinished.touch()
	return unfinished, nil
}

// discard removes a damaged copy, also if another process uses it: its pins get an error when they open the path again.
func (f *cacheFolder) discard(ctx context.Context, damaged *lockedFile) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !damaged.isAtPath() {
		return nil // another process was faster
	}
	if err := os.Remove(damaged.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// trimIfOver evicts copies if the limit was exceeded. Errors are left to the next download, which trims again.
func (f *cacheFolder) trimIfOver() {
	if _, err := os.Stat(f.overPath()); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), trimTimeout)
	defer cancel()
	unlock, err := f.lock(ctx)
	if err != nil {
		return
	}
	defer unlock()
	if copies, used, err := f.scan(); err == nil {
		_, freed := f.evict(copies, used-f.limit)
		f.markOver(used-freed > f.limit)
	}
}

func (f *cacheFolder) overPath() string { return filepath.Join(f.dir, "over") }

// markOver creates or removes the file that says that the limit is exceeded. Without it the folder is trimmed by the next download.
func (f *cacheFolder) markOver(isOver bool) {
	if !isOver {
		_ = os.Remove(f.overPath())
	} else if file, err := os.OpenFile(f.overPath(), os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		_ = file.Close() // it is empty
	}
}

// explainFull adds to the error of a full disk what a person needs to know.
func (f *cacheFolder) explainFull(bytes int64, err error) error {
	if !isDiskFull(err) {
		return err
	}
	return f.fullError(bytes, err)
}

func (f *cacheFolder) fullError(bytes int64, cause error) error {
	free, _ := freeBytes(f.dir) // 0 if it is unknown
	return failure.Wrap(failure.Transient, fmt.Errorf("the disk of the object cache %s is full: %d bytes are needed, %d are free; free space there, or move the cache: %w",
		f.dir, bytes, free, cause))
}

// explainDeleted makes the error of a file that a person has deleted Transient. It removes fs.ErrNotExist from the chain, which would
// mean that the object is missing.
func explainDeleted(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return failure.Wrap(failure.Transient, errors.New(err.Error()+": a file of the object cache was deleted while it was in use"))
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
