// Tests of pipeline declarations.

package project

import (
	"reflect"
	"strings"
	"testing"

	"bursar/internal/project/doc"
	"bursar/internal/project/projecttest"
)

func goodProject(t testing.TB) *Project {
	s, errs := parseStream("streams/payments.yaml", []byte(projecttest.Stream))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return &Project{Streams: []*Stream{s}}
}

func TestGoodPipeline(t *testing.T) {
	t.Parallel()
	p, errs := parsePipeline("pipelines/orders.yaml", []byte(projecttest.Pipeline), goodProject(t))
	projecttest.WantErrors(t, errs)
	p.lines = nil
	want := &Pipeline{
		Name: "orders", File: "pipelines/orders.yaml", Line: 1, From: []string{"payments"}, Key: []string{"order_id", "currency"},
		Artifact: []Fold{
			{Name: "shipped", Line: 5, Kind: Sum, Expr: "amount", Where: "type = 'shipment'"},
			{Name: "n", Line: 6, Kind: Count},
			{Name: "last_at", Line: 7, Kind: Max, Expr: "occurred_at"},
			{Name: "balance", Line: 8, Kind: Is, Expr: "shipped * 2"},
		},
		Exceptions: Exceptions{Where: "balance = 0", Since: "last_at", Line: 9},
		Conserve:   []Conserve{{Total: "amount", Expr: "shipped", Line: 11}},
		Backlog:    Backlog{MaxBatches: 64, MaxEvents: 5_000_000},
		Partitions: 1,
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v\nwant %+v", p, want)
	}
}

