// A seeded workload against a naive model: one Go map of everything ever accepted.
package dedupe

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"bursar/internal/object"
)

type modelID struct{ hi, lo uint64 }

type modelFact struct {
	content  uint64
	place    Place
	received time.Time
}

// model remembers the newest acceptance of every id.
type model map[modelID]modelFact

func (m model) verdictFor(e Entry, since, now time.Time) Verdict {
	id := modelID{e.Hi, e.Lo}
	fact, ok := m[id]
	switch {
	case !ok || fact.received.Before(since):
		m[id] = modelFact{e.Content, e.Place, now}
		return Verdict{}
	case fact.content == e.Content:
		return Verdict{Duplicate, fact.place}
	default:
		return Verdict{Conflict, fact.place}
	}
}

// workload drives an index and the model side by side.
type workload struct {
	t      *testing.T
	rand   *rand.Rand
	store  object.Local
	tables []TableInfo
	model  model
	times  map[uint64]time.Time // receipt by file number
	id     func(n uint64) (hi, lo uint64)
	ids    uint64
	window time.Duration
	limit  int64
	sealed int
	now    time.Time

	accepted int64
}

func evenID(n uint64) (uint64, uint64) {
	r := rand.New(rand.NewPCG(n, 5))
	return r.Uint64(), r.Uint64()
}

func (w *workload) open() *Index {
	w.t.Helper()
	w.rand.Shuffle(len(w.tables), func(i, j int) { w.tables[i], w.tables[j] = w.tables[j], w.tables[i] })
	m, err := Open(context.Background(), w.store, w.t.TempDir(), w.tables)
	check(w.t, err)
	return m
}

func (w *workload) segment(file uint64, from, n int) []Entry {
	segment := make([]Entry, n)
	for i := range segment {
		hi, lo := w.id(w.rand.Uint64N(w.ids))
		segment[i] = Entry{hi, lo, w.rand.Uint64N(2), must(PlaceOf(file, uint64(from+i)))}
	}
	return segment
}

// batch checks some segments, compares every verdict, and seals.
func (w *workload) batch(m *Index, file uint64, segments int) {
	w.t.Helper()
	window := Window{}
	if w.window > 0 {
		window = Window{Since: w.now.Add(-w.window), ReceivedAt: func(p Place) (time.Time, error) { return w.times[p.File()], nil }}
	}
	b, err := m.Begin(window, w.limit)
	check(w.t, err)
	kept, rows := int64(0), 0
	for range segments {
		segment := w.segment(file, rows, w.rand.IntN(3000))
		rows += len(segment)
		got := make([]Verdict, len(segment))
		check(w.t, b.Check(segment, got))
		for i, e := range segment {
			want := w.model.verdictFor(e, window.Since, w.now)
			if got[i] != want {
				w.t.Fatalf("batch %d, row %d: got %+v, want %+v", file, e.Place.Row(), got[i], want)
			}
			if want.Kind == New {
				kept++
			}
		}
	}
	w.times[file] = w.now
	name := fmt.Sprintf("run%d", w.sealed)
	w.sealed++
	info, err := b.Seal(context.Background(), name, w.now)
	check(w.t, err)
	if info.Entries != kept || b.Len() != kept {
		w.t.Fatalf("batch %d: sealed %d of %d kept, Len is %d", file, info.Entries, kept, b.Len())
	}
	check(w.t, b.Close())
	w.accepted += kept
	w.tables = append(w.tables, info)
	w.count()
}

// count compares the numbers of the tables with all that was accepted.
func (w *workload) count() {
	w.t.Helper()
	entries := int64(0)
	for _, r := range w.tables {
		entries += r.Entries + r.Replaced
	}
	if entries != w.accepted {
		w.t.Fatalf("tables have and have replaced %d entries, %d were accepted", entries, w.accepted)
	}
}

