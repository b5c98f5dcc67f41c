// Formats of rows through the command line: files, standard output and terminals.

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/event/live/spool"
)

// onTerminal carries out a command line on a terminal of the given width.
func onTerminal(t *testing.T, columns int, args ...string) string {
	t.Helper()
	var out, err bytes.Buffer
	if code := newCLI(remoteTerminal{&out, columns}, &err).execute(t.Context(), args); code != 0 {
		t.Fatalf("bursar %s: exit code %d: %s", strings.Join(args, " "), code, err.String())
	}
	return out.String()
}

const (
	salesColumns = `
id: id
time: day
columns:
  id:       {type: string}
  day:      {type: date}
  currency: {type: string}
  amount:   {type: "decimal(23,5)"}
  note:     {type: string, optional: true}
totals:
  amount: {sum: amount, by: currency}
`
	salesPipeline = `
pipeline: books
from: sales
key: [id, currency]
artifact:
  total:  {sum: amount}
  last:   {max: day}
  note:   {last: note, by: day}
  lines:  {list: [amount, note], by: day}
exceptions: {where: "total <> 0", since: last}
`
	salesRows = `{"id":"a","day":"2026-01-05","currency":"EUR","amount":"29194819.2","note":"he said \"no, thanks\"\nand left"}
{"id":"b","day":"2026-01-06","currency":"EUR","amount":"-0.00001","note":"=SUM(A1)"}
{"id":"c","day":"2026-01-07","currency":"JPY","amount":"123456789012345678","note":""}
{"id":"d","day":"2026-01-08","currency":"BHD","amount":"1234.5"}
{"id":"e","day":"2026-01-09","currency":"EUR","amount":"0.00001"}
`
)

// salesBooks is a project with artifacts of several currencies.
func salesBooks(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sales")
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl"+salesColumns)
	file(t, dir, "pipelines/books.yaml", salesPipeline)
	must(t, 0, "ingest", "--project", dir, "sales", file(t, dir, "sales.jsonl", salesRows))
	must(t, 0, "run", "--project", dir)
	return dir
}

// TestExportedFilesAreExact reads exported files back as events: every value and control total is that of the events.
func TestExportedFilesAreExact(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	columns := "columns:\n  id: {type: string}\n  currency: {type: string}\n  total: {type: \"decimal(38,5)\"}\n  last: {type: date}\n" +
		"  note: {type: string, optional: true}\ntotals:\n  total: {sum: total, by: currency}\n"
	for _, format := range fileFormats {
		to := filepath.Join(t.TempDir(), "books."+format)
		written := value(t, must(t, 0, "export", "books", "--to", to, "--project", dir, "--json"))
		again := value(t, must(t, 0, "export", "books", "--to", to, "--project", dir, "--json"))
		if written["rows"] != 5.0 || written["digest"] != again["digest"] {
			t.Errorf("%s: %v and %v", format, written, again)
		}
		if format == jsonFormat {
			continue
		}
		other := t.TempDir()
		file(t, other, "bursar.yaml", "")
		file(t, other, "streams/back.yaml", "stream: back\nformat: "+format+"\nid: [id, currency]\ntime: last\n"+columns)
		read := value(t, must(t, 0, "ingest", "back", to, "--project", other, "--json"))
		totals := fmt.Sprint(object(t, object(t, read["totals"])["total"]))
		if want := "map[BHD:1234.50000 EUR:29194819.20000 JPY:123456789012345678.00000]"; totals != want || read["accepted"] != 5.0 {
			t.Errorf("%s: totals %s, want %s, of %v", format, totals, want, read)
		}
	}
	csv := must(t, 0, "export", "books", "--to", "-", "--format", "csv", "--columns", "id,note,total", "--project", dir).out
	want := "id,note,total\na,\"he said \"\"no, thanks\"\"\nand left\",29194819.20000\nb,=SUM(A1),-0.00001\nc,,123456789012345678.00000\nd,,1234.50000\ne,,0.00001\n"
	if csv != want {
		t.Errorf("csv is\n%s, want\n%s", csv, want)
	}
}

// TestUnknownFormats are refused before anything is written.
func TestUnknownFormats(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	for _, c := range []struct{ args, want string }{
		{"export books --to out.xlsx", "out.xlsx: unknown format: name the file .csv, .jsonl or .parquet"},
		{"export books --to out", "unknown format"},
		{"export books --to out.csv --format parquet", "different formats"},
		{"export books --to - --format table", "use csv, jsonl, parquet"},
		{"export books --to out.csv --format yaml", "different formats"},
		{"export books --to out.csv --columns id,totl", "unknown column totl: use id, currency, total"},
		{"export books --to out.jsonl --columns id", "--columns cannot be combined with jsonl"},
		{"export books --to out.csv --columns id,total,id", "column id is named twice"},
		{"exceptions books --format yaml", "use table, vertical, csv, jsonl, parquet"},
		{"exceptions books --json --format csv", "--json cannot be combined with --format"},
		{"exceptions books --limit -1", "not negative"},
		{"exceptions books --sort totl", "unknown column totl"},
		{"status --format xml", "unknown format"},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "out", filepath.Join(dir, "out")))
		if got := must(t, 2, append(args, "--project", dir)...); !strings.Contains(got.err, c.want) || got.out != "" {
			t.Errorf("%s prints %q and %s, want %q", c.args, got.out, got.err, c.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "out*")); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

