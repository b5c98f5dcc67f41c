// Tests of stream declarations.

package project

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/project/doc"
	"bursar/internal/project/projecttest"
)

func TestStreamRead(t *testing.T) {
	t.Parallel()
	s, errs := parseStream("streams/fees.yaml", []byte(`stream: fees
format: csv
csv: {delimiter: ";", header: true}
id: [Ref, row_no]
columns:
  row_no: {type: int, group: "."  , decimal: ","}
  ref: {type: string, from: "Ref. No"}
  day: {type: date, format: "%y%m%d", optional: true}
  at: {type: timestamp, zone: Europe/Prague}
  fee: {type: "decimal(18,2)", decimal: ",", group: " "}
  net: {type: "decimal(18,4)", is: "fee * 0.98"}
dedupe: 30d
seal: {every: 500ms, bytes: 64MB}
`))
	projecttest.WantErrors(t, errs, "streams/fees.yaml:4: no column `Ref` in stream fees; did you mean `ref`?")
	if s.Dedupe != 30*24*time.Hour || s.CSV != (CSV{Delimiter: ';', Header: true}) || s.Line != 1 {
		t.Errorf("got %+v", s)
	}
	if want := (Seal{Every: 500 * time.Millisecond, Events: 1_000_000, Bytes: 64_000_000}); s.Seal != want {
		t.Errorf("seal is %+v, want %+v", s.Seal, want)
	}
	zone, _ := time.LoadLocation("Europe/Prague")
	want := []Column{
		{Name: "row_no", Line: 6, Type: column.Type{Kind: column.Int}, From: []string{"row_no"}, Decimal: ',', Group: '.'},
		{Name: "ref", Line: 7, Type: column.Type{Kind: column.String}, From: []string{"Ref. No"}, Decimal: '.'},
		{Name: "day", Line: 8, Type: column.Type{Kind: column.Date}, From: []string{"day"}, Optional: true, Format: "%y%m%d", Decimal: '.'},
		{Name: "at", Line: 9, Type: column.Type{Kind: column.Timestamp}, From: []string{"at"}, Zone: zone, Decimal: '.'},
		{Name: "fee", Line: 10, Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}, From: []string{"fee"}, Decimal: ',', Group: ' '},
		{Name: "net", Line: 11, Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 4}, Decimal: '.', Is: "fee * 0.98"},
	}
	for i := range want {
		if !reflect.DeepEqual(s.Columns[i], want[i]) {
			t.Errorf("column %d\n got %+v\nwant %+v", i, s.Columns[i], want[i])
		}
	}
}

func TestOneHeaderForTwoColumns(t *testing.T) {
	t.Parallel()
	_, errs := parseStream("streams/fees.yaml", []byte("stream: fees\nformat: csv\nid: ref\ncolumns:\n  ref: {type: string}\n  again: {type: string, from: ref}\n  both: {type: string, is: ref}\n"))
	projecttest.WantErrors(t, errs, "streams/fees.yaml:6: columns `ref` and `again` are both read from header \"ref\": compute one from the other with `is`")
}

func TestGoodStream(t *testing.T) {
	t.Parallel()
	s, errs := parseStream("streams/payments.yaml", []byte(projecttest.Stream))
	projecttest.WantErrors(t, errs)
	if s.Seal != DefaultSeal {
		t.Errorf("seal is %+v, want %+v", s.Seal, DefaultSeal)
	}
	if got := s.Column("order_id").From; !reflect.DeepEqual(got, []string{"data", "order", "id"}) {
		t.Errorf("from is %q", got)
	}
}

