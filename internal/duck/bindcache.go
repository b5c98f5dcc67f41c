// What was bound before: a project is bound when it is opened, and its pipelines again when they are planned.

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

// maxCached bounds the answers that are kept.
const maxCached = 10_000

// bindCache keeps what SQL was bound to: the same text over the same columns is bound to the same in every database. Faults are
// not kept.
var bindCache resultCache

// resultCache are kept by what was asked; callers do not change them. The zero value is ready.
type resultCache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]any
}

// cacheKey is the key of an answer: the kind of question, and all that its answer depends on.
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

// tablesKey is everything that binding over tables depends on.
func tablesKey(tables map[string][]column.Field) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&b, "%q %q ", name, emptySQL(tables[name]))
	}
	return b.String()
}
