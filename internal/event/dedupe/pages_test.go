// Damage in every page of a table, and tables of the format without checksums of pages.
package dedupe

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

// oldFormat is a table as version 1 has it.
func oldFormat(tb testing.TB, sealed []byte, info TableInfo) ([]byte, TableInfo) {
	tb.Helper()
	f := must(parseFooter(sealed))
	body := sealed[:f.body()]
	f.version, f.sum = 1, xxh3.Hash(body)
	info.Bytes, info.Digest = 0, ""
	return append(slices.Clone(body), f.encode()...), info
}

// TestEveryPageIsChecked flips a bit in each page. Whatever is looked up, the answer is right or there is none, and no merge
// takes the page over.
func TestEveryPageIsChecked(t *testing.T) {
	t.Parallel()
	const n = 5000
	store, info := sealed(t, n)
	whole := store["run"]
	entries := randomEntries(4, 1, n)
	for _, old := range []bool{false, true} {
		for at := 0; at < len(whole); at += pageSize / 2 {
			store["run"], info.Digest = slices.Clone(whole), digestOf(whole[len(whole)-footerSize:])
			named := info
			if old {
				store["run"], named = oldFormat(t, whole, info)
			}
			if at >= len(store["run"]) {
				continue
			}
			store["run"][at] ^= 1 << (at / pageSize % 8)
			if right, err := lookUp(store, named, entries); right == n || right < 0 || !errors.Is(err, ErrCorrupt) {
				t.Errorf("old %v, byte %d: %d of %d are found, %v", old, at, right, n, err)
			}
			if _, err := Compact(context.Background(), store, []TableInfo{named}, "merged", nil); !errors.Is(err, ErrCorrupt) {
				// A merge rebuilds the directory and does not read the old one.
				if table, _, opened := readTable(store["run"]); opened != nil || at < int(table.dirAt) {
					t.Errorf("old %v, byte %d: merged, %v", old, at, err)
				}
			}
		}
	}
}

// TestTruncatedWhileOpen truncates a table that is mapped: lookups and merges fail, and the process goes on.
func TestTruncatedWhileOpen(t *testing.T) {
	t.Parallel()
	const n = 5000
	store := folderStore{dir: t.TempDir()}
	info := remember(t, store, 1, n)[0]
	m := must(Open(context.Background(), store, store.dir, []TableInfo{info}))
	check(t, os.Truncate(store.Path(info.Name), pageSize))
	b := must(m.Begin(Window{}, 0))
	if err := b.Check(randomEntries(1, 1, n), make([]Verdict, n)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("lookups end with %v", err)
	}
	check(t, b.Close())
	if _, err := sealTable(context.Background(), store, []*table{m.tables[0]}, TableInfo{Name: "merged"}, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a merge ends with %v", err)
	}
	check(t, m.Close())
	if _, err := Open(context.Background(), store, store.dir, []TableInfo{info}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opening ends with %v", err)
	}
}

// lookUp returns how many entries are found as they are, -1 if one has a wrong verdict, and the first error.
func lookUp(store rangeStore, info TableInfo, entries []Entry) (right int, failed error) {
	m, err := Open(context.Background(), store, os.TempDir(), []TableInfo{info})
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		b := must(m.Begin(Window{}, 0))
		verdict := make([]Verdict, 1)
		err := b.Check([]Entry{e}, verdict)
		switch {
		case err != nil:
			failed = errors.Join(failed, err)
		case verdict[0] == Verdict{Duplicate, e.Place}:
			right++
		default:
			return -1, errors.Join(failed, m.Close())
		}
		if err := b.Close(); err != nil {
			return -1, err
		}
	}
	return right, errors.Join(failed, m.Close())
}

func TestOldFormatStaysReadable(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	store, info := sealed(t, 3000)
	var old TableInfo
	store["run"], old = oldFormat(t, store["run"], info)
	check(t, os.WriteFile(folder.Path("run"), store["run"], 0o600))
	for range 2 {
		if right, err := lookUp(store, old, randomEntries(4, 1, 3000)); right != 3000 || err != nil {
			t.Fatalf("%d found, %v", right, err)
		}
		m := must(Open(context.Background(), folder, folder.dir, []TableInfo{old}))
		check(t, m.Close())
	}
	merged := must(Compact(context.Background(), folder, []TableInfo{old}, "merged", nil))
	if merged.Entries != 3000 || merged.Digest == "" {
		t.Errorf("merged into %+v", merged)
	}
	check(t, Verify(context.Background(), folder, merged))
	if _, err := Open(context.Background(), folder, folder.dir, []TableInfo{info}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("an old table in the place of a new one: %v", err)
	}

	store["run"][70_000] ^= 1 // a copy is compared again, and so is a file that was written since
	check(t, os.WriteFile(folder.Path("run"), store["run"], 0o600))
	check(t, os.Chtimes(folder.Path("run"), time.Time{}, time.Unix(1, 0)))
	if _, err := Open(context.Background(), folder, folder.dir, []TableInfo{old}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged file: %v", err)
	}
	if _, err := Open(context.Background(), store, folder.dir, []TableInfo{old}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged object: %v", err)
	}
}

// TestRebuild rebuilds the index of several tables from their entries in another order.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{0, 64 << 20} {
		store := newFolder(t)
		r := NewRebuild(store.dir, limit, nil)
		newest := map[modelID]Place{}
		added := int64(0)
		for file := range uint64(40) {
			entries := randomEntries(3, file%30, 2000) // ids of ten files come twice
			for i := range entries {
				entries[i].Place = must(PlaceOf(file, uint64(i/2)))
				if i%5 == 4 {
					entries[i].Hi, entries[i].Lo = entries[i-3].Hi, entries[i-3].Lo
				}
				id := modelID{entries[i].Hi, entries[i].Lo}
				newest[id] = max(newest[id], entries[i].Place)
			}
			added += int64(len(entries))
			check(t, r.Add(entries, time.Unix(int64(100+file*7%40), 0)))
		}
		info := must(r.Seal(context.Background(), store, "run"))
		check(t, r.Close())
		if info.Entries != int64(len(newest)) || info.Entries+info.Replaced != added || info.FirstReceived != 100 || info.LastReceived != 139 {
			t.Fatalf("%+v of %d ids", info, len(newest))
		}
		check(t, Verify(context.Background(), store, info))
		table := must(openObject(context.Background(), store, info))
		for pos := range table.n {
			e := must(table.checkedEntry(pos))
			if newest[modelID{e.Hi, e.Lo}] != e.Place {
				t.Fatalf("entry %d is of %d, not %d", pos, e.Place, newest[modelID{e.Hi, e.Lo}])
			}
		}
		check(t, table.close())
	}
}
