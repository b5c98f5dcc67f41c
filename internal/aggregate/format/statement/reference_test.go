// Tests of references and page numbers.

package statement_test

import (
	"testing"

	"bursar/internal/aggregate/format/statement"
)

func TestNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", " R 1 ": "R 1", "NONREF": "", " nonref": "", "NotProvided": "", "NONREF1": "NONREF1"} {
		if got := statement.NormalizeReference(text); got != want {
			t.Errorf("%q is normalized to %q, want %q", text, got, want)
		}
	}
}

func TestIsLater(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]bool{"": false, "0": false, "1": false, "00001": false, "2": true, "00010": true, "99999999999999999999": true, "2a": false, "-2": false, "last": false} {
		if got := statement.IsLaterPage(page); got != want {
			t.Errorf("page %q is later: %v", page, got)
		}
	}
}