// TestTerminalTables: a table fits its terminal and says what it hides; amounts have the decimals of their currency, and are grouped
// on a terminal only.
func TestTerminalTables(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	at := func(args ...string) []string { return append(args, "--project", dir) }
	text := onTerminal(t, 60, at("exceptions", "books")...)
	for _, want := range []string{"hidden: ", "use --columns or --format vertical", "5 exceptions in books", "sum (EUR): total 29,194,819.20", "sum (JPY): total 123,456,789,012,345,678\n", "sum (BHD): total 1,234.500"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, "│") && len([]rune(line)) > 60 {
			t.Errorf("a line is wider than the terminal: %s", line)
		}
	}
	file(t, dir, "pipelines/books.yaml", salesPipeline+"show: [id, total, note]\n")
	text = onTerminal(t, 90, at("exceptions", "books")...)
	for _, want := range []string{"│ id │", " 29,194,819.20 │ he said", " -0.00001 │", "4 columns hidden: currency, last, age_days, lines"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := onTerminal(t, 90, at("exceptions", "books", "--columns", "lines,id")...); !strings.Contains(text, "│ lines  │ id │") || strings.Contains(text, "hidden") {
		t.Errorf("--columns shows\n%s", text)
	}
	if text := onTerminal(t, 90, at("get", "books", "a", "EUR")...); !strings.Contains(text, "│ total  │ 29,194,819.20 ") {
		t.Errorf("get shows\n%s", text)
	}
	if got := must(t, 0, at("exceptions", "books")...).out; !strings.Contains(got, "29194819.20000") || strings.Contains(got, "hidden") {
		t.Errorf("a pipe gets\n%s", got)
	}
	if s := item(t, value(t, must(t, 0, at("status", "--json")...)), "pipelines", 0); s["changed"] != nil {
		t.Errorf("another show needs a rebuild: %v", s)
	}
}

