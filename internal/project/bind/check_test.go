// Tests of expressions bound to the columns of streams.

package bind

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/project/projecttest"
)

// checked checks a project after replacing one piece of the good stream or pipeline.
func checked(t *testing.T, from, to string) []doc.Error {
	t.Helper()
	if !strings.Contains(projecttest.Stream+projecttest.Pipeline, from) {
		t.Fatalf("nothing to replace: %s", from)
	}
	p, errs := project.Read(projecttest.Folder(t, map[string]string{
		"streams/payments.yaml": strings.Replace(projecttest.Stream, from, to, 1),
		"pipelines/orders.yaml": strings.Replace(projecttest.Pipeline, from, to, 1),
	}))
	if len(errs) > 0 {
		t.Fatalf("static errors: %v", errs)
	}
	return Check(t.Context(), p, fakeBinder{})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const stream, pipeline = "streams/payments.yaml:", "pipelines/orders.yaml:"
	raw, n := "raw: {type: json}", "n: {count: true}"
	for _, c := range []struct{ from, to, want string }{
		{n, n, ""},
		{raw, raw + "\n  net: {type: \"decimal(18,4)\", is: \"amount * 0.98\"}", ""},
		{raw, raw + "\n  net: {type: \"decimal(18,3)\", is: \"amount * 0.98\"}", stream + "16: `is` gives decimal(38,4), which does not fit decimal(18,3) exactly"},
		{raw, raw + "\n  net: {type: \"decimal(3,1)\", is: seq}", ""},
		{raw, raw + "\n  net: {type: bigint, is: seq}", ""},
		{raw, raw + "\n  net: {type: int, is: big}", stream + "16: `is` gives bigint, which does not fit int"},
		{raw, raw + "\n  net: {type: string, is: big}", stream + "16: `is` gives bigint, which does not fit string"},
		{raw, raw + "\n  net: {type: string, is: big2}", stream + "16: `is` does not bind: column \"big2\" not found LINE 1: big2 ^"},
		{raw, raw + "\n  net: {type: int, is: seq}\n  twice: {type: int, is: net}", stream + "17: `is` does not bind: column \"net\" not found"},
		{raw, raw + "\n  net: {type: timestamp, is: \"now()\"}", stream + "16: `is` does not bind: now() can change between calls"},
		{"all: {sum: amount}", "all: {sum: amount, where: \"big > 1\"}", ""},
		{"all: {sum: amount}", "all: {sum: amount, where: big}", stream + "18: `where` must be true or false; this is bigint"},
		{n, "n: {count: true, where: big}", pipeline + "6: `where` must be true or false; this is bigint"},
		{n, "n: {sum: note}", pipeline + "6: `sum` needs decimal, int or bigint; this is string"},
		{n, "n: {sum: \"nosuch + 1\"}", pipeline + "6: `sum` does not bind: column \"nosuch\" not found"},
		{n, "n: {max: raw}", pipeline + "6: `max` needs an order, but json has none"},
		{n, "n: {last: raw, by: seq}", ""},
		{n, "n: {is: \"shipped + nosuch\"}", pipeline + "6: `is` does not bind: column \"nosuch\" not found"},
		{n, "n: {is: amount}", pipeline + "6: `is` does not bind: column \"amount\" not found"},
		{n, "n: {is: n}", pipeline + "6: `is` columns are computed from one another in a cycle: n, n"},
		{n, "a: {is: b}\n  b: {is: \"c + balance\"}\n  c: {is: \"A\"}", pipeline + "6: `is` columns are computed from one another in a cycle: a, b, c, a"},
		{n, "a: {is: b}\n  b: {is: \"f(c) + 'a'\"}\n  c: {is: nosuch}", pipeline + "8: `is` does not bind: column \"nosuch\" not found"},
		{n, "a: {is: b}\n  b: {sum: note}", pipeline + "7: `sum` needs decimal, int or bigint; this is string"},
		{n, "n: {is: \"now()\"}", pipeline + "6: `is` does not bind: now() can change"},
		{"balance = 0", "balance = 0 AND last_at < now()", ""},
		{"balance = 0", "currency = 'USD'", ""},
		{"balance = 0", "balance", pipeline + "9: `where` must be true or false; this is decimal(38,2)"},
		{"balance = 0", "amount = 0", pipeline + "9: `where` does not bind: column \"amount\" not found"},
		{"since: last_at", "since: n", pipeline + "9: `since` must be a date or timestamp column; `n` is bigint"},
		{"  amount: shipped", "  amount: last_at", pipeline + "11: `conserve` compares decimal, int and bigint; this is timestamp"},
		{"  amount: shipped", "  amount: currency", pipeline + "11: `amount` does not bind: column \"currency\" not found"},
	} {
		errs := checked(t, c.from, c.to)
		if c.want == "" {
			projecttest.WantErrors(t, errs)
		} else {
			projecttest.WantErrors(t, errs, c.want)
		}
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	p, errs := project.Read(projecttest.Folder(t, map[string]string{"streams/payments.yaml": projecttest.Stream, "pipelines/orders.yaml": `pipeline: orders
from: payments
key: order_id
artifact:
  label: {is: "CASE WHEN twice > 0 THEN order_id END"}
  twice: {is: "total * 2"}
  total: {sum: amount}
  units: {sum: seq}
  cents: {sum: "amount * 0.001"}
  n: {count: true}
  first_at: {min: occurred_at}
  last_raw: {last: raw, by: [occurred_at, event_id]}
  lines: {list: [event_id, amount], by: occurred_at, keep: 5}
`}))
	projecttest.WantErrors(t, errs)
	made, errs := Pipeline(t.Context(), p.Pipelines[0], p.Events(p.Pipelines[0]), fakeBinder{})
	projecttest.WantErrors(t, errs)
	var got []string
	for _, n := range made.Types {
		got = append(got, n.Name+" "+n.Type.String())
	}
	want := []string{
		"label string", "twice decimal(38,2)", "total decimal(38,2)", "units bigint", "cents decimal(38,5)", "n bigint",
		"first_at timestamp", "last_raw json", "lines list(event_id string, amount decimal(18,2))",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !reflect.DeepEqual(made.Order, []string{"twice", "label"}) {
		t.Errorf("order is %q", made.Order)
	}
}

func TestCheckPassesOverBrokenFiles(t *testing.T) {
	t.Parallel()
	p, errs := project.Read(projecttest.Folder(t, map[string]string{
		"streams/payments.yaml": strings.Replace(projecttest.Stream, "amount: {type: \"decimal(18,2)\"}", "amount: {type: money}", 1),
		"pipelines/orders.yaml": projecttest.Pipeline,
	}))
	projecttest.WantErrors(t, errs, "streams/payments.yaml:9: unknown type \"money\"")
	projecttest.WantErrors(t, Check(t.Context(), p, refusingBinder{}))
}

type refusingBinder struct{}

func (refusingBinder) Bind(context.Context, []column.Field, string, column.Evaluation) (column.Type, error) {
	return column.Type{}, context.Canceled
}

func (refusingBinder) Analyze(context.Context, string) (column.Analysis, error) {
	return column.Analysis{}, context.Canceled
}

func (refusingBinder) Select(context.Context, map[string][]column.Field, string) ([]column.Field, []int, error) {
	return nil, nil, context.Canceled
}

func TestCheckWhatIsInitialized(t *testing.T) {
	t.Parallel()
	for _, example := range append(project.Examples(), "") {
		dir := filepath.Join(t.TempDir(), "books")
		if err := project.Init(dir, example); err != nil {
			t.Fatal(err)
		}
		p, errs := project.Read(dir)
		projecttest.WantErrors(t, append(errs, Check(t.Context(), p, fakeBinder{})...))
	}
}

func TestCheckSeveralStreams(t *testing.T) {
	t.Parallel()
	p, errs := project.Read(projecttest.Folder(t, map[string]string{
		"streams/payments.yaml": projecttest.Stream,
		"streams/bank.yaml":     strings.Replace(projecttest.Stream, "stream: payments", "stream: bank", 1),
		"pipelines/orders.yaml": projecttest.Pipeline,
	}))
	projecttest.WantErrors(t, append(errs, Check(t.Context(), p, fakeBinder{})...))
}

// FuzzCheck passes whatever is read to Check, which must not panic.
func FuzzCheck(f *testing.F) {
	f.Add(projecttest.Stream, projecttest.Pipeline)
	f.Add(projecttest.Stream, "from: payments\nkey: [currency]\nartifact: {a: {is: b}, b: {is: a + c}, c: {list: [raw], by: seq}}")
	f.Add(projecttest.Stream, "pipeline: orders\nfrom: [payments]\nkey: currency\nartifact: {a: {sum: 1.5}}\nconserve: {all: a}")
	f.Add("? [a]\n: b\n<<: {a: 1}\nid: [1, ~, x]\ntotals: {a: {sum: b}}", projecttest.Pipeline)
	f.Fuzz(func(t *testing.T, stream, pipeline string) {
		p, _ := project.Read(projecttest.Folder(t, map[string]string{"streams/payments.yaml": stream, "pipelines/orders.yaml": pipeline}))
		Check(t.Context(), p, fakeBinder{})
	})
}
