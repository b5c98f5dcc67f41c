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

// knownMost bounds the answers that are kept.
const knownMost = 10_000

// known keeps what SQL was bound to: the same text over the same columns is bound to the same in every database. Faults are
// not kept.
var known answers

// answers are kept by what was asked; callers do not change them. The zero value is ready.
type answers struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte]any
}

// question is the key of an answer: the kind of question, and all that its answer depends on.
func question(parts ...string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q", parts))
}

func (a *answers) get(key [sha256.Size]byte) (any, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer, ok := a.kept[key]
	return answer, ok
}

func (a *answers) put(key [sha256.Size]byte, answer any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil || len(a.kept) >= knownMost {
		a.kept = map[[sha256.Size]byte]any{}
	}
	a.kept[key] = answer
}

// tablesText is everything that binding over tables depends on.
func tablesText(tables map[string][]column.Field) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&b, "%q %q ", name, emptySQL(tables[name]))
	}
	return b.String()
}
