// A cache of binding results: a project is bound when it is opened, and its pipelines again when they are planned.

package duck

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"bursar/internal/column"
)

// maxCached bounds the cached results.
const maxCached = 10_000

// bindCache holds the results of binding: the same text over the same columns has the same result in every database. Errors are not
// cached.
var bindCache resultCache

// resultCache holds results by key; callers must not change them. The zero value is ready to use.
type resultCache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]any
}

// cacheKey is the key of a result: its kind, and everything that it depends on.
func cacheKey(parts ...string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q", parts))
}

func (a *resultCache) get(key [sha256.Size]byte) (any, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer, ok := a.entries[key]
	return answer, ok
}

func (a *resultCache) put(key [sha256.Size]byte, answer any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entries == nil || len(a.entries) >= maxCached {
		a.entries = map[[sha256.Size]byte]any{}
	}
	a.entries[key] = answer
}

// tablesKey is the part of a key that depends on tables.
func tablesKey(tables map[string][]column.Field) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&b, "%q %q ", name, emptySQL(tables[name]))
	}
	return b.String()
}
