// Bad input: each file and row of the table below ends in a clear message and exit code, and the rest is processed.

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// line is one event of the example's stream, with the values of its columns as JSON.
func line(id, amount, at, order string) string {
	return fmt.Sprintf(`{"event_id":%s,"type":"payment","amount":%s,"currency":"USD","occurred_at":%q,"data":{"order":{"id":%s}}}`+"\n",
		id, amount, at, order)
}

const today = "2025-03-03T09:12:00Z"

// good is a right line with an id, and an order of the same name.
func good(id string) string { return line(`"`+id+`"`, `"1.00"`, today, `"`+id+`"`) }

// with is a right line with something replaced.
func with(old, other string) string { return strings.Replace(good("bad"), old, other, 1) }

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// number and words are fields of an object; what has another type is wrong in any comparison.
func number(v map[string]any, name string) float64 {
	if n, ok := v[name].(float64); ok {
		return n
	}
	return math.NaN()
}

func words(v map[string]any, name string) string {
	s, _ := v[name].(string)
	return s
}

// fees declares a CSV stream beside the example's.
const fees = "stream: fees\nformat: csv\nid: ref\ncolumns:\n  ref: {type: string}\n  amount: {type: \"decimal(18,2)\"}\n  day: {type: date}\n"

// TestBadRows takes in one bad row between two good ones: it is kept whole with where it stood and why, and the
// others are artifacts after a run.
func TestBadRows(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	cases := []struct{ name, row, column, reason string }{
		{"not JSON", "amount=1\n", "", "a line must be an object"},
		{"zeros", "\x00\x00\x00\n", "", "a line must be an object"},
		{"UTF-8", with("bad", "b\xffd"), "", "not valid UTF-8"},
		{"missing", with(`"event_id":"bad",`, ""), "event_id", `property "event_id" is missing`},
		{"null id", line("null", "1", today, `"o"`), "event_id", "a value is required, and it is null"},
		{"null key", line(`"bad"`, "1", today, "null"), "order_id", "a value is required, and it is null"},
		{"twice", with(`"type"`, `"event_id":"b","type"`), "event_id", `"event_id" is given twice`},
		{"overflow", line(`"bad"`, "99999999999999999999.00", today, `"o"`), "amount", "it is too large"},
		{"exponent", line(`"bad"`, "1e400", today, `"o"`), "amount", "it is too large"},
		{"third decimal", line(`"bad"`, "1.001", today, `"o"`), "amount", "it has more decimals"},
		{"NaN", line(`"bad"`, "NaN", today, `"o"`), "", "a value is expected here"},
		{"NaN in quotes", line(`"bad"`, `"NaN"`, today, `"o"`), "amount", "it is not a number"},
		{"hex", line(`"bad"`, `"0x10"`, today, `"o"`), "amount", "it is not a number"},
		{"30 February", line(`"bad"`, "1", "2025-02-30T00:00:00Z", `"o"`), "occurred_at", "there is no such date"},
		{"number for text", line("7", "1", today, `"o"`), "event_id", ""},
		{"array bomb", strings.Repeat("[", 100_000) + "\n", "", "a line must be an object"},
		{"object bomb", with(`"type"`, `"x":`+strings.Repeat(`{"a":`, 100_000)+"1"+strings.Repeat("}", 100_000)+`,"type"`), "", "deeper than the limit of 64"},
		{"long id", with("bad", strings.Repeat("k", 1<<20)), "event_id", "the limit of an id or key value is 4 KiB"},
		{"long key", line(`"bad"`, "1", today, `"`+strings.Repeat("k", 1<<20)+`"`), "order_id", "is 1048576 bytes long"},
	}
	for i, c := range cases {
		path := file(t, dir, fmt.Sprintf("in/%02d.jsonl", i), good(fmt.Sprintf("a%d", i))+c.row+good(fmt.Sprintf("b%d", i)))
		v := value(t, must(t, 0, "ingest", "payments", path, "--project", dir, "--json"))
		if v["rows"] != 3.0 || v["accepted"] != 2.0 || v["quarantined"] != 1.0 || v["duplicates"] != 0.0 {
			t.Errorf("%s: ingest says %v", c.name, v)
		}
	}
	rows := value(t, must(t, 0, "quarantine", "payments", "--project", dir, "--json"))
	if n := length(t, rows, "rows"); n != len(cases) {
		t.Fatalf("%d rows are in quarantine, want %d", n, len(cases))
	}
	for i, c := range cases {
		row := item(t, rows, "rows", i)
		if row["row"] != 2.0 || row["column"] != c.column || !strings.Contains(words(row, "reason"), c.reason) ||
			filepath.Base(words(row, "file")) != fmt.Sprintf("%02d.jsonl", i) {
			t.Errorf("%s: quarantine says %.300v", c.name, row)
		}
		if raw := strings.TrimSuffix(c.row, "\n"); row["raw"] != raw && c.name != "UTF-8" || c.name == "UTF-8" && row["bytes"] == nil {
			t.Errorf("%s: the row is not kept as it was: %.300v", c.name, row)
		}
	}
	wantArtifacts(t, dir, 2*len(cases))
}

