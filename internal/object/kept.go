// Local copies of objects that this process writes, which saves their download.

package object

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/column"
)

// CreateKept is CreateDescribed for an object that is likely to be read as a file on this machine soon: a store with local copies
// keeps one. The object does not depend on it.
func CreateKept(ctx context.Context, store Store, name string) (*DescribedWriter, error) {
	d, err := CreateDescribed(ctx, store, name)
	if cached, ok := store.(*Cached); ok && err == nil {
		d.kept = cached.cache.beginKept(ctx)
	}
	return d, err
}

// keptBuffer is how many bytes are written to a copy at a time.
const keptBuffer = 1 << 20

// keptCopy is the copy of an object that is being written. A nil copy does nothing. After the first error it is given up, and the object
// is downloaded when it is needed.
type keptCopy struct {
	ctx   context.Context // of the writer
	cache *Cache
	lock  *lockedFile
	file  *os.File
	out   *bufio.Writer
	err   error
}

func (c *Cache) beginKept(ctx context.Context) *keptCopy {
	lock, file, err := c.folder.begin(ctx)
	if err != nil {
		return nil
	}
	return &keptCopy{ctx: ctx, cache: c, lock: lock, file: file, out: bufio.NewWriterSize(file, keptBuffer)}
}

func (k *keptCopy) write(b []byte) {
	if k != nil && k.err == nil {
		_, k.err = k.out.Write(b)
	}
}

// keep makes the copy one of the cache. It is verified: the digest was computed from the same bytes, as for a download.
func (k *keptCopy) keep(d Description) {
	if k == nil || k.lock == nil {
		return
	}
	k.err = errors.Join(k.err, k.out.Flush(), k.file.Close())
	isWithin := false
	if k.err == nil {
		isWithin, k.err = k.cache.folder.makeRoom(k.ctx)
	}
	lock := k.lock
	k.lock = nil
	if k.err != nil || !isWithin {
		lock.remove()
		return
	}
	kept, err := k.cache.folder.publish(k.ctx, lock, d)
	if err != nil {
		return // publish has removed it
	}
	if kept == lock { // otherwise it is the copy of another process
		k.cache.markVerified(d.Digest, lock.info)
	}
	kept.close()
}

// discard gives up the copy, unless it is kept.
func (k *keptCopy) discard() {
	if k == nil || k.lock == nil {
		return
	}
	_ = k.file.Close() // it is removed
	k.lock.remove()
	k.lock = nil
}

// begin creates the unfinished copy of an object whose size and digest are not known yet. Until makeRoom it may exceed the limit.
func (f *cacheFolder) begin(ctx context.Context) (*lockedFile, *os.File, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	file, err := os.CreateTemp(f.dir, column.Digest{}.String()+".*"+unfinishedSuffix)
	if err != nil {
		return nil, nil, err
	}
	lock, err := openLocked(file.Name())
	if err == nil && lock == nil {
		err = fmt.Errorf("lock %s: it was deleted", file.Name())
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return lock, file, nil
}

// makeRoom evicts copies until all, with unfinished ones, are within the limit, and reports whether they are.
func (f *cacheFolder) makeRoom(ctx context.Context) (bool, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	copies, used, err := f.scan()
	if err != nil {
		return false, err
	}
	_, freed := f.evict(copies, used-f.limit)
	return used-freed <= f.limit, nil
}
