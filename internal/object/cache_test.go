// Tests of the cache on a remote store that counts, waits and fails.

package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// remoteStore is a store in memory without local paths. It counts how often each object is opened.
type remoteStore struct {
	object.Store // nil: a cache only opens, so any other call panics

	mu                  sync.Mutex
	content             map[string][]byte
	opened              map[string]int
	running, mostAtOnce int // open readers
	openErr             error
	readErr             error             // of reads behind the first half
	reading             func(name string) // called by each read
}

func newRemote() *remoteStore {
	return &remoteStore{content: map[string][]byte{}, opened: map[string]int{}}
}

// put stores an object of this size, and describes it. Objects have different bytes.
func (s *remoteStore) put(name string, size int) object.Description {
	s.mu.Lock()
	defer s.mu.Unlock()
	content := bytes.Repeat([]byte(name+"\n"), size/(len(name)+1)+1)[:size]
	s.content[name] = content
	return object.Description{Name: name, Bytes: int64(size), Digest: column.Sum128(content).String()}
}

func (s *remoteStore) Open(ctx context.Context, name string) (object.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened[name]++
	content, ok := s.content[name]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case s.openErr != nil:
		return nil, s.openErr
	case !ok:
		return nil, fmt.Errorf("open object %s: %w", name, fs.ErrNotExist)
	}
	s.running++
	s.mostAtOnce = max(s.mostAtOnce, s.running)
	return &remoteReader{bytes.NewReader(content), s, name}, nil
}

// OpenSized opens an object of a known size for reading.
func (s *remoteStore) OpenSized(ctx context.Context, name string, size int64) (object.Reader, error) {
	r, err := s.Open(ctx, name)
	if err == nil && r.Size() != size {
		return nil, errors.Join(object.ErrSize(name, r.Size(), size), r.Close())
	}
	return r, err
}

func (s *remoteStore) opens() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, count := range s.opened {
		n += count
	}
	return n
}

func (s *remoteStore) fail(openErr, readErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.openErr, s.readErr = openErr, readErr
}

type remoteReader struct {
	*bytes.Reader
	store *remoteStore
	name  string
}

func (r *remoteReader) ReadAt(block []byte, at int64) (int, error) {
	if r.store.reading != nil {
		r.store.reading(r.name)
	}
	r.store.mu.Lock()
	err := r.store.readErr
	r.store.mu.Unlock()
	if err != nil {
		n, _ := r.Reader.ReadAt(block[:len(block)/2], at)
		return n, err
	}
	return r.Reader.ReadAt(block, at)
}

func (r *remoteReader) Close() error {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.running--
	return nil
}

