// Tables that are not what was written, and the small cases.
package dedupe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

// sealed is a store with one table of n entries.
func sealed(tb testing.TB, n int) (rangeStore, TableInfo) {
	tb.Helper()
	store := rangeStore{}
	m := must(Open(context.Background(), store, tb.TempDir(), nil))
	b := must(m.Begin(Window{}, 0))
	check(tb, b.Check(randomEntries(4, 1, n), make([]Verdict, n)))
	info := must(b.Seal(context.Background(), "run", time.Unix(77, 5)))
	check(tb, m.Close())
	return store, info
}

func TestDamagedTables(t *testing.T) {
	t.Parallel()
	store, info := sealed(t, 1000)
	whole := store["run"]
	for _, c := range []struct {
		name string
		edit func(b []byte) []byte
		says string
	}{
		{"empty", func([]byte) []byte { return nil }, "less than a footer"},
		{"cut at the end", func(b []byte) []byte { return b[:len(b)-1] }, "truncated"},
		{"cut at the front", func(b []byte) []byte { return b[8:] }, "want 34156"},
		{"other count in the footer", func(b []byte) []byte { b[len(b)-footerSize]++; return b }, "footer checksum"},
		{"entry flipped", func(b []byte) []byte { b[9000] ^= 4; return b }, "checksum of bytes 8192 to 12288 differs"},
		{"directory flipped", func(b []byte) []byte { b[1000*entrySize+9] ^= 4; return b }, "checksum of bytes 32768 to"},
		{"checksum flipped", func(b []byte) []byte { b[len(b)-footerSize-9] ^= 4; return b }, "pages' checksums"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := Verify(context.Background(), rangeStore{"run": c.edit(slices.Clone(whole))}, info)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "table run") {
				t.Fatalf("got %v, want %q in it", err, c.says)
			}
		})
	}
}

func TestRunsTheCatalogDoesNotMean(t *testing.T) {
	t.Parallel()
	store, info := sealed(t, 10)
	want := TableInfo{Name: "run", Entries: 10, FirstReceived: 77, LastReceived: 77, Bytes: int64(len(store["run"])), Digest: info.Digest}
	if info != want || info.Digest == "" {
		t.Fatalf("sealed %+v", info)
	}
	count, digest := info, info
	count.Entries = 11
	digest.Digest = strings.Repeat("0", 32) // a table of as many entries, received at the same time
	for _, other := range []TableInfo{count, digest} {
		if _, err := Open(context.Background(), store, t.TempDir(), []TableInfo{info, other}); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("opened as %+v: %v", other, err)
		}
	}
	for _, s := range []interface {
		open(TableInfo) error
	}{opener{store: store}, opener{folder: newFolder(t), local: true}} {
		if err := s.open(TableInfo{Name: "absent"}); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("absent table: %v", err)
		}
	}
}

type opener struct {
	store  rangeStore
	folder folderStore
	local  bool
}

func (o opener) open(info TableInfo) error {
	if o.local {
		_, err := Open(context.Background(), o.folder, o.folder.dir, []TableInfo{info})
		return err
	}
	_, err := Open(context.Background(), o.store, "", []TableInfo{info})
	return err
}

// TestSizes seals and finds again every size around the edges of buckets and blocks.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 4, 7, 8, 9, 100, blockEntries - 1, blockEntries, blockEntries + 1, 2*blockEntries + 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			store, info := sealed(t, n)
			check(t, Verify(context.Background(), store, info))
			m := must(Open(context.Background(), store, t.TempDir(), []TableInfo{info}))
			b := must(m.Begin(Window{}, 0))
			verdicts := make([]Verdict, n)
			entries := randomEntries(4, 1, n)
			check(t, b.Check(entries, verdicts))
			for i, v := range verdicts {
				if v != (Verdict{Duplicate, entries[i].Place}) {
					t.Fatalf("entry %d: %+v", i, v)
				}
			}
			fresh := []Entry{{}, {Hi: ^uint64(0), Lo: ^uint64(0)}, {}}
			verdicts = make([]Verdict, 3)
			check(t, b.Check(fresh, verdicts))
			if !slices.Equal(verdicts, []Verdict{{}, {}, {Kind: Duplicate}}) {
				t.Fatalf("got %+v", verdicts)
			}
			check(t, m.Close())
		})
	}
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	store, _ := sealed(t, 3)
	ctx := context.Background()
	m := must(Open(ctx, store, t.TempDir(), nil))
	if _, err := m.Begin(Window{Since: time.Unix(1, 0)}, 0); err == nil {
		t.Fatal("a window without times of receipt")
	}
	b := must(m.Begin(Window{}, 0))
	if _, err := m.Begin(Window{}, 0); err == nil {
		t.Fatal("two batches at once")
	}
	if err := b.Check(make([]Entry, 2), make([]Verdict, 1)); err == nil {
		t.Fatal("too few verdicts")
	}
	check(t, b.Close())
	if _, err := Compact(ctx, store, nil, "x", nil); err == nil {
		t.Fatal("compacted nothing")
	}
	check(t, m.Close())
}

func TestPlace(t *testing.T) {
	t.Parallel()
	p := must(PlaceOf(MaxFile, MaxRow))
	if p.File() != MaxFile || p.Row() != MaxRow || p != ^Place(0) {
		t.Fatalf("got %d, %d", p.File(), p.Row())
	}
	if _, err := PlaceOf(MaxFile+1, 0); err == nil {
		t.Fatal("file too large")
	}
	if _, err := PlaceOf(0, MaxRow+1); err == nil {
		t.Fatal("row too large")
	}
}

// withFooter completes a body of any bytes as a table of a version.
func withFooter(body []byte, entries uint64, dirBits, version uint32) []byte {
	f := footer{entries: entries, dirBits: dirBits, version: version}
	sealed := slices.Clone(body)
	if version == 1 {
		f.sum = xxh3.Hash(body)
	} else {
		var sums pageSums
		sums.add(body)
		sealed = append(sealed, sums.finish()...)
		f.sum = xxh3.Hash(sums.finish())
	}
	return append(sealed, f.encode()...)
}

// FuzzTable reads tables of any bytes: a clear error or an answer, never a panic. Checksums and footer are made to match, or
// nothing behind them would be reached.
func FuzzTable(f *testing.F) {
	for _, n := range []int{0, 1, 40} {
		store, info := sealed(f, n)
		b := store["run"]
		bits := dirBitsFor(uint64(n))
		f.Add(b[:n*entrySize+dirSize(bits)], uint64(info.Entries), uint32(bits), uint32(1), false)
		f.Add(b[:n*entrySize+dirSize(bits)], uint64(info.Entries), uint32(bits), uint32(2), false)
		f.Add(b, uint64(0), uint32(0), uint32(0), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, entries uint64, dirBits, version uint32, raw bool) {
		if !raw {
			body = withFooter(body, entries, dirBits, version)
		}
		table, _, err := readTable(body)
		if err != nil {
			return
		}
		probes := randomEntries(4, 1, 40)
		for pos := range min(table.n, 100) {
			probes = append(probes, table.entry(pos))
		}
		keys, mask := new(sorter).sort(probes)
		sorted := make([]Entry, 0, len(probes))
		for _, k := range keys {
			sorted = append(sorted, probes[k&mask])
		}
		if err := table.find(sorted, func(int, Entry) error { return nil }); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if err := table.verify(); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
