// Every fold in DuckDB: the right result, for any distribution of events over batches (rule 6).

package fold_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/project/bind"
)

const keywordStream = `
stream: events
format: jsonl
id: id
columns:
  id: {type: string}
  order: {type: string}
  rows: {type: "decimal(18,2)"}
  group: {type: string, optional: true}
  at: {type: timestamp}
  n: {type: int, optional: true}
  wide: {type: "decimal(38,0)"}
`

const everyFold = `
pipeline: folded
from: events
key: order
artifact:
  events: {count: true}
  select: {count: true, where: "\"group\" = 'x'"}
  rows: {sum: rows}
  from: {sum: rows, where: "n = -1"}
  ints: {sum: "n * 2"}
  lo: {min: n}
  hi: {max: rows}
  first_group: {first: group, by: at}
  last_group: {last: group, by: at}
  first_n: {first: id, by: n}
  last_n: {last: id, by: n}
  tie: {last: id, by: at}
  early: {first: id, by: at, where: "n = 5"}
  all: {list: [id, rows], by: at}
  two: {list: [id], by: n, keep: 2}
  limit: {list: [group], by: [at], where: "\"group\" <> 'y'"}
  none: {max: n, where: "n > 100"}
  where: {is: "\"rows\" + \"from\""}
`

// rows has ties in at (b and c) and in n (a and c), and nulls in group and n.
var rows = []string{
	`'a', 'k', 10.00, 'x', TIMESTAMP '2024-01-01', 5, 1`,
	`'b', 'k', -2.50, NULL, TIMESTAMP '2024-01-03', NULL, 1`,
	`'c', 'k', 0.05, 'y', TIMESTAMP '2024-01-03', 5, 1`,
	`'d', 'k', 200.00, 'z', TIMESTAMP '2024-01-02', -1, 1`,
	`'e', 'l', 0.00, NULL, TIMESTAMP '2024-01-01', NULL, 1`,
}

var folded = map[string]string{
	"k": `events=4 select=1 rows="207.55" from="200.00" ints=18 lo=-1 hi="200.00" first_group="x" last_group="y" first_n="b" last_n="c" tie="c" early="a" ` +
		`all=[{"id":"a","rows":"10.00"},{"id":"d","rows":"200.00"},{"id":"b","rows":"-2.50"},{"id":"c","rows":"0.05"}] ` +
		`two=[{"id":"a"},{"id":"c"}] limit=[{"group":"x"},{"group":"z"}] none=null where="407.55" `,
	"l": `events=1 select=0 rows="0.00" from="0.00" ints=0 lo=null hi="0.00" first_group=null last_group=null first_n="e" last_n="e" tie="e" early=null ` +
		`all=[{"id":"e","rows":"0.00"}] two=[{"id":"e"}] limit=[] none=null where="0.00" `,
}

// bench is one pipeline over one DuckDB.
type bench struct {
	t    *testing.T
	s    *duck.Session
	plan *fold.Plan
	more string // names of further columns of its events
}

func newBench(t *testing.T, stream, pipeline string, sql ...string) *bench {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"bursar.yaml": "", "streams/events.yaml": stream, "pipelines/folded.yaml": pipeline}
	for i := range sql {
		files["pipelines/"+[]string{"reduce.sql", "merge.sql"}[i]] = sql[i]
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := duck.Open(duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	p, errs := project.Read(dir)
	if errs = append(errs, bind.Check(t.Context(), p, s)...); len(errs) > 0 {
		t.Fatal(errs)
	}
	events := p.Events(p.Pipelines[0])
	shape, _ := bind.Pipeline(t.Context(), p.Pipelines[0], events, s)
	plan, err := fold.NewPlan(p.Pipelines[0], events, shape)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, s: s, plan: plan}
}

// fold folds batches of rows one after another and prints the artifacts by key.
func (b *bench) fold(batches ...[]string) (map[string]string, error) {
	b.t.Helper()
	fields := append(slices.Clone(b.plan.Key), b.plan.RecordFields()...)
	typed := make([]string, len(fields))
	for i, f := range fields {
		typed[i] = fmt.Sprintf("CAST(NULL AS %s) AS %s", f.Type.SQL(), column.QuoteIdentifier(f.Name))
	}
	sql := []string{"CREATE OR REPLACE TABLE artifacts AS SELECT " + strings.Join(typed, ", ") + " WHERE false"}
	for _, batch := range batches {
		if len(batch) > 0 {
			sql = append(sql, b.run(batch, fold.Names(fields))...)
		}
	}
	if err := b.s.Exec(b.t.Context(), strings.Join(sql, ";\n")); err != nil {
		return nil, err
	}
	return b.artifacts(fields), nil
}

