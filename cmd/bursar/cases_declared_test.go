// Declarations that could give zeros, mixed sums or shifted days without a word, through the command line.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// declaredCase makes a project of the declarations of a case.
func declaredCase(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	file(t, dir, "bursar.yaml", "")
	for _, path := range caseFiles(t, name, ".yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"stream", "pipeline"} {
			if strings.HasSuffix(path, "."+kind+".yaml") {
				_, declares, _ := strings.Cut("\n"+string(text), "\n"+kind+": ")
				name, _, _ := strings.Cut(declares, "\n")
				file(t, dir, kind+"s/"+name+".yaml", string(text))
			}
		}
	}
	return dir
}

// rewrite replaces a text of a file that has it.
func rewrite(t *testing.T, dir, name, old, text string) {
	t.Helper()
	was, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil || !strings.Contains(string(was), old) {
		t.Fatalf("no %q in %s: %s %v", old, name, was, err)
	}
	file(t, dir, name, strings.Replace(string(was), old, text, 1))
}

// exported is what a pipeline exports.
func exported(t *testing.T, dir, pipeline string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.jsonl")
	must(t, 0, "export", pipeline, "--to", path, "--project", dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A sum of two currencies is refused with its ways out, each of which is right. Results that an earlier version made stay readable.
func TestTwoCurrenciesInOneSum(t *testing.T) {
	t.Parallel()
	dir := declaredCase(t, "14-")
	events := caseFiles(t, "14-", ".jsonl")[0]
	refused := func(args ...string) {
		t.Helper()
		got := must(t, 2, append(args, "--project", dir)...)
		if printed := got.out + got.err; !strings.Contains(printed, "pipelines/mix.yaml:5: `sum` adds up amounts of every currency, which total `amount` of stream pay keeps apart") ||
			!strings.Contains(printed, "add currency to the key, take one value of it (`where: \"currency = 'EUR'\"`), or write `mixed: ok`") {
			t.Errorf("%v says %s", args, printed)
		}
	}
	refused("check")
	must(t, 0, "ingest", "pay", events, "--project", dir)
	refused("run")
	rewrite(t, dir, "pipelines/mix.yaml", "{sum: amount}", "{sum: amount, mixed: ok}")
	must(t, 0, "check", "--project", dir)
	must(t, 0, "run", "--project", dir)
	mixed := exported(t, dir, "mix")
	rewrite(t, dir, "pipelines/mix.yaml", "{sum: amount, mixed: ok}", "{sum: amount}")
	for _, command := range []string{"run", "rebuild mix", "up"} {
		refused(strings.Fields(command)...)
	}
	for _, command := range []string{"verify", "verify mix", "status", "get mix o1", "trace mix o1", "quarantine", "ingest pay " + events} {
		must(t, 0, append(strings.Fields(command), "--project", dir)...)
	}
	if got := exported(t, dir, "mix"); got != mixed || !strings.Contains(got, `"paid":"200.00"`) {
		t.Errorf("exported are\n%s\nand before\n%s", got, mixed)
	}
	rewrite(t, dir, "pipelines/mix.yaml", "{sum: amount}", `{sum: amount, where: "currency = 'EUR'"}`)
	must(t, 0, "rebuild", "mix", "--project", dir)
	if got := exported(t, dir, "mix"); !strings.Contains(got, `"paid":"100.00","n":2`) {
		t.Errorf("of euros are exported %s", got)
	}
	rewrite(t, dir, "pipelines/mix.yaml", "{sum: amount, where: \"currency = 'EUR'\"}", "{sum: amount}")
	rewrite(t, dir, "pipelines/mix.yaml", "key: order_id", "key: [order_id, currency]")
	must(t, 0, "rebuild", "mix", "--project", dir)
	if got := exported(t, dir, "mix"); strings.Count(got, `"paid":"100.00"`) != 2 {
		t.Errorf("by currency are exported %s", got)
	}
}

// A literal that its column never has is refused, in its fold, in a control total and among the exceptions.
func TestLiteralsThatNothingHas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, 0, "init", dir)
	for _, c := range []struct{ name, old, text, want string }{
		{"pipelines/orders.yaml", "type = 'payment'", "type = 'paymant'", "never is: `in` (streams/payments.yaml:12) has shipment, payment, refund; did you mean `payment`?"},
		{"pipelines/orders.yaml", "type = 'payment'", "type IN ('payment', 'chargeback')", "`type` with 'chargeback'"},
		{"pipelines/orders.yaml", "type = 'payment'", "'Payment' = type", "did you mean `payment`?"},
		{"pipelines/orders.yaml", "type = 'payment'", "type IN ['payments']", "did you mean `payment`?"},
		{"pipelines/orders.yaml", "type = 'payment'", "NOT type = 'payed'", "`type` with 'payed'"},
		{"pipelines/orders.yaml", "type = 'payment'", "type = NULL", "compares `type` with NULL, which is never true"},
		{"pipelines/orders.yaml", "type = 'payment'", "TYPE = 'payed'", "with 'payed'"},
		{"pipelines/orders.yaml", "status = 'open'", "last_type = 'opened'", "`last_type` with 'opened'"},
		{"pipelines/orders.yaml", "status = 'open'", "currency <> 'usd'", "did you mean `USD`?"},
		{"streams/payments.yaml", "by: currency}", "by: currency, where: \"type = 'cash'\"}", "streams/payments.yaml:22: `where` compares `type` with 'cash'"},
	} {
		rewrite(t, dir, c.name, c.old, c.text)
		if got := must(t, 2, "check", "--project", dir); !strings.Contains(got.out, c.want) || strings.Count(got.out, "\n") > 1 {
			t.Errorf("%s: check says %s", c.text, got.out)
		}
		rewrite(t, dir, c.name, c.text, c.old)
	}
	must(t, 0, "check", "--project", dir)
}