// TestExceptionSumsByCurrency: without a control total by currency, the sums below the table are still those of one currency each.
func TestExceptionSumsByCurrency(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sales")
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl"+strings.ReplaceAll(salesColumns, ", by: currency", ""))
	file(t, dir, "pipelines/books.yaml", salesPipeline)
	must(t, 0, "ingest", "--project", dir, "sales", file(t, dir, "sales.jsonl", salesRows))
	must(t, 0, "run", "--project", dir)
	text := must(t, 0, "exceptions", "books", "--project", dir).out
	for _, want := range []string{"sum (BHD): total 1234.50000\n", "sum (EUR): total 29194819.20000\n", "sum (JPY): total 123456789012345678.00000\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestExceptionSumsThatSurprise: amounts without a currency are not taken for the sum of all, and a sum that is too long is named.
func TestExceptionSumsThatSurprise(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sales")
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n  currency: {type: string}\n"+
		"  small: {type: int}\n  large: {type: \"decimal(38,0)\"}\n")
	file(t, dir, "pipelines/books.yaml", "pipeline: books\nfrom: sales\nkey: [id, currency]\nartifact:\n  small: {sum: small}\n  large: {sum: large}\n"+
		"exceptions: {where: \"small <> 0\"}\n")
	rows := ""
	for i, currency := range []string{"", "EUR", "EUR"} {
		rows += fmt.Sprintf(`{"id":"%d","currency":%q,"small":%d,"large":"%s"}`+"\n", i, currency, i+1, strings.Repeat("9", 38))
	}
	must(t, 0, "ingest", "--project", dir, "sales", file(t, dir, "sales.jsonl", rows))
	must(t, 0, "run", "--project", dir)
	text := must(t, 0, "exceptions", "books", "--project", dir).out
	if want := "sum (without currency): small 1\nsum (EUR): small 5\nsum of large: more than 38 digits\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}

// TestChosenColumns are whole if the output is not a terminal; on a terminal, what is hidden has another advice.
func TestChosenColumns(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	long := `{"id":"f","day":"2026-02-30","currency":"EUR","amount":"1","note":"` + strings.Repeat("n", 100) + `"}`
	must(t, 1, "ingest", "sales", file(t, dir, "bad.jsonl", long+"\n"), "--project", dir)
	args := []string{"quarantine", "sales", "--columns", "ref,reason,raw", "--project", dir}
	if got := must(t, 0, args...).out; !strings.Contains(got, long) || strings.Contains(got, "hidden") {
		t.Errorf("a pipe gets\n%s", got)
	}
	if got := onTerminal(t, 60, args...); !strings.Contains(got, "hidden: reason, raw; use --format vertical.") {
		t.Errorf("a terminal gets\n%s", got)
	}
}

// TestExceptionSums adds decimals and whole numbers, of sums and of computed columns.
func TestExceptionSums(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sales")
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl"+strings.Replace(salesColumns, "  note:", "  quantity: {type: bigint}\n  note:", 1))
	file(t, dir, "pipelines/books.yaml", `
pipeline: books
from: sales
key: [id, currency]
artifact:
  total:    {sum: amount}
  quantity: {sum: quantity}
  last:     {max: day}
  rest:     {is: "total - 1"}
  left:     {is: "quantity - 1"}
exceptions: {where: "total <> 0", since: last}
`)
	file(t, dir, "pipelines/others.yaml", strings.Replace(salesPipeline, "pipeline: books", "pipeline: others", 1))
	rows := `{"id":"a","day":"2026-01-05","currency":"EUR","amount":"2","quantity":9007199254740993}` + "\n" +
		`{"id":"b","day":"2026-01-06","currency":"EUR","amount":"3","quantity":9223372036854775807}` + "\n"
	must(t, 0, "ingest", "--project", dir, "sales", file(t, dir, "sales.jsonl", rows))
	if got := must(t, 0, "run", "--project", dir).out; !strings.Contains(got, "next: bursar exceptions books, bursar exceptions others\n") {
		t.Errorf("run ends with %s", got)
	}
	want := "sum (EUR): total 5.00000, quantity 9232379236109516800, rest 3.00000, left 9232379236109516798\n"
	if got := must(t, 0, "exceptions", "books", "--project", dir).out; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

// TestIngestWithoutPipeline: the next step is to declare one that reads the stream.
func TestIngestWithoutPipeline(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sales")
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/sales.yaml", "stream: sales\nformat: jsonl"+salesColumns)
	got := must(t, 0, "ingest", "--project", dir, "sales", file(t, dir, "sales.jsonl", salesRows)).out
	if !strings.HasSuffix(got, "next: declare a pipeline that reads sales in pipelines/NAME.yaml\n") {
		t.Errorf("ingest ends with %s", got)
	}
}

// TestExceptionPages sorts, pages and counts.
func TestExceptionPages(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	ids := func(args ...string) string {
		out := must(t, 0, append([]string{"exceptions", "books", "--format", "csv", "--columns", "id", "--project", dir}, args...)...).out
		return strings.Join(strings.Fields(out)[1:], "")
	}
	for args, want := range map[string]string{
		"": "abcde", "--sort -total": "cadeb", "--sort currency,-id": "debac", "--limit 2": "ab", "--limit 2 --offset 3": "de", "--offset 4": "e", "--offset 9": "",
	} {
		if got := ids(strings.Fields(args)...); got != want {
			t.Errorf("%q lists %s, want %s", args, got, want)
		}
	}
	got := must(t, 0, "exceptions", "books", "--limit", "1", "--offset", "1", "--project", dir).out
	for _, want := range []string{"│ b  │", "… and 3 more", "5 exceptions in books", "2026-01-06"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	v := value(t, must(t, 0, "exceptions", "books", "--json", "--limit", "1", "--sort", "-id", "--project", dir))
	if list, _ := v["exceptions"].([]any); len(list) != 1 || fmt.Sprint(item(t, v, "exceptions", 0)["key"]) != "[e EUR]" {
		t.Errorf("--json lists %v", v)
	}
	lines := must(t, 0, "exceptions", "books", "--format", "jsonl", "--project", dir).out
	if strings.Count(lines, "\n") != 5 || !strings.HasPrefix(lines, `{"key":["a","EUR"],"since":"2026-01-05T00:00:00Z","age_days":`) {
		t.Errorf("jsonl is\n%s", lines)
	}
	if text := must(t, 0, "exceptions", "books", "--format", "vertical", "--limit", "1", "--project", dir).out; !strings.Contains(text, "note      he said \"no, thanks\"\\nand left\n") {
		t.Errorf("vertical is\n%s", text)
	}
}

// TestListFormats: every list has the formats of files, with one line for each row.
func TestListFormats(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	must(t, 1, "ingest", "sales", file(t, dir, "bad.jsonl", `{"id":"f","day":"2026-02-30","currency":"EUR","amount":"1"}`+"\n"), "--project", dir)
	for args, want := range map[string]string{
		"trace books a EUR": "_run,_stream,_batch,_file,_row,_place,id,day,currency,amount,note\n1,sales,1,",
		"unkeyed books":     "_run,_stream,_batch,_file,_row,_place,id,",
		"quarantine":        "stream,ref,batch,file,row,place,column,reason,raw,bytes,object,dismissed_at,dismissed_because\nsales,",
		"status":            "pipeline,generation,runs,backlog,backlog_events,watermark,artifacts,unkeyed\nbooks,1,1,",
	} {
		command := append(strings.Fields(args), "--project", dir)
		if got := must(t, 0, append(command, "--format", "csv")...).out; !strings.HasPrefix(got, want) {
			t.Errorf("%s prints %s, want %s…", args, got, want)
		}
		to := filepath.Join(t.TempDir(), "rows.parquet")
		must(t, 0, append(command, "--to", to)...)
		if text, err := os.ReadFile(to); err != nil || !bytes.HasPrefix(text, []byte("PAR1")) || !bytes.HasSuffix(text, []byte("PAR1")) {
			t.Errorf("%s: %d bytes, %v", args, len(text), err)
		}
	}
}

// TestTraceNamesTheParty: the events of banks are shown with party and reference, and of several sides with what they are.
func TestTraceNamesTheParty(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	sample, _ := filepath.Glob(filepath.Join(dir, "sample", "*"))
	imports(t, 0, dir, sample...)
	must(t, 0, "run", "--project", dir)
	key := []string{"days", "DE89370400440532013000", "EUR", "2026-03-03", "--project", dir}
	text := onTerminal(t, 250, append([]string{"trace"}, key...)...)
	for _, want := range []string{"position opening, amount 8,760.10 EUR", "amount 310.55 EUR, reference B-1004,", "│ party Birch GmbH "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, shown := range []string{onTerminal(t, 120, "completeness", "NL91ABNA0417164300", "--project", dir), must(t, 0, "completeness", "NL91ABNA0417164300", "--project", dir).out} {
		if !strings.Contains(shown, "CLAIMED: the bank states nothing") {
			t.Errorf("no legend in\n%s", shown)
		}
	}
	intervals := must(t, 4, "completeness", "--format", "csv", "--project", dir).out
	if !strings.Contains(intervals, ",DE89370400440532013000,EUR,2026-03-02,2026-03-02,PROVEN,3,-1239.90000,10000.00000,8760.10000,") {
		t.Errorf("intervals:\n%s", intervals)
	}
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"29194819.20000", "EUR", "29,194,819.20"},
		{"29194819.2", "EUR", "29,194,819.2"},
		{"-1234.00500", "EUR", "-1,234.005"},
		{"0.00000", "USD", "0.00"},
		{"-999.99", "", "-999.99"},
		{"1000.5000", "no", "1,000.50"},
		{"1200.00", "JPY", "1,200"},
		{"1200.50", "JPY", "1,200.50"},
		{"1.25000", "BHD", "1.250"},
		{"100", "EUR", "100"},
		{"12345678901234567890123456789012345.123", "EUR", "12,345,678,901,234,567,890,123,456,789,012,345.123"},
	} {
		if got := formatMoney(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s is %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// TestStatusIsWhole: every format for people shows what is lost, in quarantine or waiting, not only the pipelines; files have these alone.
func TestStatusIsWhole(t *testing.T) {
	t.Parallel()
	dir := salesBooks(t)
	more := `{"id":"f","day":"2026-01-10","currency":"EUR","amount":"1"}` + "\n" + `{"id":"g","day":"no day","currency":"EUR","amount":"1"}` + "\n"
	must(t, 0, "ingest", "--project", dir, "sales", file(t, dir, "more.jsonl", more))
	must(t, 0, "run", "--project", dir)
	findings := []string{"In quarantine: 1 row of sales: bursar quarantine sales\n", "next: bursar quarantine sales\n"}
	for _, args := range []string{"status", "status --format vertical", "status --columns pipeline,backlog"} {
		text := must(t, 0, append(strings.Fields(args), "--project", dir)...).out
		for _, want := range append(findings, "books") {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not print %q:\n%s", args, want, text)
			}
		}
	}
	if csv := must(t, 0, "status", "--format", "csv", "--columns", "pipeline,backlog", "--project", dir).out; csv != "pipeline,backlog\nbooks,0\n" {
		t.Errorf("csv is %q", csv)
	}
	if got := must(t, 2, "status", "--columns", "pipelines", "--project", dir); got.out != "" {
		t.Errorf("a command line that is refused prints %q", got.out)
	}
	for _, format := range []string{"", tableFormat, verticalFormat} {
		var out, errs bytes.Buffer
		lost := projectStatus{Losses: []spool.Loss{{Stream: "sales", Spool: 7}}}
		if err := newCLI(&out, &errs).printStatus(&rowFlags{format: format}, &lost); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "acknowledged requests may be lost: ") {
			t.Errorf("format %q shows no loss:\n%s", format, out.String())
		}
	}
}
