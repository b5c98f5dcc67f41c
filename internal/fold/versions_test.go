// Folds of a stream that keeps versions, in DuckDB: the order of receipt decides, for any distribution over batches (rule 6).

package fold_test

import (
	"slices"
	"strings"
	"testing"
)

// TestVersionsInAnyBatches splits three versions of one event and two of another into two batches in every way.
func TestVersionsInAnyBatches(t *testing.T) {
	t.Parallel()
	stream := strings.Replace(keywordStream, "id: id\n", "id: id\nversions: keep\n", 1)
	b := newBench(t, stream, `
pipeline: folded
from: events
key: order
artifact:
  newest: {last: group, by: _received}
  oldest: {first: group, by: _received}
  tie: {last: group, by: at}
  all: {list: [id, group], by: at}
  two: {list: [group], by: _received, keep: 2}
`)
	b.more = `, "_received"`
	versions := []string{ // those of a are not in the order of their values, and a's last one is received after b's
		`'a', 'k', 1, 'y', TIMESTAMP '2024-01-02', 1, 1, 5`,
		`'a', 'k', 1, 'z', TIMESTAMP '2024-01-02', 1, 1, 6`,
		`'b', 'k', 1, 'm', TIMESTAMP '2024-01-01', 1, 1, 7`,
		`'b', 'k', 1, 'l', TIMESTAMP '2024-01-01', 1, 1, 8`,
		`'a', 'k', 1, 'x', TIMESTAMP '2024-01-02', 1, 1, 9`,
	}
	want := `newest="x" oldest="y" tie="x" all=[{"id":"b","group":"m"},{"id":"b","group":"l"},{"id":"a","group":"y"},{"id":"a","group":"z"},{"id":"a","group":"x"}] ` +
		`two=[{"group":"l"},{"group":"x"}] `
	for split := range 1 << len(versions) {
		var first, second []string
		for i, row := range versions {
			if split&(1<<i) != 0 {
				first = append(first, row)
			} else {
				second = append(second, row)
			}
		}
		slices.Reverse(second)
		got, err := b.fold(first, second)
		if err != nil {
			t.Fatal(err)
		}
		if got["k"] != want {
			t.Fatalf("split %05b:\ngot  %s\nwant %s", split, got["k"], want)
		}
	}
}

// TestVersionsFingerprint: records depend on the order of receipt if a fold orders events.
func TestVersionsFingerprint(t *testing.T) {
	t.Parallel()
	keeping := strings.Replace(keywordStream, "id: id\n", "id: id\nversions: keep\n", 1)
	for fold, changes := range map[string]bool{"{max: n}": false, "{last: n, by: at}": true, "{list: [n], by: at}": true} {
		pipeline := "pipeline: folded\nfrom: events\nkey: order\nartifact:\n  a: " + fold + "\n"
		before := newBench(t, keywordStream, pipeline).plan.Fingerprint()
		after := newBench(t, keeping, pipeline).plan.Fingerprint()
		if _, there := after["versions of events"]; there != changes || before["versions of events"] != "" {
			t.Errorf("%s: before %v, after %v", fold, before, after)
		}
	}
}

// TestVersionsOfOwnSQL: SQL files order versions by their receipt, too.
func TestVersionsOfOwnSQL(t *testing.T) {
	t.Parallel()
	stream := strings.Replace(keywordStream, "id: id\n", "id: id\nversions: keep\n", 1)
	b := newBench(t, stream, `
pipeline: folded
from: events
key: order
reduce: reduce.sql
merge: merge.sql
artifact:
  newest: {type: string}
  at: {type: bigint}
`, `SELECT "order", arg_max("group", _received) AS newest, max(_received) AS at FROM events GROUP BY ALL`,
		`SELECT d."order", CASE WHEN s.at > d.at THEN s.newest ELSE d.newest END AS newest, greatest(s.at, d.at) AS at FROM delta AS d LEFT JOIN state AS s USING ("order")`)
	b.more = `, "_received"`
	first, second := `'a', 'k', 1, 'y', TIMESTAMP '2024-01-02', 1, 1, 5`, `'a', 'k', 1, 'x', TIMESTAMP '2024-01-01', 1, 1, 6`
	for _, batches := range [][][]string{{{first, second}}, {{first}, {second}}, {{second}, {first}}} {
		if got, err := b.fold(batches...); err != nil || got["k"] != `newest="x" at=6 ` {
			t.Errorf("got %v, %v", got, err)
		}
	}
}
