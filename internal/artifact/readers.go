// Parts that are kept open for those who ask for one record at a time.

package artifact

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"

	"bursar/internal/object"
)

// openParts is how many parts are kept open.
const openParts = 256

// Readers reads single records and keeps the parts open that were asked for last: to open one takes longer than to read
// from it. It is safe for concurrent use; the zero value is ready. Only what is published may be read through it, as that
// is never written again.
type Readers struct {
	mu    sync.Mutex
	parts map[string]*list.Element // of *openPart
	order list.List                // last asked for first
}

// openPart is closed when it has no users and is not kept.
type openPart struct {
	name   string
	reader object.Reader
	users  int
	kept   bool
}

// Record reads one record.
func (r *Readers) Record(ctx context.Context, store object.Store, space Space, e Entry) ([]byte, error) {
	part, err := r.take(ctx, store, PartName(space, e.Run, e.Location.Part))
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	defer r.give(part)
	var record []byte
	err = readSpans(part.reader, []wanted{{Location: e.Location}}, func(_ int, found []byte) error {
		record = slices.Clone(found)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read record from %s: %w", part.name, err)
	}
	return record, nil
}

// take opens a part or finds it open. Two who open the same at once both may; one of them is kept.
func (r *Readers) take(ctx context.Context, store object.Store, name string) (*openPart, error) {
	r.mu.Lock()
	if at := r.parts[name]; at != nil {
		defer r.mu.Unlock()
		r.order.MoveToFront(at)
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
		part.kept = true
		r.parts[name] = r.order.PushFront(part)
	}
	for r.order.Len() > openParts {
		r.forget(r.order.Back())
	}
	return part, nil
}

// give ends one use of a part.
func (r *Readers) give(part *openPart) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part.users--
	part.close()
}

// forget keeps a part no longer.
func (r *Readers) forget(at *list.Element) {
	part := r.order.Remove(at).(*openPart) //nolint:errcheck // nothing else is stored
	delete(r.parts, part.name)
	part.kept = false
	part.close()
}

func (p *openPart) close() {
	if p.users == 0 && !p.kept {
		_ = p.reader.Close() // it was only read
	}
}

// Forget closes all parts: those of a dropped generation would hold their space on the disk. Parts in use stay open for
// whoever uses them.
func (r *Readers) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.order.Len() > 0 {
		r.forget(r.order.Back())
	}
}