// run is one run over a batch: reduce, a state aligned with the delta, merge.
func (b *bench) run(batch []string, names string) []string {
	return []string{
		`CREATE OR REPLACE TABLE events AS SELECT * FROM (VALUES (` + strings.Join(batch, "), (") + `)) AS t(id, "order", "rows", "group", "at", n, "wide"` + b.more + `)`,
		`ALTER TABLE events ALTER "rows" TYPE DECIMAL(18,2)`, `ALTER TABLE events ALTER n TYPE INTEGER`, `ALTER TABLE events ALTER "wide" TYPE DECIMAL(38,0)`,
		`ALTER TABLE events ALTER "group" TYPE VARCHAR`,
		"CREATE OR REPLACE TABLE delta AS " + b.plan.Reduce,
		`CREATE OR REPLACE TABLE state AS SELECT s.* FROM delta AS d LEFT JOIN artifacts AS s ON s."order" = d."order" ORDER BY d."order"`,
		"CREATE OR REPLACE TABLE merged AS " + b.plan.Merge,
		"SELECT error('not aligned') FROM merged WHERE " + fold.Aligned + " IS NOT TRUE",
		`DELETE FROM artifacts WHERE "order" IN (SELECT "order" FROM delta)`,
		"INSERT INTO artifacts SELECT " + names + " FROM merged",
	}
}

func (b *bench) artifacts(fields []column.Field) map[string]string {
	b.t.Helper()
	out := map[string]string{}
	err := b.s.Query(b.t.Context(), "SELECT * FROM artifacts", func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			var line []byte
			for _, f := range b.plan.Pipeline.Artifact {
				c := slices.IndexFunc(fields, func(x column.Field) bool { return x.Name == f.Name })
				line = append(append(line, f.Name...), '=')
				if items := b.plan.Record[c-1].Items; items != nil {
					line = rows[c].AppendItemsJSON(line, i, items)
				} else {
					line = rows[c].AppendJSON(line, i)
				}
				line = append(line, ' ')
			}
			out[string(rows[0].Text(i))] = string(line)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// TestFoldsInAnyBatches splits the events into two batches in every way, so each pair of batches is tested in both orders.
func TestFoldsInAnyBatches(t *testing.T) {
	t.Parallel()
	b := newBench(t, keywordStream, everyFold)
	for split := range 1 << len(rows) {
		var first, second []string
		for i, row := range rows {
			if split&(1<<i) != 0 {
				first = append(first, row)
			} else {
				second = append(second, row)
			}
		}
		slices.Reverse(second) // arrival within a batch does not count either
		got, err := b.fold(first, second)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range folded {
			if got[key] != want {
				t.Fatalf("split %05b, key %s:\ngot  %s\nwant %s", split, key, got[key], want)
			}
		}
	}
}

// TestSumOverflowStops: no sum ever wraps, in one batch or over two (rule 2).
func TestSumOverflowStops(t *testing.T) {
	t.Parallel()
	large := "9" + strings.Repeat("0", 37)
	for _, sum := range []string{"wide", "n * CAST(1000000000 AS BIGINT)"} {
		b := newBench(t, keywordStream, fmt.Sprintf("pipeline: folded\nfrom: events\nkey: order\nartifact: {total: {sum: %q}}\n", sum))
		row := func(id string) string {
			return fmt.Sprintf(`'%s', 'k', 0.00, NULL, TIMESTAMP '2024-01-01', %d, %s`, id, 2147483647, large)
		}
		var many []string
		for i := range 5 {
			many = append(many, row(fmt.Sprint(i)))
		}
		if _, err := b.fold(many[:1]); err != nil {
			t.Errorf("sum of %s over one event: %v", sum, err)
		}
		if got, err := b.fold(many); err == nil {
			t.Errorf("sum of %s in one batch wrapped to %v", sum, got)
		}
		if got, err := b.fold(many[:1], many[1:2], many[2:3], many[3:4], many[4:]); err == nil {
			t.Errorf("sum of %s over batches wrapped to %v", sum, got)
		}
	}
}