func newCache(t *testing.T, store object.Store, config object.CacheConfig) *object.Cache {
	t.Helper()
	if config.Limit == 0 {
		config.Limit = 1 << 30
	}
	c, err := object.NewCache(context.Background(), store, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func pin(t *testing.T, c *object.Cache, list ...object.Description) *object.Pinned {
	t.Helper()
	p, err := c.Pin(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	return p
}

// wantPinned checks that each path leads to the object's bytes.
func wantPinned(t *testing.T, p *object.Pinned, list ...object.Description) {
	t.Helper()
	for _, d := range list {
		content, err := os.ReadFile(p.Path(d.Name))
		if err != nil || column.Sum128(content).String() != d.Digest {
			t.Errorf("%s at %s: %d bytes, %v, or other bytes", d.Name, p.Path(d.Name), len(content), err)
		}
	}
}

// cached returns the names of the files in a cache's folder, without those of its state.
func cached(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" && e.Name() != "over" {
			list = append(list, e.Name())
		}
	}
	return list
}

func isCached(dir string, d object.Description) bool {
	_, err := os.Stat(filepath.Join(dir, d.Digest))
	return err == nil
}

// TestCachedFiles reads objects with and without a digest as local files.
func TestCachedFiles(t *testing.T) {
	t.Parallel()
	store, scratch, ctx := newRemote(), t.TempDir(), context.Background()
	known, unknown := store.put("a/b", 70), store.put("a/c", 80)
	unknown.Digest, unknown.Bytes = "", 0
	cached := object.NewCached(newCache(t, store, object.CacheConfig{Folder: t.TempDir()}), scratch)
	if object.Uncached(cached) != object.Store(store) {
		t.Error("the store behind the copies is another one")
	}
	files := cached.Files()
	paths := map[string]int{files.Path(known): 70, files.Path(unknown): 80, files.Path(unknown): 80}
	for range 2 {
		if err := files.Pin(ctx); err != nil {
			t.Fatal(err)
		}
		for path, size := range paths {
			if content, err := os.ReadFile(path); err != nil || len(content) != size {
				t.Errorf("%s: %d bytes, %v; want %d", path, len(content), err, size)
			}
		}
	}
	readErr := errors.New("IO Error: No files found")
	if err := files.Explain(readErr); failure.Of(err) == failure.Transient || files.Explain(nil) != nil {
		t.Errorf("all copies exist: %v", err)
	}
	for path := range paths {
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := files.Explain(readErr); failure.Of(err) != failure.Transient || !errors.Is(err, readErr) {
			t.Errorf("%s was deleted: %v [%v]", path, err, failure.Of(err))
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files.Release()
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("%d copies are left, %v", len(left), err)
	}
	files.Path(object.Description{Name: "a/none"})
	if err := files.Pin(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing object: %v", err)
	}
}

// TestCachedCheck finds a copy that changed after it was downloaded.
func TestCachedCheck(t *testing.T) {
	t.Parallel()
	store, dir, ctx := newRemote(), t.TempDir(), context.Background()
	d := store.put("a/b", 70)
	cached := object.NewCached(newCache(t, store, object.CacheConfig{Folder: dir}), t.TempDir())
	files := cached.Files()
	path := files.Path(d)
	if err := errors.Join(d.Check(ctx, cached), files.Pin(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 70), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(ctx, cached); !errors.Is(err, object.ErrDamaged) {
		t.Errorf("a changed copy: %v", err)
	}
	if err := d.Check(ctx, object.Uncached(cached)); err != nil {
		t.Errorf("the object itself: %v", err)
	}
	files.Release()
}

func TestCacheDownloadsOnce(t *testing.T) {
	t.Parallel()
	store, dir := newRemote(), t.TempDir()
	list := []object.Description{store.put("a/1", 9<<20+7), store.put("a/2", 0), store.put("b", 1)}
	c := newCache(t, store, object.CacheConfig{Folder: dir})
	p := pin(t, c, append(list, list[0])...)
	wantPinned(t, p, list...)
	p.Release()
	p.Release()
	wantPinned(t, pin(t, c, list...), list...)
	if n := store.opens(); n != 3 {
		t.Errorf("%d downloads of 3 objects", n)
	}
	if n := c.Counters(); n.Hits != 3 || n.Misses != 3 || n.DownloadedBytes != 9<<20+8 || n.Evictions != 0 {
		t.Errorf("counters %+v", n)
	}
	// Content that has two names is one copy.
	twin := list[2]
	twin.Name = "twin"
	wantPinned(t, pin(t, c, twin), twin)
	// A new process uses the copies, and compares them once.
	again := newCache(t, store, object.CacheConfig{Folder: dir})
	wantPinned(t, pin(t, again, list...), list...)
	if n := store.opens(); n != 3 {
		t.Errorf("%d downloads after a restart", n)
	}
	info, err := os.Stat(filepath.Join(dir, list[0].Digest))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want only the owner to read financial data", info.Mode(), err)
	}
}

func TestCacheDamage(t *testing.T) {
	t.Parallel()
	store, dir, ctx := newRemote(), t.TempDir(), context.Background()
	a, b := store.put("a", 1000), store.put("b", 1000)
	first := newCache(t, store, object.CacheConfig{Folder: dir})
	pin(t, first, a, b).Release()
	// Copies with other bytes and of other sizes are downloaded again.
	if err := errors.Join(os.WriteFile(filepath.Join(dir, a.Digest), make([]byte, 1000), 0o600), os.Truncate(filepath.Join(dir, b.Digest), 10)); err != nil {
		t.Fatal(err)
	}
	c := newCache(t, store, object.CacheConfig{Folder: dir})
	wantPinned(t, pin(t, c, a, b), a, b)
	if n := store.opens(); n != 4 {
		t.Errorf("%d downloads, want both again", n)
	}
	// An object that is damaged in the store is refused, and leaves no file.
	longer, other, cut := store.put("longer", 10), store.put("other", 10), store.put("cut", 10)
	longer.Bytes--
	other.Digest = a.Digest[1:] + "0"
	for _, d := range []object.Description{longer, other} {
		if _, err := c.Pin(ctx, []object.Description{d}); !errors.Is(err, object.ErrDamaged) || failure.Of(err) != failure.Data {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	if _, err := c.Pin(ctx, []object.Description{a, {Name: "none", Digest: cut.Digest}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing object: %v", err)
	}
	if names := cached(t, dir); len(names) != 2 {
		t.Errorf("the folder contains %q", names)
	}
	for _, d := range []object.Description{{Name: "a", Digest: "../../x"}, {Name: "../a", Digest: a.Digest}, {Name: "a", Digest: a.Digest, Bytes: -1}} {
		if _, err := c.Pin(ctx, []object.Description{d}); err == nil {
			t.Errorf("%+v is pinned", d)
		}
	}
}

func TestCacheFailures(t *testing.T) {
	t.Parallel()
	store, dir, ctx := newRemote(), t.TempDir(), context.Background()
	list := []object.Description{store.put("a", 1000), store.put("b", 2000)}
	c := newCache(t, store, object.CacheConfig{Folder: dir})
	errBroken := failure.Wrap(failure.Throttled, errors.New("slow down"))
	for _, fail := range [][2]error{{errBroken, nil}, {nil, errBroken}} {
		store.fail(fail[0], fail[1])
		if _, err := c.Pin(ctx, list); !errors.Is(err, errBroken) || failure.Of(err) != failure.Throttled {
			t.Errorf("%v, want the store's error", err)
		}
		c.Close()
		if names := cached(t, dir); len(names) > 0 {
			t.Errorf("after a failure the folder contains %q", names)
		}
	}
	store.fail(nil, nil)
	wantPinned(t, pin(t, c, list...), list...)
}

// TestCacheDeleted: copies and the folder may be deleted at any time.
func TestCacheDeleted(t *testing.T) {
	t.Parallel()
	store, dir := newRemote(), filepath.Join(t.TempDir(), "cache")
	a, b := store.put("a", 1000), store.put("b", 1000)
	c := newCache(t, store, object.CacheConfig{Folder: dir})
	p := pin(t, c, a, b)
	open, err := os.Open(p.Path("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if n, err := open.Read(make([]byte, 1000)); n != 1000 || err != nil {
		t.Errorf("an open file reads %d bytes, %v", n, err)
	}
	_, err = os.Open(p.Path("b"))
	if failure.Of(err) != failure.Data || failure.Of(p.Explain(err)) != failure.Transient || p.Explain(nil) != nil {
		t.Errorf("reader's error %v, explained %v", err, p.Explain(err))
	}
	again := pin(t, c, a, b)
	wantPinned(t, again, a, b)
	if err := again.Explain(err); failure.Of(err) == failure.Transient {
		t.Errorf("another error of a reader becomes %v", err)
	}
	p.Release()
	wantPinned(t, again, a, b)
}

// TestCacheConcurrentPins: many pins of the same objects download each once, and a pin that is cancelled does not fail the others.
func TestCacheConcurrentPins(t *testing.T) {
	t.Parallel()
	store, dir := newRemote(), t.TempDir()
	var list []object.Description
	for i := range 20 {
		list = append(list, store.put(fmt.Sprintf("object-%02d", i), 10_000+i))
	}
	started, proceed := make(chan string, 100), make(chan struct{})
	store.reading = func(name string) {
		select {
		case started <- name:
		default:
		}
		<-proceed
	}
	c := newCache(t, store, object.CacheConfig{Folder: dir, Downloads: 4})
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan error, 1)
	go func() {
		_, err := c.Pin(ctx, list)
		cancelled <- err
	}()
	<-started // the pin that is cancelled has started the downloads
	var done sync.WaitGroup
	joined := make(chan struct{}, 8)
	for range 8 {
		done.Go(func() {
			joined <- struct{}{}
			p, err := c.Pin(context.Background(), list)
			if err != nil {
				t.Error(err)
				return
			}
			wantPinned(t, p, list...)
			p.Release()
		})
	}
	for range 8 {
		<-joined
	}
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled pin: %v", err)
	}
	close(proceed)
	done.Wait()
	c.Close()
	if store.mostAtOnce > 4 || store.running != 0 {
		t.Errorf("%d downloads at once, want at most 4; %d readers are open", store.mostAtOnce, store.running)
	}
	// Downloads that only the cancelled pin needed may have been started again.
	if n := store.opens(); n < 20 || n > 24 {
		t.Errorf("%d downloads of 20 objects", n)
	}
	for _, name := range cached(t, dir) {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s is left", name)
		}
	}
}

func TestCacheEvictsLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	store, dir := newRemote(), t.TempDir()
	c := newCache(t, store, object.CacheConfig{Folder: dir, Limit: 3000, Downloads: 1})
	var list []object.Description
	for i := range 6 {
		list = append(list, store.put(fmt.Sprint("object-", i), 1000))
	}
	for _, d := range list[:3] {
		pin(t, c, d).Release()
	}
	pin(t, c, list[0]).Release()
	held := pin(t, c, list[1]) // now 2 is the oldest, then 0, then 1, which is pinned
	pin(t, c, list[3]).Release()
	if isCached(dir, list[2]) || !isCached(dir, list[0]) || !isCached(dir, list[1]) {
		t.Errorf("the folder contains %q, want all but object 2", cached(t, dir))
	}
	// A pin that is larger than the limit exceeds it while it lasts.
	p := pin(t, c, list...)
	wantPinned(t, p, list...)
	wantPinned(t, held, list[1])
	p.Release()
	if n := len(cached(t, dir)); n != 3 || !isCached(dir, list[1]) {
		t.Errorf("%d copies after the release, want 3 with the pinned one", n)
	}
	held.Release()
	if n := c.Counters(); n.Evictions != 5 || n.EvictedBytes != 5000 {
		t.Errorf("counters %+v, want 5 evictions", n)
	}
	// Files that are not the cache's are neither counted nor removed.
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	pin(t, c, list[0], list[2]).Release()
	if names := cached(t, dir); len(names) != 4 {
		t.Errorf("the folder contains %q", names)
	}
}

func TestCacheDefaultLimit(t *testing.T) {
	t.Parallel()
	store := newRemote()
	c, err := object.NewCache(context.Background(), store, object.CacheConfig{Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	d := store.put("a", 1000)
	wantPinned(t, pin(t, c, d), d)
	if _, err := object.NewCache(context.Background(), store, object.CacheConfig{Folder: filepath.Join(os.DevNull, "x")}); failure.Of(err) != failure.Data {
		t.Errorf("a folder that cannot be created: %v", err)
	}
}
