// Errors of what uses secrets, which may repeat them.

package vault

import "strings"

// IsSecret reports whether a text of the project folder stands for a secret of the vault.
func IsSecret(text string) bool { return strings.HasPrefix(text, vaultPrefix) }

// hidingError has another text than the error that it wraps.
type hidingError struct {
	error
	text string
}

func (e *hidingError) Error() string { return e.text }
func (e *hidingError) Unwrap() error { return e.error }

// Hide returns an error in whose text a name stands for values that are secret, or parts of them. Empty values are ignored.
func Hide(err error, name string, values ...string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, value := range values {
		if value != "" {
			text = strings.ReplaceAll(text, value, name)
		}
	}
	return &hidingError{err, text}
}
