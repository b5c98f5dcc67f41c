// A cache of open parts, for reading single records.

package artifact

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"

	"bursar/internal/object"
)

// openParts is the capacity of the cache.
const openParts = 256

// PartCache reads single records and keeps the recently used parts open: opening a part takes longer than reading from it. It is
// safe for concurrent use; the zero value is ready to use. Only published parts may be read through it, because they are
// never written again.
type PartCache struct {
	mu    sync.Mutex
	parts map[string]*list.Element // of *openPart
	lru   list.List                // most recently used first
}

// openPart is closed when it has no users and is not in the cache.
type openPart struct {
	name   string
	reader object.Reader
	users  int
	cached bool
}

// Record reads one record.
func (r *PartCache) Record(ctx context.Context, store object.Store, space Space, e Entry) ([]byte, error) {
	part, err := r.acquire(ctx, store, PartName(space, e.Run, e.Location.Part))
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	defer r.release(part)
	var record []byte
	err = readSpans(part.reader, []recordRef{{Location: e.Location}}, func(_ int, found []byte) error {
		record = slices.Clone(found)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read record from %s: %w", part.name, err)
	}
	return record, nil
}

// acquire returns an open part. If two callers open the same part at the same time, one of both is cached.
func (r *PartCache) acquire(ctx context.Context, store object.Store, name string) (*openPart, error) {
	r.mu.Lock()
	if at := r.parts[name]; at != nil {
		defer r.mu.Unlock()
		r.lru.MoveToFront(at)
		part := at.Value.(*openPart) //nolint:errcheck // nothing else is stored
		part.users++
		return part, nil
	}
	r.mu.Unlock()
	reader, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	part := &openPart{name: name, reader: reader, users: 1}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts == nil {
		r.parts = map[string]*list.Element{}
	}
	if r.parts[name] == nil {
		part.cached = true
		r.parts[name] = r.lru.PushFront(part)
	}
	for r.lru.Len() > openParts {
		r.evict(r.lru.Back())
	}
	return part, nil
}

// release ends one use of a part.
func (r *PartCache) release(part *openPart) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part.users--
	part.close()
}

// evict removes a part from the cache.
func (r *PartCache) evict(at *list.Element) {
	part := r.lru.Remove(at).(*openPart) //nolint:errcheck // nothing else is stored
	delete(r.parts, part.name)
	part.cached = false
	part.close()
}

func (p *openPart) close() {
	if p.users == 0 && !p.cached {
		_ = p.reader.Close() // it was only read
	}
}

// Clear closes all parts: those of a dropped generation would occupy disk space. Parts in use stay open until they are released.
func (r *PartCache) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.lru.Len() > 0 {
		r.evict(r.lru.Back())
	}
}