// A declared column that a file lacks is refused by name, whatever the format, and columns that are not declared are listed.
func TestColumnsThatAFileLacks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: csv\nid: id\ncolumns:\n  id: {type: string}\n  fee: {type: \"decimal(9,2)\", from: Fee, optional: true}\n")
	in := func(code int, name, text string) outcome {
		return must(t, code, "ingest", "sales", file(t, dir, name, text), "--project", dir)
	}
	if got := in(1, "a.csv", "id,Fees\n1,2.00\n"); !strings.Contains(got.err, "no header \"Fee\" for column fee; the header is \"id,Fees\"; did you mean `Fees`?") {
		t.Errorf("a misspelt header: %s", got.err)
	}
	if got := in(1, "b.csv", "id\n1\n"); !strings.Contains(got.err, "declare `absent: ok`") {
		t.Errorf("a missing header: %s", got.err)
	}
	rewrite(t, dir, "streams/sales.yaml", "optional: true", "optional: true, absent: ok")
	if got := in(0, "b.csv", "id,day,other\n1,2,3\n2,2,3\n"); strings.Count(got.out, "b.csv: columns not declared and left out: day, other\n") != 1 || strings.Contains(got.out, "properties") {
		t.Errorf("undeclared columns: %s", got.out)
	}
	for _, c := range []struct{ old, text, want string }{
		{"absent: ok", "absent: true", "`absent` can only be ok"},
		{"optional: true, absent: ok", "absent: ok", "`absent` needs `optional: true`"},
		{"format: csv", "format: jsonl", "`absent` belongs to parquet files"},
	} {
		rewrite(t, dir, "streams/sales.yaml", c.old, c.text)
		if got := must(t, 2, "check", "--project", dir); !strings.Contains(got.out, c.want) {
			t.Errorf("%s: %s", c.text, got.out)
		}
		rewrite(t, dir, "streams/sales.yaml", c.text, c.old)
	}
}

// Expressions are never a format: a percent sign in a computed column, in a condition of a control total and in a fold is what
// it is in SQL.
func TestPercentInExpressions(t *testing.T) {
	t.Parallel()
	dir := declaredCase(t, "12-")
	rewrite(t, dir, "streams/lk.yaml", "totals:\n", "  year:     {type: string, is: \"strftime(day, '%Y')\"}\n  odd:      {type: bool, is: \"amount % 2 = 1\"}\n"+
		"totals:\n  invoiced: {sum: amount, by: currency, where: \"note LIKE '%7' AND note LIKE '%s%' IS FALSE\"}\n")
	file(t, dir, "pipelines/notes.yaml", "pipeline: notes\nfrom: lk\nkey: [id, currency]\nartifact:\n"+
		"  invoices: {count: true, where: \"note LIKE 'INV%' AND invoice\"}\n  rest: {sum: \"amount % 2\"}\n  year: {max: year}\n  odd: {max: odd}\n")
	must(t, 0, "check", "--project", dir)
	got := value(t, must(t, 0, "ingest", "lk", caseFiles(t, "12-", ".jsonl")[0], "--project", dir, "--json"))
	if sum := object(t, object(t, got["totals"])["invoiced"])["EUR"]; got["accepted"] != 2.0 || sum != "1.00" {
		t.Errorf("ingest says %v", got)
	}
	must(t, 0, "run", "--project", dir)
	if got := exported(t, dir, "notes"); got != `{"key":["a","EUR"],"artifact":{"invoices":1,"rest":"1.00","year":"2024","odd":true}}`+"\n"+
		`{"key":["b","EUR"],"artifact":{"invoices":0,"rest":"0.00","year":"2024","odd":false}}`+"\n" {
		t.Errorf("exported are\n%s", got)
	}
	must(t, 0, "verify", "--project", dir)
}

