// Reads records from parts: many, with neighbouring records in one call, and single ones through a cache of open parts.

package artifact

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"bursar/internal/object"

	"golang.org/x/sync/errgroup"
)

// Byte ranges closer than maxGap are read together, up to maxSpan bytes: a few unwanted records cost less than a call.
const (
	maxGap  = 32 << 10
	maxSpan = 4 << 20
)

type partID struct {
	run  uint64
	part uint32
}

// recordRef is the location of a record to read, and the position of its entry.
type recordRef struct {
	Location
	entry int
}

// Fetch reads the records at the entries' locations, from up to `workers` parts at a time, and calls each with the worker's number,
// the entry's position and the record. Records come part by part, in order of offset. The parts stay open in the cache.
func (r *PartCache) Fetch(ctx context.Context, store object.Store, space Space, entries []Entry, workers int, each func(worker, i int, record []byte) error) error {
	byPart := map[partID][]recordRef{}
	for i, e := range entries {
		id := partID{e.Run, e.Location.Part}
		byPart[id] = append(byPart[id], recordRef{e.Location, i})
	}
	ids := make([]partID, 0, len(byPart))
	for id := range byPart {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b partID) int { return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.part, b.part)) })

	queue := make(chan partID, len(ids))
	for _, id := range ids {
		queue <- id
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		group.Go(func() error {
			for id := range queue {
				name := PartName(space, id.run, id.part)
				if err := r.fetchPart(ctx, store, name, byPart[id], func(i int, record []byte) error { return each(worker, i, record) }); err != nil {
					return fmt.Errorf("fetch from %s: %w", name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (r *PartCache) fetchPart(ctx context.Context, store object.Store, name string, records []recordRef, each func(i int, record []byte) error) error {
	part, err := r.acquire(ctx, store, name)
	if err != nil {
		return err
	}
	defer r.release(part)
	slices.SortFunc(records, func(a, b recordRef) int { return cmp.Compare(a.Offset, b.Offset) })
	if err := readSpans(part.reader, records, each); err != nil {
		return err
	}
	return ctx.Err()
}

// readSpans reads records, ascending by offset.
func readSpans(in object.Reader, records []recordRef, each func(i int, record []byte) error) error {
	var buffer []byte
	for len(records) > 0 {
		n, end := span(records)
		first := records[0].Offset
		if end > uint64(in.Size()) {
			return fmt.Errorf("record ends at %d of %d bytes: %w", end, in.Size(), ErrCorrupt)
		}
		buffer = slices.Grow(buffer[:0], int(end-first))[:end-first]
		if _, err := in.ReadAt(buffer, int64(first)); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for _, at := range records[:n] {
			if err := each(at.entry, buffer[at.Offset-first:at.Offset-first+uint64(at.Length)]); err != nil {
				return fmt.Errorf("at %d: %w", at.Offset, err)
			}
		}
		records = records[n:]
	}
	return nil
}

// span returns how many of the records, ascending by offset, are read as one range, and the end of the range.
func span(records []recordRef) (n int, end uint64) {
	first := records[0].Offset
	for n < len(records) {
		at := records[n]
		next := at.Offset + uint64(at.Length)
		if n > 0 && (at.Offset > end+maxGap || next > first+maxSpan) {
			break
		}
		n, end = n+1, max(end, next)
	}
	return n, end
}

// openParts is the capacity of the cache.
const openParts = 256

// PartCache reads single records and keeps the recently used parts open: opening a part takes longer than reading from it. It is
// safe for concurrent use; the zero value is ready to use. Only parts of runs that are indexed may be read through it, because
// they are never written again.
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

// Record reads one record. A part that was written again by a late attempt, with the same bytes, is opened again.
func (r *PartCache) Record(ctx context.Context, store object.Store, space Space, e Entry) ([]byte, error) {
	record, err := r.record(ctx, store, space, e)
	if errors.Is(err, fs.ErrNotExist) && r.discard(PartName(space, e.Run, e.Location.Part)) {
		return r.record(ctx, store, space, e)
	}
	return record, err
}

func (r *PartCache) record(ctx context.Context, store object.Store, space Space, e Entry) ([]byte, error) {
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

// discard removes a part from the cache, and reports whether it was there.
func (r *PartCache) discard(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.parts[name]
	if at != nil {
		r.evict(at)
	}
	return at != nil
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
