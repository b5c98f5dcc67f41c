// Errors of what uses secrets, which may repeat them.

package vault

import (
	"slices"
	"strings"
)

// IsSecret reports whether a text of the project folder stands for a secret of the vault.
func IsSecret(text string) bool { return strings.HasPrefix(text, vaultPrefix) }

// hidingError has another text than the error that it wraps.
type hidingError struct {
	error
	text string
}

func (e *hidingError) Error() string { return e.text }
func (e *hidingError) Unwrap() error { return e.error }

// minHidden is the least bytes of a value that is hidden: shorter ones are parts of other words.
const minHidden = 4

// Hide returns an error in whose text a name stands for values that are secret, or parts of them. Values of less than four bytes are ignored.
func Hide(err error, name string, values ...string) error {
	if err == nil {
		return nil
	}
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return len(value) < minHidden })
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // the replacer takes the first that fits
	var pairs []string
	for _, value := range values {
		pairs = append(pairs, value, name)
	}
	return &hidingError{err, strings.NewReplacer(pairs...).Replace(err.Error())}
}