func TestFoldSQL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    Fold
		want string
	}{
		{Fold{Kind: Sum, Expr: "order"}, `"order"`},
		{Fold{Kind: Sum, Expr: "amount * 2"}, "amount * 2"},
		{Fold{Kind: Is, Expr: "true"}, "true"},
	} {
		if got := c.f.SQL(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestBrokenPipeline replaces one piece of a good pipeline and lists the expected error.
func TestBrokenPipeline(t *testing.T) {
	t.Parallel()
	project := goodProject(t)
	for _, c := range []struct{ from, to, want string }{
		{"pipeline: orders", "pipeline: order", "1: `pipeline` is `order` but the file is named orders.yaml"},
		{"from: payments", "from: payment", "2: no stream `payment`; did you mean `payments`?"},
		{"from: payments", "from: [payments, bank]", "2: no stream `bank`"},
		{"from: payments\n", "", "1: the file has no `from`"},
		{"key: [order_id, currency]", "key: {payment: [order_id, currency]}", "3: unknown key `payment`; did you mean `payments`?"},
		{"key: [order_id, currency]", "key: {payments: [order_id, nosuch, currency]}", "3: no column `nosuch`"},
		{"key: [order_id, currency]", "key:\n- order_id\n- currncy\n- currency", "5: no column `currncy`"},
		{"key: [order_id, currency]", "key: [currency, raw]", "3: `key` column `raw` is json"},
		{"key: [order_id, currency]", "key: order_id", "11: total `amount` is summed by `currency`, which is not in the key"},
		{"artifact:\n", "partitions: 0\nartifact:\n", "4: `partitions` must be a whole number from 1"},
		{"artifact:\n", "artefact:\n", "4: unknown key `artefact`; did you mean `artifact`?"},
		{"n: {count: true}", "n: {type: int}", "6: `type` belongs to columns that SQL files make: declare `reduce` and `merge`"},
		{"n: {count: true}", "n: {count: false}", "6: `count` must be true"},
		{"n: {count: true}", "n: {count: all}", "6: `count` must be true or false"},
		{"n: {count: true}", "n: {count: true, sum: big}", "6: `sum` cannot be combined with `count`: a column is made in one way"},
		{"n: {count: true}", "n: {}", "6: `artifact.n` has no fold: use one of count, sum"},
		{"n: {count: true}", "n: {cout: true}", "6: unknown key `cout`; did you mean `count`?"},
		{"n: {count: true}", "n: count", "6: `artifact.n` must be a mapping"},
		{"n: {count: true}", "n: {sum: bgi}", "6: no column `bgi` in stream payments; did you mean `big`?"},
		{"n: {count: true}", "n: {sum: }", "6: `sum` is empty"},
		{"n: {count: true}", "n: {sum: [big]}", "6: `sum` must be one SQL expression"},
		{"n: {count: true}", "n: {count: true, by: seq}", "6: `by` belongs to first, last and list only"},
		{"n: {count: true}", "n: {count: true, keep: 3}", "6: `keep` belongs to list only"},
		{"n: {count: true}", "n: {last: seq}", "6: `artifact.n` has no `by`"},
		{"n: {count: true}", "n: {list: [seq]}", "6: `artifact.n` has no `by`"},
		{"n: {count: true}", "n: {first: seq, by: occured_at}", "6: no column `occured_at` in stream payments; did you mean `occurred_at`?"},
		{"n: {count: true}", "n: {first: seq, by: raw}", "6: `by` column `raw` is json, which has no order"},
		{"n: {count: true}", "n: {list: [seq, sequ], by: seq}", "6: no column `sequ`"},
		{"n: {count: true}", "n: {list: seq, by: seq, keep: 0}", "6: `keep` must be a whole number from 1"},
		{"n: {count: true}", "n: {is: \"1\", where: x}", "6: `where` cannot be combined with `is`"},
		{"n: {count: true}", "currency: {count: true}", "6: artifact column `currency` is a key column already"},
		{"n: {count: true}", "shipped: {count: true}", "6: key `shipped` is given twice"},
		{"n: {count: true}", "N: {count: true}", "6: `N` is not a valid name"},
		{"conserve:", "show: [order_id, n, balanc]\nconserve:", "10: no key or artifact column `balanc`; did you mean `balance`?"},
		{"since: last_at", "since: last", "9: no artifact column `last`"},
		{"{where: \"balance = 0\", since", "{since", "9: `exceptions` has no `where`"},
		{"  amount: shipped", "  amuont: shipped", "11: no total `amuont` in stream payments; did you mean `amount`?"},
		{"  amount: shipped", "  amount:", "11: `amount` is empty"},
		{"conserve:\n  amount: shipped", "conserve: {}", "10: `conserve` is empty"},
		{"conserve:", "backlog: {max_batches: 0}\nconserve:", "10: `max_batches` must be a whole number from 1"},
		{"conserve:", "backlog: {max_events: 5e6}\nconserve:", "10: `max_events` must be a whole number from 1"},
	} {
		_, errs := parsePipeline("pipelines/orders.yaml", []byte(strings.Replace(projecttest.Pipeline, c.from, c.to, 1)), project)
		t.Run(c.want, func(t *testing.T) { projecttest.WantErrors(t, errs, "pipelines/orders.yaml:"+c.want) })
	}
}

func FuzzPipelineYAML(f *testing.F) {
	project := goodProject(f)
	f.Add([]byte(projecttest.Pipeline))
	f.Add([]byte("from: payments\nkey: [currency]\nartifact: {a: {is: b}, b: {is: a + c}, c: {list: [raw], by: seq}}"))
	f.Add([]byte("pipeline: orders\nfrom: [payments]\nkey: currency\nartifact: {a: {sum: 1.5}}\nconserve: {all: a}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, errs := parsePipeline("pipelines/orders.yaml", data, project)
		if len(errs) > doc.MaxErrors+1 {
			t.Fatalf("%d errors", len(errs))
		}
		for _, e := range errs {
			if e.Line < 1 || e.File == "" || e.Message == "" {
				t.Fatalf("bad error %+v", e)
			}
		}
		if len(errs) == 0 && (len(p.Key) == 0 || len(p.Artifact) == 0 || len(p.From) != 1 || p.From[0] != "payments") {
			t.Fatalf("accepted an unusable pipeline: %q", data)
		}
	})
}
