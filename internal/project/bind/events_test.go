// Pipelines over several streams and with SQL files: how they are read, and errors with file and line.

package bind

import (
	"reflect"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/projecttest"
)

const bankStream = `stream: bank
format: csv
id: [line_no]
columns:
  line_no: {type: bigint}
  reference: {type: string}
  amount: {type: "decimal(12,3)"}
  currency: {type: string}
  seq: {type: bigint}
  booked: {type: date}
totals:
  booked: {sum: amount}
  all: {sum: seq}
`

const bothPipeline = `pipeline: both
from: [payments, bank]
key: {payments: order_id, bank: reference}
artifact:
  n: {count: true, where: "stream = 'bank'"}
  last_one: {last: amount, by: [seq, stream]}
  lines: {list: [stream, event_id, line_no], by: seq}
`

func bothFiles(change ...string) map[string]string {
	files := map[string]string{
		"streams/payments.yaml": projecttest.Stream, "streams/bank.yaml": bankStream, "pipelines/both.yaml": bothPipeline,
	}
	for i := 0; i < len(change); i += 3 {
		files[change[i]] = strings.Replace(files[change[i]], change[i+1], change[i+2], 1)
	}
	return files
}

func TestEventsOfSeveralStreams(t *testing.T) {
	t.Parallel()
	p, errs := project.Read(projecttest.Folder(t, bothFiles()))
	projecttest.WantErrors(t, errs)
	projecttest.WantErrors(t, Check(t.Context(), p, fakeBinder{}))
	e := p.Events(p.Pipelines[0])
	var got []string
	for _, c := range e.Columns {
		text := c.Name + " " + c.Type.String()
		if c.Optional {
			text += " optional"
		}
		got = append(got, text)
	}
	want := []string{
		"stream string", "line_no bigint optional", "reference string optional", "amount decimal(19,3)", "currency string",
		"seq bigint optional", "booked date optional", "event_id string optional", "type string optional",
		"order_id string optional", "occurred_at timestamp optional", "big bigint optional", "note string optional", "raw json optional",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("columns\n%q, want\n%q", got, want)
	}
	ids := []project.IDColumn{
		{Name: "__id_0_bigint", Type: column.Type{Kind: column.BigInt}, Optional: true, Columns: map[string]string{"bank": "line_no"}},
		{Name: "__id_0_string", Type: column.Type{Kind: column.String}, Optional: true, Columns: map[string]string{"payments": "event_id"}},
	}
	if !reflect.DeepEqual(e.IDs, ids) {
		t.Errorf("ids %+v, want %+v", e.IDs, ids)
	}
	key := []project.KeyColumn{{
		Field: column.Field{Name: "order_id", Type: column.Type{Kind: column.String}, Required: true},
		Event: "__key_0", Parts: map[string]project.KeyPart{"payments": {SQL: `"order_id"`, Column: "order_id"}, "bank": {SQL: `"reference"`, Column: "reference"}},
	}}
	if !reflect.DeepEqual(e.Key, key) {
		t.Errorf("key %+v, want %+v", e.Key, key)
	}
}

