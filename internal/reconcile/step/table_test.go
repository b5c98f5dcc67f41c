// The columns of results: one too many or too few is detected before anything is written.

package step

import (
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/fold"
)

func TestResultsHaveTheColumnsThatAreRead(t *testing.T) {
	t.Parallel()
	number := column.Type{Kind: column.BigInt}
	fields := []column.Field{{Name: "key", Type: number}, {Name: "paid", Type: number}}
	for _, width := range []int{1, 3} {
		out := newTable(t.Context(), nil, "delta.parquet", fields)
		err := out.add(column.NewVectors(slices.Repeat([]column.Type{number}, width), 0))
		if err == nil || !strings.Contains(err.Error(), "bug: a result has") {
			t.Errorf("%d columns: %v", width, err)
		}
	}
	plan := &fold.Plan{Conserve: []fold.Conserved{{Total: "paid", Group: -1, Type: column.Type{Kind: column.Decimal, Precision: 38}}}}
	for _, width := range []int{0, 2} {
		err := NewArtifactTotals(plan).Add(plan, nil, column.NewVector(number, 0), column.NewVectors(slices.Repeat([]column.Type{number}, width), 0))
		if err == nil || !strings.Contains(err.Error(), "bug: a result has") {
			t.Errorf("%d totals: %v", width, err)
		}
	}
}