// Binary floating point in a Parquet file is the file's fault, and the message says what to write.
func TestDoubleAmount(t *testing.T) {
	t.Parallel()
	dir := declaredCase(t, "32-")
	got := must(t, 1, "ingest", "pq", caseFiles(t, "32-", ".parquet")[0], "--project", dir)
	if !strings.Contains(got.err, "column amount is DOUBLE; write it as DECIMAL or string") || strings.Contains(got.err, "bug") {
		t.Errorf("ingest says %s", got.err)
	}
}

// A timestamp is an instant: the local day of a zone is the day that it is there, in computed columns, folds and `is` columns.
func TestLocalDay(t *testing.T) {
	t.Parallel()
	dir := declaredCase(t, "15-")
	rewrite(t, dir, "pipelines/tzp.yaml", "  n: {count: true}\n", `  n: {count: true}
  early: {count: true, where: "extract(hour FROM occurred AT TIME ZONE 'Europe/Berlin') < 1"}
  local: {max: "CAST(occurred AT TIME ZONE 'America/New_York' AS DATE)"}
  at: {max: occurred}
  tokyo: {is: "extract(hour FROM at AT TIME ZONE 'Asia/Tokyo')"}
`)
	must(t, 0, "check", "--project", dir)
	must(t, 0, "ingest", "tz", caseFiles(t, "15-", ".jsonl")[0], "--project", dir)
	must(t, 0, "run", "--project", dir)
	want := `{"key":["2024-03-30","EUR"],"artifact":{"paid":"100.00","n":1,"early":0,"local":"2024-03-30","at":"2024-03-30T22:30:00Z","tokyo":7}}
{"key":["2024-03-31","EUR"],"artifact":{"paid":"50.00","n":1,"early":1,"local":"2024-03-30","at":"2024-03-30T23:30:00Z","tokyo":8}}
{"key":["2024-04-01","EUR"],"artifact":{"paid":"25.00","n":1,"early":1,"local":"2024-03-31","at":"2024-03-31T22:30:00Z","tokyo":7}}
`
	if got := exported(t, dir, "tzp"); got != want {
		t.Errorf("exported are\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
	rewrite(t, dir, "pipelines/tzp.yaml", `"n > 1"`, `"CAST(at AT TIME ZONE 'Europe/Berlin' AS DATE) = DATE '2024-03-31'"`)
	if got := must(t, 0, "exceptions", "tzp", "--project", dir); !strings.Contains(got.out, "50.00") || strings.Contains(got.out, "25.00") {
		t.Errorf("exceptions are %s", got.out)
	}
}

// An earlier version took timestamps for local times where a time zone is applied. Its project opens, and says what to rebuild;
// the rebuilt artifacts are right, also those of a computed column of events that it sealed.
func TestEarlierLocalDays(t *testing.T) {
	t.Parallel()
	dir := earlier(t, "zones.tar.gz", "zones")
	for _, command := range []string{"check", "status"} {
		must(t, 0, command, "--project", dir)
	}
	for pipeline, changed := range map[string]string{"tzp": "(column tz.day)", "zoned": "(artifact.later, artifact.local, column tz.day)"} {
		if got := must(t, 1, "run", pipeline, "--project", dir); !strings.Contains(got.err, changed) || !strings.Contains(got.err, "bursar rebuild "+pipeline) {
			t.Errorf("run %s says %s", pipeline, got.err)
		}
		must(t, 0, "rebuild", pipeline, "--project", dir)
	}
	must(t, 0, "verify", "--project", dir)
	for day, paid := range map[string]string{"2024-03-30": "100.00", "2024-03-31": "50.00", "2024-04-01": "25.00"} {
		if got := must(t, 0, "get", "tzp", day, "EUR", "--project", dir, "--json"); !strings.Contains(got.out, paid) {
			t.Errorf("of %s: %s", day, got.out)
		}
	}
}

// Each run says how many events gave each fold a value, and a fold that got none of many is a warning in run and status.
func TestFoldsWithoutValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n  shop: {type: string}\n  n: {type: int}\n  note: {type: string, optional: true}\n")
	file(t, dir, "pipelines/shops.yaml", "pipeline: shops\nfrom: sales\nkey: shop\npartitions: 2\nartifact:\n  sold: {sum: n}\n  odd: {count: true, where: \"n % 2 = 1\"}\n"+
		"  returned: {sum: n, where: \"note = 'retuned'\"}\n  noted: {last: note, by: id}\n  twice: {is: \"sold * 2\"}\n")
	sales := func(name string, from, to int, note string) {
		var text strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&text, `{"id":"%d","shop":"s%d","n":%d%s}`+"\n", i, i%7, i, note)
		}
		must(t, 0, "ingest", "sales", file(t, dir, name, text.String()), "--project", dir)
	}
	sales("few.jsonl", 0, 50, "")
	if got := must(t, 0, "run", "--project", dir); strings.Contains(got.out, "warning") {
		t.Errorf("of 50 events: %s", got.out)
	}
	sales("more.jsonl", 50, 200, "")
	run := value(t, must(t, 0, "run", "--project", dir, "--json"))
	values := object(t, item(t, run, "runs", 0)["values"])
	if values["sold"] != 150.0 || values["odd"] != 75.0 || values["returned"] != 0.0 || values["noted"] != 0.0 || len(values) != 4 {
		t.Errorf("values are %v", values)
	}
	want := []string{"shops: none of 150 events gave returned a value", "shops: none of 150 events gave noted a value"}
	for i, w := range listIn(t, run, "warnings") {
		if text, _ := w.(string); !strings.HasPrefix(text, want[i]) {
			t.Errorf("warning %v, want %s", w, want[i])
		}
	}
	sales("noted.jsonl", 200, 220, `,"note":"x"`)
	must(t, 0, "run", "--project", dir)
	got := must(t, 0, "status", "--project", dir).out
	if !strings.Contains(got, "warning: shops: none of 220 events gave returned a value") || strings.Contains(got, "noted") {
		t.Errorf("status says %s", got)
	}
}

