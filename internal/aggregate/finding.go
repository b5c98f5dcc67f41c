// What does not hold: in words, and as what these say.

package aggregate

import "fmt"

// finding is something that does not hold. The zero value is nothing.
type finding struct {
	text   string
	digest string // digest of its kind and figures, whatever the words are
}

// newFinding is a finding of a kind, whose figures are put in words by a format.
func newFinding(kind, format string, figures ...any) finding {
	return finding{fmt.Sprintf(format, figures...), findingDigest(kind, figures...)}
}

// findingDigest digests the kind of a finding and its figures.
func findingDigest(kind string, figures ...any) string {
	texts := []string{kind}
	for _, f := range figures {
		texts = append(texts, fmt.Sprint(f))
	}
	return digestOf(texts...).String()
}
