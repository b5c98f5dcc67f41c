// A store on another machine whose objects are provided as local files, through a cache.

package object

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/failure"

	"github.com/zeebo/xxh3"
)

// Cached is a store with local copies of its objects.
type Cached struct {
	Store
	cache   *Cache
	scratch string
}

// NewCached returns the cache's store with its local copies. Copies of objects without a digest are kept in the folder scratch.
func NewCached(cache *Cache, scratch string) *Cached {
	return &Cached{cache.store, cache, scratch}
}

// Uncached returns the store behind local copies, for checks of what is stored.
func Uncached(store Store) Store {
	if c, ok := store.(*Cached); ok {
		return c.Store
	}
	return store
}

// Files returns the local files of an operation.
func (c *Cached) Files() Files { return &cachedFiles{store: c, copies: map[string]string{}} }

// check compares a local copy of an object with its description.
func (c *Cached) check(ctx context.Context, d Description) error {
	pinned, err := c.cache.Pin(ctx, []Description{d})
	if err != nil {
		return err
	}
	defer pinned.Release()
	file, err := os.Open(pinned.Path(d.Name))
	if err != nil {
		return pinned.Explain(err)
	}
	defer file.Close()
	hash := xxh3.New()
	if _, err := io.CopyBuffer(hash, file, make([]byte, checkBuffer)); err != nil {
		return fmt.Errorf("check the copy of %s: %w", d.Name, err)
	}
	if got := sum(hash); got != d.Digest {
		return fmt.Errorf("check the copy of %s, %s: %w: digest %s, not %s; delete this file", d.Name, pinned.Path(d.Name), ErrDamaged, got, d.Digest)
	}
	return ctx.Err()
}

// cachedFiles are the local files of one operation. The cache knows objects by their digests; an object without one is copied for
// this operation only.
type cachedFiles struct {
	store  *Cached
	noted  []Description     // with a digest, and not pinned yet
	pins   []*Pinned         //
	copies map[string]string // paths of objects without a digest, by name
}

func (f *cachedFiles) Path(d Description) string {
	if d.Digest != "" {
		f.noted = append(f.noted, d)
		return f.store.cache.folder.path(d.Digest)
	}
	if f.copies[d.Name] == "" {
		f.copies[d.Name] = filepath.Join(f.store.scratch, "object-"+rand.Text())
	}
	return f.copies[d.Name]
}

func (f *cachedFiles) Pin(ctx context.Context) error {
	for name, path := range f.copies {
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := f.store.copy(ctx, name, path); err != nil {
			return fmt.Errorf("download object %s: %w", name, err)
		}
	}
	if len(f.noted) == 0 {
		return nil
	}
	pinned, err := f.store.cache.Pin(ctx, f.noted)
	if err != nil {
		return err
	}
	f.noted, f.pins = nil, append(f.pins, pinned)
	return nil
}

func (f *cachedFiles) Explain(err error) error {
	if err == nil {
		return nil
	}
	for _, pinned := range f.pins {
		if explained := pinned.Explain(err); failure.Of(explained) == failure.Transient {
			return explained
		}
	}
	for name, path := range f.copies {
		if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
			return deletedCopy(name, path, err)
		}
	}
	return err
}

func (f *cachedFiles) Release() {
	for _, pinned := range f.pins {
		pinned.Release()
	}
	for _, path := range f.copies {
		_ = os.Remove(path) // scratch is emptied at the next start
	}
	f.noted, f.pins = nil, nil
	clear(f.copies)
}

// copy writes a whole object to a file.
func (c *Cached) copy(ctx context.Context, name, path string) (err error) {
	in, err := c.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(path) // an unfinished copy must not be found by the next Pin
		}
	}()
	return copyBlocks(ctx, out, in, in.Size(), downloadBlock)
}