// TestOneStreamInAList: the events have the stream's own columns, and the one with its name.
func TestOneStreamInAList(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"payments", "[payments]"} {
		p, errs := project.Read(projecttest.Folder(t, map[string]string{
			"streams/payments.yaml": projecttest.Stream,
			"pipelines/orders.yaml": strings.Replace(projecttest.Pipeline, "from: payments", "from: "+from, 1),
		}))
		projecttest.WantErrors(t, errs)
		e := p.Events(p.Pipelines[0])
		listed := from != "payments"
		if got := e.Column(project.StreamColumn) != nil; got != listed || e.Several() || len(e.IDs) != 1 || e.IDs[0].Name != "event_id" {
			t.Errorf("from %s: a column stream %v, ids %+v", from, got, e.IDs)
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	const pipeline, bank = "pipelines/both.yaml", "streams/bank.yaml"
	for _, c := range []struct{ file, from, to, want string }{
		{pipeline, "[payments, bank]", "[payments, bnak]", ":2: no stream `bnak`; did you mean `bank`?\n:3: unknown key `bank`; did you mean `bnak`?"},
		{pipeline, "[payments, bank]", "[payments, bank, bank]", ":2: `from` lists `bank` twice"},
		{pipeline, "from: [payments, bank]", "from:\n- payments\n- nosuch", ":4: no stream `nosuch`\n:5: unknown key `bank`\n:5: `key` has no `nosuch`"},
		{pipeline, ", bank: reference}", "}", ":3: `key` has no `bank`"},
		{pipeline, "bank: reference}", "bnk: reference}", ":3: unknown key `bnk`; did you mean `bank`?"},
		{pipeline, "key: {payments: order_id, bank: reference}", "key:\n  payments: order_id\n  bank: referense", ":5: no column `referense` in stream bank; did you mean `reference`?"},
		{pipeline, "key: {payments: order_id, bank: reference}", "key: order_id", ":3: no column `order_id` in stream bank"},
		{pipeline, "bank: reference}", "bank: [reference, currency]}", ":3: `bank` has 2 key columns and `payments` has 1"},
		{pipeline, "bank: reference}", "bank: line_no}", ":3: key columns must have one type: `order_id` is string in streams/payments.yaml:8 and `line_no` is bigint in streams/bank.yaml:5"},
		{pipeline, "{payments: order_id,", "{payments: raw,", ":3: `key` column `raw` is json: equal values can be written differently\n:3: key columns must have one type"},
		{bank, "currency: {type: string}", "currency: {type: int}", ":2: column `currency` is int in streams/bank.yaml:8 and string in streams/payments.yaml:10: columns of one name must have one type"},
		{bank, "decimal(12,3)", "decimal(38,30)", ":2: column `amount` is decimal(38,30) in streams/bank.yaml:7 and decimal(18,2) in streams/payments.yaml:9"},
		{bank, "booked: {type: date}", "stream: {type: string}", ":2: stream bank has a column `stream` of its own (streams/bank.yaml:10)"},
		{pipeline, "stream = 'bank'", "strem = 'bank'", ":5: `where` does not bind"},
		{pipeline, "event_id, line_no", "event_id, nosuch", ":7: no column `nosuch` in streams bank, payments"},
		{pipeline, "artifact:", "conserve: {booked: n}\nartifact:", ""},
		{pipeline, "artifact:", "conserve: {all: n}\nartifact:", ":4: total `all` has 2 decimals in streams/payments.yaml:18 and 0 in streams/bank.yaml:13"},
		{pipeline, "artifact:", "conserve: {amount: n}\nartifact:", ":4: total `amount` is summed by `currency`, which is not in the key"},
		{pipeline, "artifact:", "conserve: {boked: n}\nartifact:", ":4: no total `boked` in streams bank, payments; did you mean `booked`?"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			p, errs := project.Read(projecttest.Folder(t, bothFiles(c.file, c.from, c.to)))
			if len(errs) == 0 {
				errs = Check(t.Context(), p, fakeBinder{})
			}
			if c.want == "" {
				projecttest.WantErrors(t, errs)
				return
			}
			want := strings.Split(c.want, "\n")
			for i := range want {
				want[i] = pipeline + want[i]
			}
			projecttest.WantErrors(t, errs, want...)
		})
	}
}

// TestTotalsOfSeveralStreams add up only in the same groups.
func TestTotalsOfSeveralStreams(t *testing.T) {
	t.Parallel()
	keyed := []string{
		"pipelines/both.yaml", "key: {payments: order_id, bank: reference}", "key: {payments: [order_id, currency], bank: [reference, currency]}",
		"pipelines/both.yaml", "artifact:", "conserve: {amount: n}\nartifact:",
		"streams/bank.yaml", "decimal(12,3)", "decimal(12,2)",
	}
	for total, want := range map[string]string{
		"amount: {sum: amount, by: currency}":  "",
		"amount: {sum: amount}":                "pipelines/both.yaml:4: total `amount` is grouped otherwise in streams/payments.yaml:17 than in streams/bank.yaml:12",
		"amount: {sum: amount, by: reference}": "pipelines/both.yaml:4: total `amount` is grouped otherwise",
	} {
		p, errs := project.Read(projecttest.Folder(t, bothFiles(append(keyed, "streams/bank.yaml", "booked: {sum: amount}", total)...)))
		if len(errs) == 0 {
			errs = Check(t.Context(), p, fakeBinder{})
		}
		if want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		projecttest.WantErrors(t, errs, want)
	}
}

const sqlPipeline = `pipeline: both
from: payments
key: order_id
reduce: both.reduce.sql
merge: both.merge.sql
artifact:
  paid: {type: "decimal(38,2)"}
  tags: {type: json}
  double: {is: "paid * 2"}
`

