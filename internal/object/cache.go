// The cache that gives objects of any store paths on this machine: pins, their release, and its counters.

package object

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"bursar/internal/column"
	"bursar/internal/failure"

	"golang.org/x/sync/errgroup"
)

// defaultDownloads is how many objects a cache downloads at a time, unless its configuration says otherwise.
const defaultDownloads = 8

// CacheConfig configures a Cache.
type CacheConfig struct {
	// Folder contains the copies. It is on a local disk, and processes of this machine may share it. It may be deleted at any time.
	Folder string
	// Limit is how many bytes all copies in the folder have. 0 is half of what is free and cached, at most 10 GiB. Processes that share
	// a folder have the same limit.
	Limit int64
	// Downloads is how many objects are downloaded at a time; 0 is 8.
	Downloads int
}

// CacheCounters counts what a Cache did since it was created.
type CacheCounters struct {
	Hits            int64 // pinned objects that were not downloaded for this pin
	Misses          int64 // pinned objects that were downloaded
	DownloadedBytes int64 // also of downloads that failed
	Evictions       int64
	EvictedBytes    int64
}

// Cache gives objects local paths, for readers that need files. It is safe for concurrent use.
//
// Each object is downloaded to a file named by its digest, once however many pins need it at the same time. Size and digest are
// compared while it is downloaded; a copy from an earlier process is compared before its first use, because a copy is not fsynced and
// may be incomplete after a power failure.
//
// The copies stay within a limit: before a download its space is reserved, and the copies that were not used for the longest time
// are removed. A pinned copy is never removed, also not by another process that uses the same folder. So pins that exceed the limit
// exceed it until they are released. A copy that a person deletes is downloaded again by the next Pin. Each pinned copy needs a file
// descriptor, for its lock.
type Cache struct {
	store     Store
	folder    *cacheFolder
	downloads int
	slots     chan struct{} // a value for each download that is running

	mu       sync.Mutex
	entries  map[cacheKey]*cacheEntry
	verified map[string]fs.FileInfo // by digest: the files that this process has compared with their digests
	counters CacheCounters
	fills    sync.WaitGroup
}

// NewCache returns a cache of the store's objects. It removes what killed processes left in its folder.
func NewCache(ctx context.Context, store Store, config CacheConfig) (*Cache, error) {
	c := &Cache{store: store, entries: map[cacheKey]*cacheEntry{}, verified: map[string]fs.FileInfo{}, downloads: config.Downloads}
	if c.downloads <= 0 {
		c.downloads = defaultDownloads
	}
	c.slots = make(chan struct{}, c.downloads)
	folder, err := openCacheFolder(ctx, config.Folder, config.Limit, c.countEviction)
	if err != nil {
		return nil, fmt.Errorf("open object cache %s: %w", config.Folder, err)
	}
	c.folder = folder
	return c, nil
}

// Counters returns what the cache has counted.
func (c *Cache) Counters() CacheCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counters
}

// Close waits until downloads have ended whose pins were cancelled. No Pin may be running.
func (c *Cache) Close() { c.fills.Wait() }

// Pin returns local paths of objects, which stay valid until the result is released. Pinning the same object several times is
// allowed. It may be retried. Errors: fs.ErrNotExist (wrapped) if an object is missing, ErrDamaged if the store's bytes are not those
// described, class Transient if the disk of the cache is full, and those of the store.
func (c *Cache) Pin(ctx context.Context, list []Description) (*Pinned, error) {
	p := &Pinned{cache: c, paths: make(map[string]string, len(list))}
	unique, err := distinct(list)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.downloads)
	for _, d := range unique {
		group.Go(func() error {
			entry, err := c.acquire(ctx, d)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			p.paths[d.Name] = entry.path
			p.entries = append(p.entries, entry)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

// distinct returns the descriptions without repetitions.
func distinct(list []Description) ([]Description, error) {
	byName := make(map[string]Description, len(list))
	var unique []Description
	for _, d := range list {
		if err := CheckName(d.Name); err != nil {
			return nil, err
		}
		if _, err := column.ParseDigest([]byte(d.Digest)); err != nil || d.Bytes < 0 {
			return nil, failure.Wrap(failure.Data, fmt.Errorf("pin object %s: %q is not a digest, or %d is not a size", d.Name, d.Digest, d.Bytes))
		}
		before, known := byName[d.Name]
		if known && (before.Digest != d.Digest || before.Bytes != d.Bytes) {
			return nil, fmt.Errorf("pin object %s: it has two different descriptions", d.Name)
		}
		if !known {
			byName[d.Name] = d
			unique = append(unique, d)
		}
	}
	return unique, nil
}

func (c *Cache) count(change func(n *CacheCounters)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.counters)
}

func (c *Cache) countEviction(bytes int64) {
	c.count(func(n *CacheCounters) {
		n.Evictions++
		n.EvictedBytes += bytes
	})
}

// Pinned are the paths of pinned objects.
//
// The files may be opened until Release, and a file that is open then stays readable. If a person deletes a pinned copy, open files
// stay readable as well, but opening its path fails: a reader passes its error to Explain, which makes it Transient, and tries again
// with another Pin.
type Pinned struct {
	cache   *Cache
	paths   map[string]string
	entries []*cacheEntry
	once    sync.Once
}

// Path returns the path of a pinned object. For another name it returns a path that does not exist.
func (p *Pinned) Path(name string) string {
	if path, ok := p.paths[name]; ok {
		return path
	}
	return filepath.Join(os.DevNull, "not-pinned", filepath.FromSlash(name))
}

// Explain returns the error of a reader of the pinned files, with class Transient if one of the copies was deleted meanwhile.
func (p *Pinned) Explain(err error) error {
	if err == nil {
		return nil
	}
	for name, path := range p.paths {
		if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
			return deletedCopy(name, path, err)
		}
	}
	return err
}

func deletedCopy(name, path string, err error) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("read object %s: its copy %s was deleted while it was in use: %w", name, path, err))
}

// Release ends the pins. It may be called more than once.
func (p *Pinned) Release() {
	p.once.Do(func() {
		for _, entry := range p.entries {
			p.cache.leave(entry)
		}
		p.cache.folder.trimIfOver()
	})
}