// TestBrokenStream replaces one piece of a good stream and lists the expected error.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{"stream: payments", "stream: payment", "1: `stream` is `payment` but the file is named payments.yaml"},
		{"stream: payments\n", "", "1: the file has no `stream`"},
		{"stream: payments", "stream: 7", "1: `stream` must be text: put `7` in quotes if it is meant"},
		{"stream: payments", "stream:", "1: `stream` is empty"},
		{"stream: payments", "stream: [payments]", "1: `stream` must be one text"},
		{"format: jsonl", "format: json", "2: `format` is `json`: use jsonl, csv or parquet"},
		{"format: jsonl", "format: jsonl\nencoding: latin", "3: `encoding` is `latin`: use an encoding's registered name such as utf-8, windows-1252, iso-8859-15 or ibm850"},
		{"format: jsonl", "format: parquet\nencoding: windows-1252", "3: `encoding` belongs to formats jsonl and csv; Parquet files are not text"},
		{"format: jsonl", "format: jsonl\ncsv: {header: false}", "3: `csv` belongs to format csv only; this is jsonl"},
		{"format: jsonl", "format: jsonl\nformat: jsonl", "3: key `format` is given twice"},
		{"columns:", "colums:", "5: unknown key `colums`; did you mean `columns`?"},
		{"totals:", "dedupe: 30\ntotals:", "16: `dedupe` must be text"},
		{"totals:", "dedupe: 0d\ntotals:", "16: `dedupe` is `0d`: use forever, days such as 30d or hours such as 12h"},
		{"totals:", "dedupe: 99999d\ntotals:", "16: `dedupe` is longer than 36500d"},
		{"totals:", "seal: 1s\ntotals:", "16: `seal` must be a mapping of keys to values"},
		{"totals:", "seal: {evry: 1s}\ntotals:", "16: unknown key `evry`; did you mean `every`?"},
		{"totals:", "seal: {every: 1d}\ntotals:", "16: `every` is `1d`: use a time from 100ms to 24h"},
		{"totals:", "seal:\n  every: 99ms\ntotals:", "17: `every` is `99ms`: use a time from 100ms to 24h"},
		{"totals:", "seal: {every: 25h}\ntotals:", "16: `every` is `25h`: use a time from 100ms to 24h"},
		{"totals:", "seal: {every: 1}\ntotals:", "16: `every` is `1`, without a unit: use a time from 100ms"},
		{"totals:", "seal: {events: 0}\ntotals:", "16: `events` must be a whole number from 1 to 100000000"},
		{"totals:", "seal: {bytes: 1KB}\ntotals:", "16: `bytes` is `1KB`: use a size from 1MB to 10GB"},
		{"totals:", "seal: {bytes: 11GB}\ntotals:", "16: `bytes` is `11GB`: use a size from 1MB to 10GB"},
		{"totals:", "partitions: 4\ntotals:", "16: unknown key `partitions`"},
		{"id: event_id", "id: [event_id, _row]", "3: `id` `_row` cannot be combined with other columns"},
		{"id: event_id", "id:\n  - event_id\n  - event_id", "5: `id` lists `event_id` twice"},
		{"id: event_id", "id: []", "3: `id` must be a text or a list"},
		{"id: event_id", "id:\n  - event_id\n  - evnt", "5: no column `evnt` in stream payments"},
		{"id: event_id", "id: event_it", "3: no column `event_it` in stream payments; did you mean `event_id`?"},
		{"id: event_id", "id: seq", "3: `id` column `seq` is optional: it must be required"},
		{"id: event_id", "id: raw", "3: `id` column `raw` is json"},
		{"event_id: {type: string}", "event_id: {type: string, is: note}", "3: `id` column `event_id` is computed"},
		{"time: occurred_at", "time: note", "4: `time` must be a date or timestamp column; `note` is string"},
		{"time: occurred_at", "time: when", "4: no column `when`"},
		{"event_id: {type: string}", "event_id: {tpye: string}", "6: unknown key `tpye`; did you mean `type`?"},
		{"event_id: {type: string}", "event_id: {}", "6: `columns.event_id` has no `type`"},
		{"event_id: {type: string}", "event_id: string", "6: `columns.event_id` must be a mapping of keys to values"},
		{"event_id: {type: string}", "event_id: {type: text}", "6: unknown type \"text\""},
		{"decimal(18,2)", "decimal(39,2)", "9: type \"decimal(39,2)\""},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: timestamp, format: x}", "11: `format` is `x`: use a pattern"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: timestamp, format: \"%Y-%m\"}", "11: format \"%Y-%m\" gives no day"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: date, format: \"%Y-%m-%d %H\"}", "11: format \"%Y-%m-%d %H\" gives a time of day"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: date, format: epoch_s}", "11: format \"epoch_s\" gives a time of day, but the column is a date"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: timestamp, format: epoch_ms, zone: Europe/Prague}", "11: `zone` has no effect on an epoch time"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: timestamp, format: epoch}", "11: `format` is `epoch`: use a pattern such as \"%Y-%m-%d\", or epoch_s or epoch_ms"},
		{"note: {type: string, optional: true}", "note: {type: string, optional: maybe}", "14: `optional` must be true or false"},
		{"note: {type: string, ", "note: {type: string, is: type, from: x, ", "14: `from` cannot be combined with `is`"},
		{"note: {type: string, ", "note: {type: string, is: type, in: [x], ", "14: `in` cannot be combined with `is`"},
		{"seq: {type: int, ", "seq: {type: int, in: [\"1\"], ", "12: `in` belongs to string columns only; this is int"},
		{"seq: {type: int, ", "seq: {type: int, zone: UTC, ", "12: `zone` belongs to timestamp columns only; this is int"},
		{"seq: {type: int, ", "seq: {type: int, format: \"%d\", ", "12: `format` belongs to date and timestamp columns only"},
		{"note: {type: string, ", "note: {type: string, group: \" \", ", "14: `group` belongs to decimal, int and bigint columns only"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: timestamp, zone: Mars/Base}", "11: `zone` is `Mars/Base`: use a name such as"},
		{"occurred_at: {type: timestamp}", "occurred_at: {type: timestamp, zone: Local}", "11: `zone` is `Local`"},
		{"\"decimal(18,2)\"", "\"decimal(18,2)\", group: \".\"", "9: `group` is `.`, which is the decimal mark"},
		{"\"decimal(18,2)\"", "\"decimal(18,2)\", decimal: \"5\"", "9: `decimal` must be one ASCII character"},
		{"\"decimal(18,2)\"", "\"decimal(18,2)\", decimal: \",,\"", "9: `decimal` must be one ASCII character"},
		{"in: [shipment, payment]", "in: [shipment, 1]", "7: `in` must list texts: put `1` in quotes"},
		{"in: [shipment, payment]", "in: [shipment, [x]]", "7: `in` must list texts"},
		{"from: data.order.id", "from: data..id", "8: `from` is `data..id`: a path is"},
		{"note: {", "Note: {", "14: `Note` is not a valid name"},
		{"note: {", "_row: {", "14: `_row` is not a valid name"},
		{"note: {", "true: {", "14: key `true` is not text for YAML: put it in quotes"},
		{"note: {", "<<: {", "14: key `<<` is not text for YAML"},
		{"note: {", "[a]: {", "14: a key must be a single name"},
		{"all: {sum: amount}", "all: {sum: amout}", "18: no column `amout` in stream payments; did you mean `amount`?"},
		{"all: {sum: amount}", "all: {sum: note}", "18: `sum` must be a decimal, int or bigint column; `note` is string"},
		{"all: {sum: amount}", "all: {by: currency}", "18: `totals.all` has no `sum`"},
		{"by: currency", "by: note", "17: `by` column `note` is optional"},
		{"by: currency", "by: raw", "17: `by` column `raw` is json"},
		{"note: {type: string", "note: {type: !!str string", "14: tags (`!!str`) are not supported"},
		{"note: {type: string", "note: {type: &x string", "14: anchors (&) and aliases (*) are not supported"},
		{"note: {type: string", "note: {type: *x", "14: not valid YAML: unknown anchor 'x' referenced"},
		{"totals:", "---\ntotals:", "16: a second document starts here"},
		{"time: occurred_at", "time: occurred_at\n\tx: 1", "5: not valid YAML: a tab stands before the text"},
		{"  note: {", "   note: {", "14: not valid YAML: did not find expected key"},
		{"note: {type: string, optional: true}", "note: \"abc", "14: not valid YAML: "},
	} {
		text := strings.Replace(projecttest.Stream, c.from, c.to, 1)
		_, errs := parseStream("streams/payments.yaml", []byte(text))
		t.Run(c.want, func(t *testing.T) { projecttest.WantErrors(t, errs, "streams/payments.yaml:"+c.want) })
	}
}

