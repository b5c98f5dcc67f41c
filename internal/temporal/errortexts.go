// The full texts of errors whose texts in histories are redacted. They stay in the process in which the errors occurred.

package temporal

import (
	"crypto/rand"
	"sync"
)

// maxTexts is how many texts are kept; older ones are dropped.
const maxTexts = 256

// textStore keeps texts by the reference that is in the history.
type textStore struct {
	mu    sync.Mutex
	all   map[string]string
	order []string
}

// fullTexts are the texts of this process.
var fullTexts = textStore{all: map[string]string{}}

func (t *textStore) keep(text string) (reference string) {
	reference = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == maxTexts {
		delete(t.all, t.order[0])
		t.order = t.order[1:]
	}
	t.all[reference], t.order = text, append(t.order, reference)
	return reference
}

func (t *textStore) find(reference string) (text string, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, known = t.all[reference]
	return text, known
}
