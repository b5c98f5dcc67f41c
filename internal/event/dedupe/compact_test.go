// What is compacted, and what is not yet.
package dedupe

import (
	"fmt"
	"slices"
	"testing"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	many := func(n int, entries int64) (tables []TableInfo) {
		for i := range n {
			tables = append(tables, TableInfo{Name: fmt.Sprint(entries, "/", i), Entries: entries, FirstReceived: int64(n - i), LastReceived: int64(n - i)})
		}
		return tables
	}
	for _, c := range []struct {
		tables []TableInfo
		want   int
		size   int64
	}{
		{nil, 0, 0},
		{many(7, 1), 0, 0},
		{many(8, 0), 8, 0},
		{append(many(7, 2_000_000), many(1, 100_000_000)...), 0, 0},
		{append(many(8, 2_000_000), many(8, 20_000)...), 8, 20_000},
		{many(9, 2_000_000), 9, 2_000_000},
		{many(8, 1<<30), 0, 0},
	} {
		got := Plan(c.tables)
		if len(got) != c.want || c.want > 0 && got[0].Entries != c.size {
			t.Fatalf("of %d tables: %+v", len(c.tables), got)
		}
		if !slices.IsSortedFunc(got, func(a, b TableInfo) int { return int(a.FirstReceived - b.FirstReceived) }) {
			t.Fatalf("not oldest first: %+v", got)
		}
	}
}
