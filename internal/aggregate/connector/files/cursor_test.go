// Tests of cursors: they are bounded, and no file is lost.

package files

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// visitFolder does what a fetch does with a folder, and returns the names that it delivers.
func visitFolder(t *testing.T, c *cursor, folder map[string]file) (next *cursor, delivered []string) {
	t.Helper()
	files := slices.SortedFunc(maps.Values(folder), func(a, b file) int {
		return cmp.Or(cmp.Compare(a.modified, b.modified), strings.Compare(a.name, b.name))
	})
	var groups []group
	count := 0
	for _, p := range c.divide(files) {
		if count += len(p.files); !p.isKnown() {
			for _, f := range p.files {
				delivered = append(delivered, f.name)
			}
		}
		groups = append(groups, p.group)
	}
	if count != len(folder) {
		t.Fatalf("%d of %d files are in groups", count, len(folder))
	}
	next = newCursor(groups)
	text := next.String()
	if again := parseCursor(text); again.String() != text {
		t.Fatalf("%s is read as %s", text, again)
	}
	if len(text) > 40_000 {
		t.Fatalf("the cursor has %d bytes", len(text))
	}
	return next, delivered
}

// TestNothingIsLost compares random folders with a plain set of what was delivered: files come with new and old times, change, and go.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	seeds := uint64(6)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		folder, delivered := map[string]file{}, map[file]bool{}
		c, now := &cursor{}, int64(0)
		for range 30 {
			for range random.IntN(1 + 1<<random.IntN(11)) {
				now += random.Int64N(3)
				name := fmt.Sprint(random.IntN(4000))
				switch random.IntN(10) {
				case 0:
					delete(folder, name)
				case 1:
					folder[name] = file{name: name, size: random.Int64N(3), modified: random.Int64N(now + 1)}
				default:
					folder[name] = file{name: name, size: random.Int64N(3), modified: now}
				}
			}
			var names []string
			c, names = visitFolder(t, c, folder)
			for _, name := range names {
				delivered[folder[name]] = true
			}
			for _, f := range folder {
				if !delivered[f] {
					t.Fatalf("seed %d: %v is lost", seed, f)
				}
			}
			if _, names = visitFolder(t, c, folder); len(names) > 0 {
				t.Fatalf("seed %d: nothing has changed, and %v are delivered", seed, names)
			}
		}
	}
}

// TestManyFiles: a file is delivered alone if it is newer than all others, and with few others if it is late.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes a digest of 100,000 files many times")
	}
	folder := map[string]file{}
	add := func(name string, modified int64) { folder[name] = file{name: name, size: 1, modified: modified} }
	for i := range 100_000 {
		add(fmt.Sprint(i), int64(i)*1_000_000_000)
	}
	c, delivered := visitFolder(t, &cursor{}, folder)
	if len(delivered) != len(folder) {
		t.Fatalf("%d files are delivered at first", len(delivered))
	}
	for i := range 20 {
		add(fmt.Sprint("new", i), int64(100_000+i)*1_000_000_000)
		if c, delivered = visitFolder(t, c, folder); len(delivered) != 1 {
			t.Fatalf("%d files are delivered with a new one", len(delivered))
		}
	}
	add("late", 50_000_000_000_500)
	if _, delivered = visitFolder(t, c, folder); len(delivered) > 1100 || !slices.Contains(delivered, "late") {
		t.Errorf("%d files are delivered with a late one", len(delivered))
	}
}

// TestJoined: no more groups are joined than needed, the oldest of the smallest ones first.
func TestJoined(t *testing.T) {
	t.Parallel()
	groups := []group{{until: 0, count: 5}}
	for i := range maxGroups + 1 {
		groups = append(groups, group{until: int64(1 + i), count: 1, digest: digest{byte(i)}})
	}
	got := newCursor(groups).groups
	if len(got) != maxGroups || got[0] != groups[0] || got[1] != (group{2, 2, digest{0 ^ 1}}) || got[2] != (group{4, 2, digest{2 ^ 3}}) || got[3] != groups[5] {
		t.Errorf("%d groups, the first are %v", len(got), got[:4])
	}
}

// FuzzCursor checks that any text is a cursor, and that a valid one is the same after it is written and read again.
func FuzzCursor(f *testing.F) {
	f.Add(newCursor([]group{{until: 1, count: 2}, {until: 5, count: 1, digest: digest{1}}}).String())
	f.Add(`{"version":2,"groups":[]}`)
	f.Add(`{"version":1,"groups":[{"until":5,"files":1,"digest":"AAAAAAAAAAAAAAAAAAAAAA=="},{"until":5,"files":1,"digest":"AAAAAAAAAAAAAAAAAAAAAA=="}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		c := parseCursor(text)
		if again := parseCursor(c.String()); again.String() != c.String() {
			t.Errorf("%s is read as %s", c, again)
		}
		c.divide([]file{{name: "a", modified: -1}, {name: "b", modified: 5}, {name: "c", modified: 1 << 60}})
	})
}
