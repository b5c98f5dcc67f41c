// Parts: the records of a run are scanned and fetched back from all of its parts.

package artifact

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"

	"bursar/internal/column"
	"bursar/internal/object"
)

var ordersOne = Space{Pipeline: "orders", Generation: 1}

// countingStore counts the ranges that are read.
type countingStore struct {
	object.Store
	mu    sync.Mutex
	reads int
	bytes int
}

func (s *countingStore) Open(ctx context.Context, name string) (object.Reader, error) {
	in, err := s.Store.Open(ctx, name)
	return &countingReader{in, s}, err
}

type countingReader struct {
	object.Reader
	store *countingStore
}

func (r *countingReader) ReadAt(b []byte, at int64) (int, error) {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.reads++
	r.store.bytes += len(b)
	return r.Reader.ReadAt(b, at)
}

// writeParts writes rows of a running number and a filler as one run, in parts of about a mebibyte.
func writeParts(t *testing.T, store object.Store, run uint64, rows, filler int) []object.Description {
	t.Helper()
	w := NewPartWriter(t.Context(), store, ordersOne, run, 0)
	defer w.Abort()
	w.size = 1 << 20
	row := column.NewVectors([]column.Type{bigType, textType}, rows)
	for i := range rows {
		row[0].AppendInt(int64(i))
		row[1].AppendText(make([]byte, filler))
		if err := w.Write(row, i); err != nil {
			t.Fatal(err)
		}
	}
	parts, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// scanParts lists the entries of a run's records, which must be numbered from 0.
func scanParts(t *testing.T, store object.Store, run uint64, parts []object.Description) (entries []Entry) {
	t.Helper()
	for number, p := range parts {
		if p.Name != PartName(ordersOne, run, uint32(number)) {
			t.Errorf("part %d is %s", number, p.Name)
		}
		if err := p.Check(t.Context(), store); err != nil {
			t.Error(err)
		}
		in, err := store.Open(t.Context(), p.Name)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		scan := NewScanner(bufio.NewReader(io.NewSectionReader(in, 0, in.Size())))
		before := len(entries)
		for {
			at, record, err := scan.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := numberOf(t, record); got != int64(len(entries)) {
				t.Fatalf("part %d at %d holds row %d, want %d", number, at, got, len(entries))
			}
			entries = append(entries, Entry{Run: run, Location: Location{Part: uint32(number), Offset: at, Length: uint32(len(record))}})
		}
		if got := int64(len(entries) - before); got != p.Rows {
			t.Errorf("%s has %d rows and says %d", p.Name, got, p.Rows)
		}
	}
	return entries
}

func numberOf(t *testing.T, record []byte) int64 {
	t.Helper()
	row := column.NewVectors([]column.Type{bigType, textType}, 1)
	if err := DecodeRecord(record, row); err != nil {
		t.Error(err)
		return -1
	}
	return row[0].Ints[0]
}

func TestPartsAreScannedAndFetched(t *testing.T) {
	t.Parallel()
	store := object.NewFolder(t.TempDir())
	parts := writeParts(t, store, 1, 4000, 1000)
	entries := scanParts(t, store, 1, parts)
	if len(parts) < 3 || len(entries) != 4000 {
		t.Fatalf("%d records in %d parts", len(entries), len(parts))
	}
	second := scanParts(t, store, 2, writeParts(t, store, 2, 10, 5))

	r := rand.New(rand.NewPCG(12, 12))
	wanted, numbers := []Entry{}, []int64{}
	for _, i := range r.Perm(len(entries))[:1500] {
		wanted, numbers = append(wanted, entries[i]), append(numbers, int64(i))
	}
	wanted, numbers = append(wanted, second[7]), append(numbers, 7)
	var mu sync.Mutex
	got := map[int]int64{}
	err := fetch(t, store, ordersOne, wanted, 3, func(worker, i int, record []byte) error {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := got[i]; twice || worker < 0 || worker > 2 {
			t.Errorf("entry %d came from worker %d, twice: %v", i, worker, twice)
		}
		got[i] = numberOf(t, record)
		return nil
	})
	if err != nil || len(got) != len(wanted) {
		t.Fatalf("%d of %d records, %v", len(got), len(wanted), err)
	}
	for i, want := range numbers {
		if got[i] != want {
			t.Errorf("entry %d is row %d, want %d", i, got[i], want)
		}
	}
	record, err := new(PartCache).Record(t.Context(), store, ordersOne, entries[3999])
	if err != nil || numberOf(t, record) != 3999 {
		t.Errorf("one record: %v", err)
	}
}

// fetch fetches through a cache of its own.
func fetch(t *testing.T, store object.Store, space Space, entries []Entry, workers int, each func(worker, i int, record []byte) error) error {
	t.Helper()
	var parts PartCache
	defer parts.Clear()
	return parts.Fetch(t.Context(), store, space, entries, workers, each)
}

// TestFetchCoalesces: neighbouring records are read in one call, distant ones separately, and a span is bounded.
func TestFetchCoalesces(t *testing.T) {
	t.Parallel()
	folder := object.NewFolder(t.TempDir())
	entries := scanParts(t, folder, 1, writeParts(t, folder, 1, 1000, 1000))
	size := int(entries[0].Location.Length)
	for _, c := range []struct {
		name         string
		rows         []int
		reads, bytes int
	}{
		{"one", []int{5}, 1, size},
		{"neighbours in any order", []int{7, 5, 6}, 1, 3 * size},
		{"within the gap", []int{0, 30}, 1, 31 * size},
		{"beyond the gap", []int{0, 40}, 2, 2 * size},
		{"the same one twice", []int{9, 9}, 1, size},
		{"none", nil, 0, 0},
	} {
		store := &countingStore{Store: folder}
		var wanted []Entry
		for _, i := range c.rows {
			wanted = append(wanted, entries[i])
		}
		err := fetch(t, store, ordersOne, wanted, 1, func(_, i int, record []byte) error {
			if got := numberOf(t, record); got != int64(c.rows[i]) {
				t.Errorf("%s: row %d, want %d", c.name, got, c.rows[i])
			}
			return nil
		})
		low, high := c.bytes-8, c.bytes+8 // records of larger numbers are a byte longer
		if err != nil || store.reads != c.reads || store.bytes < low-len(c.rows)*40 || store.bytes > high+len(c.rows)*40 {
			t.Errorf("%s: %d reads of %d bytes, want %d of %d, %v", c.name, store.reads, store.bytes, c.reads, c.bytes, err)
		}
	}
}

func TestSpanIsBounded(t *testing.T) {
	t.Parallel()
	var records []recordRef
	for i := range 100 {
		records = append(records, recordRef{Location: Location{Offset: uint64(i) << 20, Length: 1 << 20}})
	}
	if n, end := span(records); n != 4 || end != maxSpan {
		t.Errorf("%d records up to %d in one read", n, end)
	}
	records[0].Length = 2 * maxSpan // longer than a span may be: read alone or with what lies in it, never left out
	if n, end := span(records[:1]); n != 1 || end != 2*maxSpan {
		t.Errorf("%d records up to %d in one read", n, end)
	}
}

func TestFetchErrors(t *testing.T) {
	t.Parallel()
	store := object.NewFolder(t.TempDir())
	entries := scanParts(t, store, 1, writeParts(t, store, 1, 3, 10))
	none := func(int, int, []byte) error { return nil }
	beyond := entries[2]
	beyond.Location.Length++
	if err := fetch(t, store, ordersOne, []Entry{beyond}, 2, none); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a record beyond its part: %v", err)
	}
	if err := fetch(t, store, ordersOne, []Entry{{Run: 9}}, 2, none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part that is not there: %v", err)
	}
	stop := errors.New("stop")
	if err := fetch(t, store, ordersOne, entries, 2, func(int, int, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a callback's error: %v", err)
	}
	shifted := entries[1]
	shifted.Location.Offset++
	record, err := new(PartCache).Record(t.Context(), store, ordersOne, shifted)
	if err == nil {
		err = DecodeRecord(record, column.NewVectors([]column.Type{bigType, textType}, 1))
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("a location that is off by one: %v", err)
	}
}

// rewrittenStore is a store whose open readers fail once their objects are written again, as those of S3 may.
type rewrittenStore struct {
	object.Store
	writes int
}

type rewrittenReader struct {
	object.Reader
	store  *rewrittenStore
	opened int
}

func (s *rewrittenStore) Open(ctx context.Context, name string) (object.Reader, error) {
	r, err := s.Store.Open(ctx, name)
	return &rewrittenReader{r, s, s.writes}, err
}

func (r *rewrittenReader) ReadAt(p []byte, at int64) (int, error) {
	if r.opened < r.store.writes {
		return 0, fs.ErrNotExist
	}
	return r.Reader.ReadAt(p, at)
}

// TestPartCacheOpensAgain has a late attempt write a part again that is open: it is opened once more.
func TestPartCacheOpensAgain(t *testing.T) {
	t.Parallel()
	store := &rewrittenStore{Store: object.NewFolder(t.TempDir())}
	entries := scanParts(t, store.Store, 1, writeParts(t, store.Store, 1, 3, 10))
	var cache PartCache
	for range 3 {
		if _, err := cache.Record(t.Context(), store, ordersOne, entries[1]); err != nil {
			t.Error(err)
		}
		store.writes++
	}
	if err := store.Delete(t.Context(), PartName(ordersOne, 1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Record(t.Context(), store, ordersOne, entries[1]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part that is gone: %v", err)
	}
}

func TestPartWriterLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	store := object.NewFolder(t.TempDir())
	if parts := writeParts(t, store, 1, 0, 0); len(parts) != 0 {
		t.Errorf("no rows make parts %v", parts)
	}
	w := NewPartWriter(t.Context(), store, ordersOne, 1, 0)
	row := randomRows(rand.New(rand.NewPCG(13, 13)), 1)
	if err := w.Write(row, 0); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w.Abort()
	if names, err := store.List(t.Context(), ""); err != nil || len(names) != 0 {
		t.Errorf("an aborted run left %v, %v", names, err)
	}
}