func TestEveryErrorIsReported(t *testing.T) {
	t.Parallel()
	s, errs := parseStream("streams/fees.yaml", []byte("stream: fee\nformat: xml\nid: x\nrows: 1\ncolumns:\n  a: {type: money}\n  b: {}\n"))
	projecttest.WantErrors(t, errs,
		"streams/fees.yaml:4: unknown key `rows`",
		"streams/fees.yaml:1: `stream` is `fee`",
		"streams/fees.yaml:2: `format` is `xml`",
		"streams/fees.yaml:6: unknown type",
		"streams/fees.yaml:7: `columns.b` has no `type`",
		"streams/fees.yaml:3: no column `x`")
	if s == nil || s.Name != "fees" || len(s.Columns) != 2 {
		t.Errorf("got %+v", s)
	}
}

func TestStreamBounds(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"the file is larger than":                 projecttest.Stream + strings.Repeat("#", doc.MaxFile),
		"nested more than 16 levels deep":         "columns: " + strings.Repeat("[", 50) + strings.Repeat("]", 50),
		"not valid YAML: exceeded max depth":      strings.Repeat("[", 20000),
		"`columns` has more than 4096 keys":       "stream: a\nformat: csv\nid: x\ncolumns:\n" + strings.Repeat("  x: 1\n", 5000),
		"`id` must be a text or a list of 1 to 4": "stream: a\nformat: csv\nid:\n" + strings.Repeat("- x\n", 5000) + "columns: {b: {type: int}}",
		"the file must be a mapping":              "- stream",
	} {
		_, errs := parseStream("streams/a.yaml", []byte(text))
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Message, want) {
			t.Errorf("%s: got %v", want, errs)
		}
	}
	_, errs := parseStream("streams/a.yaml", []byte(strings.Repeat("x: 1\n", 1000)))
	if len(errs) > doc.MaxErrors+1 {
		t.Errorf("got %d errors", len(errs))
	}
}

func FuzzStreamYAML(f *testing.F) {
	f.Add([]byte(projecttest.Stream))
	f.Add([]byte("stream: a\ncolumns: {a: {type: !!int &x *x}}\n---\n"))
	f.Add([]byte("? [a]\n: b\n<<: {a: 1}\nid: [1, ~, x]\ntotals: {a: {sum: b}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, errs := parseStream("streams/payments.yaml", data)
		if len(errs) > doc.MaxErrors+1 {
			t.Fatalf("%d errors", len(errs))
		}
		for _, e := range errs {
			if e.Line < 1 || e.File == "" || e.Message == "" {
				t.Fatalf("bad error %+v", e)
			}
		}
		if len(errs) == 0 && (s.Name != "payments" || len(s.ID) == 0 || len(s.Columns) == 0) {
			t.Fatalf("accepted an unusable stream: %q", data)
		}
	})
}
