// Tests texts that are kept for comparison.

package rows

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
)

func TestComparisonTextIsBounded(t *testing.T) {
	t.Parallel()
	if got := comparisonText(strings.Repeat("1", statement.MaxValueLength+1)); len(got) > statement.MaxValueLength || got == comparisonText(strings.Repeat("1", statement.MaxValueLength+2)) || comparisonText("12") != "12" {
		t.Errorf("a long text is %q", got)
	}
}
