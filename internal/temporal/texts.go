// The whole texts of errors that stand in histories without their values: they stay in the process that met them.

package temporal

import (
	"crypto/rand"
	"sync"
)

// mostTexts is how many are kept: those of the last errors.
const mostTexts = 256

// texts are kept by a reference that stands in the history.
type texts struct {
	mu    sync.Mutex
	all   map[string]string
	order []string
}

// wholeTexts are this process's.
var wholeTexts = texts{all: map[string]string{}}

func (t *texts) keep(text string) (reference string) {
	reference = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == mostTexts {
		delete(t.all, t.order[0])
		t.order = t.order[1:]
	}
	t.all[reference], t.order = text, append(t.order, reference)
	return reference
}

func (t *texts) find(reference string) (text string, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, known = t.all[reference]
	return text, known
}
