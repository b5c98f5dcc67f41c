// A project's SQL files in DuckDB: the right result in any batches, and an error if row counts do not match the keys.

package fold_test

import (
	"slices"
	"strings"
	"testing"

	"bursar/internal/failure"
)

const ownPipeline = `
pipeline: folded
from: events
key: order
reduce: reduce.sql
merge: merge.sql
artifact:
  double: {is: "\"rows\" * 2"}
  rows: {type: "decimal(18,2)"}
  best: {type: string}
  seen: {type: json}
`

const ownReduce = `-- the largest row of each order; ties go to the later id
WITH ranked AS (
  SELECT *, row_number() OVER (PARTITION BY "order" ORDER BY "rows" DESC, id DESC) AS nth FROM events
)
SELECT "order", sum("rows") AS total,
  max(id) FILTER (WHERE nth = 1) AS best, max("rows") AS most, list({id: id}) AS ids
FROM ranked GROUP BY "order"; -- done; really
`

const ownMerge = `
SELECT d."order", coalesce(s."rows", 0) + d.total AS "rows",
  CASE WHEN s.best IS NULL OR d.most > s.most OR d.most = s.most AND d.best > s.best THEN d.best ELSE s.best END AS best,
  json_object('most', greatest(d.most, s.most)::VARCHAR) AS SEEN
FROM delta AS d LEFT JOIN (
  SELECT *, regexp_extract(replace(seen->>'most', '.', ''), '^-?[0-9]+$')::BIGINT * 0.01 AS most FROM state
) AS s USING ("order")
`

var ownFolded = map[string]string{
	"k": `double="415.10" rows="207.55" best="d" seen="{\"most\":\"200.00\"}" `,
	"l": `double="0.00" rows="0.00" best="e" seen="{\"most\":\"0.00\"}" `,
}

func TestOwnSQLInAnyBatches(t *testing.T) {
	t.Parallel()
	b := newBench(t, keywordStream, ownPipeline, ownReduce, ownMerge)
	for split := range 1 << len(rows) {
		var first, second []string
		for i, row := range rows {
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
		for key, want := range ownFolded {
			if got[key] != want {
				t.Fatalf("split %05b, key %s:\ngot  %s\nwant %s", split, key, got[key], want)
			}
		}
	}
}

// TestOwnSQLGivesOneRowForEachKey: a run whose SQL drops, doubles or invents keys fails, and the error has the counts.
func TestOwnSQLGivesOneRowForEachKey(t *testing.T) {
	t.Parallel()
	const reduce = `SELECT "order", count(*) AS n FROM events GROUP BY 1`
	const merge = `SELECT d."order", d.n + coalesce(s.n, 0) AS n FROM delta d LEFT JOIN state s USING ("order")`
	for _, c := range []struct{ reduce, merge, want string }{
		{reduce, merge, ""},
		{reduce + ` HAVING "order" <> 'k'`, merge, "pipelines/reduce.sql must give one row for each key that has events: 1 keys have none, 0 keys have several, and 0 rows"},
		{`SELECT "order", 1::BIGINT AS n FROM events`, merge, "reduce.sql must give one row for each key that has events: 0 keys have none, 1 keys have several, and 0 rows"},
		{reduce + ` UNION ALL SELECT 'x', 1`, merge, "reduce.sql must give one row for each key that has events: 0 keys have none, 0 keys have several, and 1 rows"},
		{`SELECT "order" || 'x' AS "order", count(*) AS n FROM events GROUP BY 1`, merge, "2 keys have none, 0 keys have several, and 2 rows"},
		{reduce, merge + ` WHERE false`, "pipelines/merge.sql must give one row for each key that has a delta: 2 keys have none, 0 keys have several, and 0 rows"},
		{reduce, merge + ` UNION ALL SELECT "order", n FROM delta`, "merge.sql must give one row for each key that has a delta: 0 keys have none, 2 keys have several"},
		{reduce, merge + ` UNION ALL SELECT 'y', 2 UNION ALL SELECT NULL, 2`, "0 keys have none, 0 keys have several, and 2 rows"},
		{reduce, `SELECT d."order", (d.n + 10000000000)::BIGINT::INTEGER::BIGINT AS n FROM delta d`, "pipelines/reduce.sql and pipelines/merge.sql: Conversion Error"},
	} {
		b := newBench(t, keywordStream, "pipeline: folded\nfrom: events\nkey: order\nreduce: reduce.sql\nmerge: merge.sql\nartifact: {n: {type: bigint}}\n", c.reduce, c.merge)
		got, err := b.fold(rows)
		if c.want == "" {
			if err != nil || got["k"] != "n=4 " || got["l"] != "n=1 " {
				t.Errorf("got %v, %v", got, err)
			}
			continue
		}
		if err = b.plan.Explain(err); err == nil || !strings.Contains(err.Error(), c.want) || failure.Of(err) != failure.Data {
			t.Errorf("reduce %s\nmerge %s\ngot %v, %v (%v)\nwant %s", c.reduce, c.merge, got, err, failure.Of(err), c.want)
		}
	}
}

// TestFingerprintOfSQL changes with the text of either file.
func TestFingerprintOfSQL(t *testing.T) {
	t.Parallel()
	was := newBench(t, keywordStream, ownPipeline, ownReduce, ownMerge).plan.Fingerprint()
	for name, sql := range map[string][]string{"": {ownReduce + "\n", ownMerge}, "reduce": {ownReduce + "-- more", ownMerge}, "merge": {ownReduce, ownMerge + "-- more"}} {
		now := newBench(t, keywordStream, ownPipeline, sql...).plan.Fingerprint()
		for what := range was {
			if (was[what] != now[what]) != (what == name) {
				t.Errorf("after a change of %q %s is %s, was %s", name, what, now[what], was[what])
			}
		}
	}
}
