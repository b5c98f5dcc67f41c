// The type of a secret value, which prints itself as [secret] everywhere.

package vault

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what every form of a secret prints.
const hidden = "[secret]"

// Secret is a secret value. It prints as [secret] with fmt, encoding/json, YAML and log/slog, also as a field of another value (rules 7
// and 8). Only Reveal returns the value, which must go to nothing but the connection that needs it. The zero value is an empty secret.
//
// The value is in a closure, because printers that reflect on fields that are not exported do not call their methods.
type Secret struct{ reveal func() string }

// NewSecret returns a secret with this value.
func NewSecret(value string) Secret { return Secret{func() string { return value }} }

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String returns [secret].
func (s Secret) String() string { return hidden }

// GoString returns [secret].
func (s Secret) GoString() string { return hidden }

// Format prints [secret] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns [secret].
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON returns "[secret]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue returns [secret].
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
