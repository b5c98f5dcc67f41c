// Where the events of a large batch are: its objects are written side by side, and a page is in a few of them.

package feed

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/object"
)

// maxOrders is how many large batches are remembered.
const maxOrders = 64

// orders remembers where the events of large batches are, which never changes (rule 3).
type orders struct {
	mu    sync.Mutex
	known map[string][]span // by the prefix of the batch's objects
}

// span is the first and the last place in an object.
type span struct{ first, last dedupe.Place }

func (o *orders) get(name string) ([]span, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	spans, found := o.known[name]
	return spans, found
}

func (o *orders) put(name string, spans []span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= maxOrders {
		o.known = map[string][]span{}
	}
	o.known[name] = spans
}

// narrow reduces a window of one large batch to the events up to the end of the object that ends first, and to the objects that contain some of
// them.
func (r *Reader) narrow(ctx context.Context, w *window) error {
	p := &w.parts[0]
	spans, err := r.spansOf(ctx, &p.batch)
	if err != nil {
		return err
	}
	var left []span // that end after the cursor
	for _, s := range spans {
		if s.last > p.after {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		p.batch.Objects = p.batch.Objects[:1] // which has nothing of the window
		return nil
	}
	until := slices.MinFunc(left, func(x, y span) int { return cmp.Compare(x.last, y.last) }).last
	var objects []object.Description
	for i, s := range spans {
		if s.last > p.after && s.first <= until {
			objects = append(objects, p.batch.Objects[i])
		}
	}
	if slices.ContainsFunc(left, func(s span) bool { return s.last > until }) {
		w.end = cursorIn(&p.batch, until)
	}
	p.batch.Objects, p.until = objects, until
	return nil
}

// spansOf returns the span of each object of a batch.
func (r *Reader) spansOf(ctx context.Context, b *event.Batch) ([]span, error) {
	name := b.Objects[0].Name
	if spans, found := r.orders.get(name); found {
		return spans, nil
	}
	if err := r.queries.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.queries.Release(1)
	spans := make([]span, len(b.Objects))
	err := r.withFiles(ctx, b.Objects, func(files object.Files) string {
		selects := make([]string, len(b.Objects))
		for i, o := range b.Objects {
			selects[i] = fmt.Sprintf("SELECT %d, min(%[2]s), max(%[2]s) FROM read_parquet([%s])", i, event.ReceivedSQL, duck.Literal(files.Path(o)))
		}
		return strings.Join(selects, " UNION ALL ")
	}, int64(len(spans)), func(rows []column.Vector) error {
		for n := range rows[0].Len() {
			spans[rows[0].Ints[n]] = span{placeOf(rows[1].Ints[n]), placeOf(rows[2].Ints[n])}
		}
		return nil
	})
	if err == nil {
		r.orders.put(name, spans)
	}
	return spans, err
}

// placeOf is the place of a value of event.ReceivedSQL.
func placeOf(value int64) dedupe.Place { return dedupe.Place(uint64(value) ^ 1<<63) }