func sqlFiles(change ...string) map[string]string {
	files := map[string]string{
		"streams/payments.yaml": projecttest.Stream, "pipelines/both.yaml": sqlPipeline,
		"pipelines/both.reduce.sql": "SELECT order_id string,\npaid decimal(38,2),\ntag string",
		"pipelines/both.merge.sql":  "SELECT order_id string,\npaid decimal(38,2),\ntags string",
	}
	for i := 0; i < len(change); i += 3 {
		files[change[i]] = strings.Replace(files[change[i]], change[i+1], change[i+2], 1)
	}
	return files
}

func TestSQLFiles(t *testing.T) {
	t.Parallel()
	p, errs := project.Read(projecttest.Folder(t, sqlFiles()))
	projecttest.WantErrors(t, errs)
	made, errs := Pipeline(t.Context(), p.Pipelines[0], p.Events(p.Pipelines[0]), fakeBinder{})
	projecttest.WantErrors(t, errs)
	delta := []column.Field{{Name: "paid", Type: column.Type{Kind: column.Decimal, Precision: 38, Scale: 2}}, {Name: "tag", Type: column.Type{Kind: column.String}}}
	if !reflect.DeepEqual(made.Delta, delta) || !reflect.DeepEqual(made.Order, []string{"double"}) {
		t.Errorf("got %+v", made)
	}
}

func TestBrokenSQLFiles(t *testing.T) {
	t.Parallel()
	const pipeline, reduce, merge = "pipelines/both.yaml", "pipelines/both.reduce.sql", "pipelines/both.merge.sql"
	for _, c := range []struct{ file, from, to, want string }{
		{pipeline, "reduce: both.reduce.sql\n", "", pipeline + ":4: `merge` needs `reduce` beside it"},
		{pipeline, "merge: both.merge.sql\n", "", pipeline + ":4: `reduce` needs `merge` beside it"},
		{pipeline, "reduce: both", "reduce: nosuch", pipeline + ":4: `reduce` is `nosuch.reduce.sql`: there is no such file"},
		{pipeline, "reduce: both", "reduce: ../streams/both", pipeline + ":4: `reduce` is `../streams/both.reduce.sql`: name a .sql file within pipelines/"},
		{pipeline, "reduce: both.reduce.sql", "reduce: /etc/passwd", pipeline + ":4: `reduce` is `/etc/passwd`: name a .sql file"},
		{pipeline, "paid: {type: \"decimal(38,2)\"}", "paid: {sum: amount}", pipeline + ":7: `paid` cannot be folded where SQL files make the columns"},
		{pipeline, "paid: {type: \"decimal(38,2)\"}", "paid: {type: money}", pipeline + ":7: unknown type \"money\""},
		{pipeline, "paid: {type: \"decimal(38,2)\"}", "paid: {type: string, by: seq}", pipeline + ":7: `by` belongs to first, last and list only"},
		{pipeline, "paid * 2", "piad * 2", pipeline + ":9: `is` does not bind"},
		{reduce, reduce, "", ""},
		{reduce, "paid decimal(38,2)", "paid money", reduce + ":2: cannot read"},
		{reduce, "order_id string", "order string", reduce + ":1: the SELECT does not give the key column `order_id`"},
		{reduce, "order_id string", "order_id int", reduce + ":1: column `order_id` is int, which does not fit string"},
		{reduce, "tag string", "_tag string", reduce + ":3: column `_tag`: names that begin with _"},
		{reduce, "tag string", "Paid string", reduce + ":3: column `Paid` is given twice"},
		{merge, "tags string", "tag string", merge + ":1: the SELECT does not give the column `tags`"},
		{merge, "tags string", "tags int", merge + ":3: column `tags` is int, which does not fit json"},
		{merge, "paid decimal(38,2)", "paid decimal(38,3)", merge + ":2: column `paid` is decimal(38,3), which does not fit decimal(38,2) exactly"},
		{merge, "paid decimal(38,2)", "paid decimal(38,2),\ndouble int", merge + ":3: column `double` is neither a key column nor declared with a `type`"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			p, errs := project.Read(projecttest.Folder(t, sqlFiles(c.file, c.from, c.to)))
			if len(errs) == 0 {
				errs = Check(t.Context(), p, fakeBinder{})
			}
			switch {
			case c.want == "":
				projecttest.WantErrors(t, errs)
			case len(errs) == 0 || !strings.HasPrefix(errs[0].Error(), c.want):
				t.Errorf("got errors %v, want %s", errs, c.want)
			}
		})
	}
}