// TestNoSuchEventsYet: a fold whose condition names only declared values is no warning before such an event has come, and one
// whose column is null in those that came is.
func TestNoSuchEventsYet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n  shop: {type: string}\n"+
		"  type: {type: string, in: [sale, refund, fee]}\n  n: {type: int}\n  rate: {type: int, optional: true}\n")
	file(t, dir, "pipelines/shops.yaml", "pipeline: shops\nfrom: sales\nkey: shop\nartifact:\n  sold: {sum: n, where: \"type = 'sale'\"}\n"+
		"  refunded: {sum: n, where: \"type = 'refund'\"}\n  rated: {sum: rate, where: \"type IN ('sale', 'fee')\"}\n")
	var text strings.Builder
	for i := range 120 {
		fmt.Fprintf(&text, `{"id":"%d","shop":"s","type":"sale","n":1}`+"\n", i)
	}
	must(t, 0, "ingest", "sales", file(t, dir, "sales.jsonl", text.String()), "--project", dir)
	for _, command := range []string{"run", "status"} {
		got := must(t, 0, command, "--project", dir).out
		if !strings.Contains(got, "none of 120 events gave rated a value") || strings.Contains(got, "refunded a value") {
			t.Errorf("%s prints %s", command, got)
		}
	}
}

// TestNoEventsOfTheOtherStreamYet: a fold of a column that only one of the streams has is no warning before an event of that stream
// has come.
func TestNoEventsOfTheOtherStreamYet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/rentals.yaml", "stream: rentals\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n  film: {type: string, optional: true}\n")
	file(t, dir, "streams/payments.yaml", "stream: payments\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n  amount: {type: int, optional: true}\n")
	file(t, dir, "pipelines/both.yaml", "pipeline: both\nfrom: [rentals, payments]\nkey: id\nartifact:\n  paid: {sum: amount}\n  rented: {max: film}\n")
	var text strings.Builder
	for i := range 120 {
		fmt.Fprintf(&text, `{"id":"%d"}`+"\n", i)
	}
	rows := file(t, dir, "rows.jsonl", text.String())
	for _, stream := range []string{"rentals", "payments"} {
		must(t, 0, "ingest", stream, rows, "--project", dir)
		got := must(t, 0, "run", "--project", dir).out
		if !strings.Contains(got, "gave rented a value") && stream == "rentals" || strings.Contains(got, "gave paid a value") != (stream == "payments") {
			t.Errorf("after %s, run prints %s", stream, got)
		}
	}
}