// wantArtifacts runs and proves that so many orders are there.
func wantArtifacts(t *testing.T, dir string, want int) {
	t.Helper()
	must(t, 0, "run", "--project", dir)
	v := value(t, must(t, 0, "status", "--project", dir, "--json"))
	if got := item(t, v, "pipelines", 0)["artifacts"]; got != float64(want) {
		t.Errorf("%v artifacts, want %d", got, want)
	}
	must(t, 0, "verify", "orders", "--project", dir)
}

// TestBadFiles takes in files that are wrong as a whole, each together with a good one.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 3000 {
		many.WriteString(good(fmt.Sprintf("m%d", i)))
	}
	for _, c := range []struct {
		name, stream, text string
		code               int
		accepted           float64 // at least, of this file
		quarantined        float64
		message            string // on standard error, behind the file's name
	}{
		{"empty.jsonl", "payments", "", 0, 0, 0, ""},
		{"blank.jsonl", "payments", "\n\n", 0, 0, 0, ""},
		{"binary.jsonl", "payments", "\x7fELF\x02\x01\x00\xfe\n\x00\n", 0, 0, 2, ""},
		{"cut.jsonl.gz", "payments", zipped(many.String())[:15_000], 1, 1000, 0, "the file ends too early"},
		{"plain.jsonl.gz", "payments", good("p"), 1, 0, 0, "at row 1: this is not gzip"},
		{"plain.jsonl.zst", "payments", good("p"), 1, 0, 0, "at row 1: this is not zstd"},
		{"packed.jsonl", "payments", zipped(good("p")), 1, 0, 0, "compressed with gzip: name it .gz"},
		{"sheet.xlsx", "fees", "PK\x03\x04\x14\x00\x06\x00", 1, 0, 0, "the file is a spreadsheet or a zip archive: save the sheet as CSV"},
		{"sheet.jsonl", "payments", "PK\x03\x04\x14\x00\x06\x00", 1, 0, 0, "the file is a spreadsheet or a zip archive"},
		{"sheet.xls", "fees", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\n", 1, 0, 0, "document of an office program: save the sheet as CSV"},
		{"utf16.csv", "fees", "\xff\xfer\x00e\x00f\x00\n\x00", 1, 0, 0, `no header "amount" for column amount`},
		{"windows.csv", "fees", "ref,W\xe4hrung,day\na,1,2025-01-01\n", 1, 0, 0, "the file is not UTF-8: declare the stream's `encoding`"},
		{"delimiter.csv", "fees", "ref;amount;day\na;1;2025-01-01\n", 1, 0, 0, `looks delimited by ";"`},
		{"missing.csv", "fees", "ref,day\na,2025-01-01\n", 1, 0, 0, `no header "amount" for column amount`},
		{"twice.csv", "fees", "ref,amount,amount,day\na,1,1,2025-01-01\n", 1, 0, 0, `header "amount" is given twice`},
		{"extra.csv", "fees", "ref,amount,day,more\na,1,2025-01-01,x\nb,1\nc,1,2025-02-30,x\n", 0, 1, 2, ""},
		{"quote.csv", "fees", "ref,amount,day\na,1,2025-01-01\n\"b,1,2025-01-01\n", 0, 1, 1, ""},
		{"header.csv", "fees", "ref,amount,day\n", 0, 0, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := shop(t)
			file(t, dir, "streams/fees.yaml", fees)
			bad := file(t, dir, c.name, c.text)
			next := file(t, dir, "next", map[string]string{"payments": good("next"), "fees": "ref,amount,day\nnext,2,2025-01-01\n"}[c.stream])
			got := must(t, c.code, "ingest", c.stream, bad, next, "--project", dir, "--json")
			v := value(t, got)
			if !(number(v, "accepted") >= c.accepted+1) || v["quarantined"] != c.quarantined || v["batch"] != 1.0 {
				t.Errorf("ingest says %v", v)
			}
			if c.code != 0 && (!strings.Contains(got.err, c.name) || !strings.Contains(got.err, `"class":"data"`)) ||
				!strings.Contains(strings.ReplaceAll(got.err, `\"`, `"`), c.message) {
				t.Errorf("standard error is %s", got.err)
			}
			if n := length(t, value(t, must(t, 0, "quarantine", "--project", dir, "--json")), "rows"); float64(n) != c.quarantined {
				t.Errorf("%d rows are in quarantine, want %v", n, c.quarantined)
			}
		})
	}
}

// TestMendedFile hands in a cut file, then the whole one: what was sealed counts once.
func TestMendedFile(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	var many strings.Builder
	for i := range 3000 {
		many.WriteString(good(fmt.Sprintf("m%d", i)))
	}
	whole := zipped(many.String())
	path := file(t, dir, "cut.jsonl.gz", whole[:15_000])
	cut := must(t, 1, "ingest", "payments", path, "--project", dir)
	if !strings.Contains(cut.err, "hint: the rows that could be read are sealed") {
		t.Errorf("standard error is %s", cut.err)
	}
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	v := value(t, must(t, 0, "ingest", "payments", path, "--project", dir, "--json"))
	if v["rows"] != 3000.0 || !(number(v, "duplicates") >= 1000) || number(v, "duplicates")+number(v, "accepted") != 3000 {
		t.Errorf("ingest of the whole file says %v", v)
	}
	wantArtifacts(t, dir, 3000)
}
