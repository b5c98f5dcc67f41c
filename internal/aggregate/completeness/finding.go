// A finding of completeness: its words, and a digest that does not depend on them.

package completeness

import (
	"fmt"

	"bursar/internal/aggregate/identity"
)

// finding is something that does not balance. The zero value is nothing.
type finding struct {
	text   string
	digest string // of its kind and figures, independent of the wording
}

// newFinding makes a finding of a kind, with its figures formatted into words.
func newFinding(kind, format string, figures ...any) finding {
	return finding{fmt.Sprintf(format, figures...), findingDigest(kind, figures...)}
}

// findingDigest digests the kind of a finding and its figures.
func findingDigest(kind string, figures ...any) string {
	texts := []string{kind}
	for _, f := range figures {
		texts = append(texts, fmt.Sprint(f))
	}
	return identity.Of(texts...).String()
}
