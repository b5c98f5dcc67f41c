// One object of a cache that is in use: it is found or downloaded once for all of its pins.

package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/zeebo/xxh3"
)

const (
	// downloadBlock is how many bytes are read from a store at a time: each block is a request to a remote store.
	downloadBlock = 4 << 20
	// maxVerified bounds the files that a process remembers as verified.
	maxVerified = 1 << 16
)

// cacheKey identifies content. Objects with the same content share a copy, whatever their names.
type cacheKey struct {
	digest string
	bytes  int64
}

// cacheEntry is a copy that is pinned, or is being made. fill sets the fields of its result before it closes ready.
type cacheEntry struct {
	object Description
	path   string
	cancel context.CancelFunc // ends fill

	ready      chan struct{}
	copied     *lockedFile // nil after an error
	downloaded bool
	err        error

	// Guarded by Cache.mu.
	pins   int
	filled bool
}

// acquire pins one object. The entry belongs to the caller until leave.
func (c *Cache) acquire(ctx context.Context, d Description) (*cacheEntry, error) {
	e, isFirst := c.join(ctx, d)
	var err error
	select {
	case <-e.ready:
		err = e.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.leave(e)
		return nil, err
	}
	c.count(func(n *CacheCounters) {
		if isFirst && e.downloaded {
			n.Misses++
		} else {
			n.Hits++
		}
	})
	return e, nil
}

// join finds the entry of an object or starts one, and adds a pin to it. An entry outlives the cancellation of the pin that started
// it, as long as there is another.
func (c *Cache) join(ctx context.Context, d Description) (e *cacheEntry, isFirst bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := cacheKey{d.Digest, d.Bytes}
	if e := c.entries[key]; e != nil && (!e.filled || e.copied.isAtPath()) {
		e.pins++
		return e, false
	}
	fillCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e = &cacheEntry{object: d, path: c.folder.path(d.Digest), cancel: cancel, ready: make(chan struct{}), pins: 1}
	c.entries[key] = e
	c.fills.Go(func() { c.fill(fillCtx, e) })
	return e, true
}

// leave removes a pin. The last one ends the entry.
func (c *Cache) leave(e *cacheEntry) {
	c.mu.Lock()
	e.pins--
	last := e.pins == 0
	if last {
		c.forget(e)
	}
	filled := e.filled
	c.mu.Unlock()
	if last {
		e.cancel()
	}
	if last && filled { // otherwise fill closes the file
		e.copied.close()
	}
}

// forget removes an entry that no pin may join any more.
func (c *Cache) forget(e *cacheEntry) {
	key := cacheKey{e.object.Digest, e.object.Bytes}
	if c.entries[key] == e {
		delete(c.entries, key)
	}
}

// fill finds or downloads the copy, and completes the entry.
func (c *Cache) fill(ctx context.Context, e *cacheEntry) {
	e.copied, e.err = c.find(ctx, e.object)
	if e.err == nil && e.copied == nil {
		e.copied, e.err = c.download(ctx, e.object)
		e.downloaded = true
	}
	c.mu.Lock()
	e.filled = true
	if e.err != nil {
		c.forget(e)
	}
	abandoned := e.pins == 0
	c.mu.Unlock()
	close(e.ready)
	if abandoned {
		e.copied.close()
		c.folder.trimIfOver()
	}
}

// find returns the copy that is in the folder, or nil if there is none. It removes a copy that is damaged.
func (c *Cache) find(ctx context.Context, d Description) (*lockedFile, error) {
	file, err := openLocked(c.folder.path(d.Digest))
	if err != nil || file == nil {
		return nil, err
	}
	if file.info.Size() == d.Bytes {
		intact, err := c.verify(ctx, file, d)
		if intact && err == nil {
			file.touch()
			return file, nil
		}
		if err != nil {
			file.close()
			return nil, fmt.Errorf("check the copy of object %s: %w", d.Name, explainDeleted(err))
		}
	}
	file.close()
	return nil, c.folder.discard(ctx, file)
}

// verify compares a copy with its digest, unless this process has done so before.
func (c *Cache) verify(ctx context.Context, file *lockedFile, d Description) (bool, error) {
	c.mu.Lock()
	before := c.verified[d.Digest]
	c.mu.Unlock()
	if before != nil && os.SameFile(before, file.info) {
		return true, nil
	}
	in, err := os.Open(file.path)
	if err != nil {
		return false, err
	}
	defer in.Close()
	hash := xxh3.New()
	if err := copyBlocks(ctx, hash, in, d.Bytes, checkBuffer); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	if sum(hash) != d.Digest {
		return false, nil
	}
	c.markVerified(d.Digest, file.info)
	return true, nil
}

func (c *Cache) markVerified(digest string, info fs.FileInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.verified) >= maxVerified {
		clear(c.verified) // verifying again is harmless
	}
	c.verified[digest] = info
}

// download copies an object from the store into the folder.
func (c *Cache) download(ctx context.Context, d Description) (*lockedFile, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	unfinished, err := c.folder.reserve(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("download object %s: %w", d.Name, err)
	}
	if err := c.receive(ctx, unfinished.path, d); err != nil {
		unfinished.remove()
		if isDiskFull(err) {
			err = c.folder.fullError(d.Bytes, err)
		}
		return nil, fmt.Errorf("download object %s: %w", d.Name, err)
	}
	copied, err := c.folder.publish(ctx, unfinished, d)
	if err != nil {
		return nil, fmt.Errorf("download object %s: %w", d.Name, err)
	}
	c.markVerified(d.Digest, copied.info)
	return copied, nil
}

// receive writes an object's bytes to a file and compares them with the description.
func (c *Cache) receive(ctx context.Context, path string, d Description) (err error) {
	in, err := c.store.OpenSized(ctx, d.Name, d.Bytes)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return explainDeleted(err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := xxh3.New()
	err = copyBlocks(ctx, io.MultiWriter(out, hash, &byteCounter{c}), in, d.Bytes, downloadBlock)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is shorter than its size of %d bytes: %w", ErrDamaged, d.Bytes, err)
	}
	if err != nil {
		return err
	}
	if got := sum(hash); got != d.Digest {
		return fmt.Errorf("%w: digest %s, not %s", ErrDamaged, got, d.Digest)
	}
	return nil
}

// copyBlocks copies size bytes. The context is checked between blocks.
func copyBlocks(ctx context.Context, out io.Writer, in io.ReaderAt, size int64, block int) error {
	buffer := make([]byte, min(size, int64(block)))
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := buffer[:min(size-at, int64(len(buffer)))]
		n, err := in.ReadAt(piece, at)
		if n < len(piece) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if _, err := out.Write(piece); err != nil {
			return err
		}
		at += int64(n)
	}
	return ctx.Err()
}

// byteCounter counts downloaded bytes.
type byteCounter struct{ cache *Cache }

func (b *byteCounter) Write(block []byte) (int, error) {
	b.cache.count(func(n *CacheCounters) { n.DownloadedBytes += int64(len(block)) })
	return len(block), nil
}