// compact merges a random choice of tables, or those planned.
func (w *workload) compact() {
	w.t.Helper()
	ctx := context.Background()
	chosen := Plan(w.tables)
	if len(chosen) == 0 && w.rand.IntN(3) == 0 && len(w.tables) > 2 {
		chosen = slices.Clone(w.tables[:2])
	}
	if len(chosen) == 0 {
		return
	}
	name := fmt.Sprintf("merged%d", w.sealed)
	w.sealed++
	merged, err := Compact(ctx, w.store, chosen, name, nil)
	check(w.t, err)
	for _, r := range chosen {
		check(w.t, w.store.Delete(ctx, r.Name))
	}
	w.tables = slices.DeleteFunc(w.tables, func(r TableInfo) bool { return slices.Contains(chosen, r) })
	w.tables = append(w.tables, merged)
	w.count()
	check(w.t, Verify(ctx, w.store, merged))
}

func TestAgainstModel(t *testing.T) {
	t.Parallel()
	sameTop := func(n uint64) (uint64, uint64) { return 7<<60 | n%16, n }
	fewHi := func(n uint64) (uint64, uint64) { return n % 3 * (1<<63 - 1), n << 7 }
	sameTop22 := func(n uint64) (uint64, uint64) { hi, lo := evenID(n); return 7<<60 | hi>>24, lo }
	for _, c := range []struct {
		name   string
		ids    uint64
		window time.Duration
		limit  int64
		local  bool
		id     func(uint64) (uint64, uint64)
	}{
		{name: "for ever", ids: 40_000, limit: 64 << 20, local: true, id: evenID},
		{name: "spilled", ids: 1 << 60, limit: 0, local: true, id: evenID},
		{name: "ranges", ids: 40_000, limit: 64 << 20, id: evenID},
		{name: "window", ids: 20_000, window: 72 * time.Hour, limit: 64 << 20, local: true, id: evenID},
		{name: "half-second window", ids: 20_000, window: 500 * time.Millisecond, limit: 0, id: evenID},
		{name: "same top bits", ids: 5_000, limit: 64 << 20, local: true, id: sameTop},
		{name: "same top 22 bits", ids: 20_000, limit: 64 << 20, local: true, id: sameTop22},
		{name: "three values of Hi", ids: 5_000, window: 48 * time.Hour, limit: 0, id: fewHi},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &workload{
				t: t, rand: rand.New(rand.NewPCG(1, uint64(len(c.name)))), model: model{}, ids: c.ids, id: c.id,
				times: map[uint64]time.Time{}, window: c.window, limit: c.limit, now: time.Unix(1_700_000_000, 400_000_000),
			}
			w.store = rangeStore{}
			if c.local {
				w.store = newFolder(t)
			}
			segments := 8
			if c.limit == 0 {
				segments = 45 // above the 1 MiB that is always allowed in memory
			}
			for file := range uint64(16) {
				m := w.open()
				w.batch(m, file, w.rand.IntN(segments))
				check(t, m.Close())
				w.compact()
				w.now = w.now.Add(time.Duration(1 + w.rand.Int64N(int64(max(c.window, time.Hour)))))
			}
		})
	}
}

// TestSegmentsDoNotMatter cuts the same entries differently: verdicts and the bytes of the table are the same.
func TestSegmentsDoNotMatter(t *testing.T) {
	t.Parallel()
	entries := randomEntries(9, 1, 400_000)
	for i := range entries {
		if i%7 == 6 {
			entries[i].Hi, entries[i].Lo = entries[i/2].Hi, entries[i/2].Lo
		}
	}
	var want []Verdict
	var bytesWant []byte
	for _, size := range []int{len(entries), 1000, 33_333} {
		for _, limit := range []int64{0, 64 << 20} {
			store := newFolder(t)
			m := must(Open(context.Background(), store, store.dir, nil))
			b := must(m.Begin(Window{}, limit))
			verdicts := make([]Verdict, len(entries))
			for at := 0; at < len(entries); at += size {
				end := min(at+size, len(entries))
				check(t, b.Check(entries[at:end], verdicts[at:end]))
			}
			info := must(b.Seal(context.Background(), "run", time.Unix(5, 0)))
			check(t, Verify(context.Background(), store, info))
			got := must(os.ReadFile(store.Path("run")))
			check(t, m.Close())
			if want == nil {
				want, bytesWant = verdicts, got
			}
			if !slices.Equal(verdicts, want) || !bytes.Equal(got, bytesWant) {
				t.Fatalf("segments of %d, limit %d: another answer", size, limit)
			}
		}
	}
}
