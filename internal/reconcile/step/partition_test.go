// The partition of a key is the same in all versions of the program, and the shares of a step have the same state.

package step

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/reconcile/runs"
)

// keysSplit are events of several keys. TestPartitionsOfKeys lists their partition numbers.
const keysSplit = `SELECT * FROM (VALUES (0, 'a', 1, 1.50::DECIMAL(38,2), DATE '2026-03-02', true), (1, 'b', 2, -0.01, DATE '1999-12-31', false),
	(2, '', 0, 0.00, DATE '1970-01-01', true), (3, 'Zürich, ☃', -7, 99999999999999.99, DATE '2026-03-02', false),
	(4, 'o-1003', 2147483647, 12.00, DATE '2400-02-29', true), (5, 'a', 2, 1.5, DATE '2026-03-02', true))
	AS t(nr, text, number, amount, day, flag)`

// TestPartitionsOfKeys pins which partition a key is in. A run that another version planned, or that another worker takes part in,
// is split alike only while these stay: another way to split needs another name.
func TestPartitionsOfKeys(t *testing.T) {
	t.Parallel()
	session, err := duck.Open(duck.Options{Threads: 1, Memory: "256MB"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, c := range []struct {
		split, key string
		partitions int
		want       [][]int64
	}{
		{runs.SplitByMD5, "text", 3, [][]int64{{1, 4}, {0, 2, 5}, {3}}},
		{runs.SplitByMD5, "number", 3, [][]int64{{0, 1, 5}, {2, 4}, {3}}},
		{runs.SplitByMD5, "amount", 2, [][]int64{{0, 5}, {1, 2, 3, 4}}},
		{runs.SplitByMD5, "text number amount day flag", 4, [][]int64{{2, 4}, {5}, {1}, {0, 3}}},
		{runs.SplitByMD5, "text", 1, [][]int64{{0, 1, 2, 3, 4, 5}}},
		{runs.SplitByDuckDB, "text", 3, [][]int64{{1, 4}, {0, 3, 5}, {2}}},
		{runs.SplitByDuckDB, "number", 3, [][]int64{{2}, {1, 4, 5}, {0, 3}}},
		{runs.SplitByDuckDB, "text number amount day flag", 4, [][]int64{{0, 3}, {1, 5}, {2}, {4}}},
	} {
		var key []project.KeyColumn
		for _, name := range strings.Fields(c.key) {
			key = append(key, project.KeyColumn{Event: name})
		}
		run := &runs.Run{Partitions: c.partitions, Split: c.split}
		got := make([][]int64, c.partitions)
		for p := range got {
			sql := "SELECT nr::BIGINT FROM (" + partitionSQL(keysSplit, key, run, p) + ") ORDER BY 1"
			err := session.Query(t.Context(), sql, func(rows []column.Vector) error {
				got[p] = append(got[p], rows[0].Ints...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q by %s: %#v", c.split, c.key, got)
		}
	}
}

// TestSharesOfTwoStatesAreRejected: a partition whose state is as of another run than the others' lacks runs, but would balance.
func TestSharesOfTwoStatesAreRejected(t *testing.T) {
	t.Parallel()
	asOf := uint64(3)
	run := &runs.Run{AsOf: &asOf, Partitions: 2, Totals: event.Totals{}}
	for _, step := range []runs.StepName{"prefetch", "merge", "index"} {
		err := (&Executor{}).combineShares(context.Background(), nil, run, step, []runs.Share{{AsOf: 3}, {AsOf: 2}})
		if err == nil || !strings.Contains(err.Error(), "the state of partition 1 is as of run 2") {
			t.Errorf("%s: %v", step, err)
		}
	}
	if err := (&Executor{}).combineShares(context.Background(), nil, run, "prefetch", []runs.Share{{AsOf: 3}, {AsOf: 3}}); err != nil {
		t.Error(err)
	}
}
