// Tests of key values as people write them.

package query

import (
	"testing"

	"bursar/internal/column"
)

// TestKeyForms: a value that does not fit its type is refused with the notation that does.
func TestKeyForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind             column.Kind
		text, fits, want string
	}{
		{column.Date, "31.3.2025", "2025-03-31", `"31.3.2025" is not a valid date: write it as 2025-03-31`},
		{column.Timestamp, "2025-03-31", "2025-03-31T14:30:00Z", `"2025-03-31" is not a valid timestamp: write it as 2025-03-31T14:30:00Z`},
		{column.Bool, "yes", "true", `"yes" is not a valid bool: write true or false`},
		{column.Int, "1.5", "1", `"1.5" is not a valid int`},
	} {
		v := column.NewVectors([]column.Type{{Kind: c.kind}}, 1)
		if err := ParseValue(&v[0], c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
		if err := ParseValue(&v[0], c.fits); err != nil {
			t.Errorf("%s: %v", c.fits, err)
		}
	}
}
