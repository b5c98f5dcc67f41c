// Tests of stream declarations inferred from files.

package infer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// guessed infers a file, reads the result as a project would, and scans the file with it.
func guessed(t testing.TB, path string, text string) (*project.Stream, []scan.Reject) {
	t.Helper()
	dir := t.TempDir()
	name := regexp.MustCompile(`(?m)^stream: "?([a-z0-9_]+)"?$`).FindStringSubmatch(text)
	if name == nil {
		t.Fatalf("no stream in\n%s", text)
	}
	if err := os.Mkdir(filepath.Join(dir, "streams"), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string]string{"bursar.yaml": "", "streams/" + name[1] + ".yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, errs := project.Read(dir)
	if len(errs) > 0 {
		t.Fatalf("%v in\n%s", errs, text)
	}
	return p.Streams[0], scanned(t, path, p.Streams[0])
}

func scanned(t testing.TB, path string, s *project.Stream) (rejects []scan.Reject) {
	t.Helper()
	plan, err := scan.NewPlan(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := scan.OpenInput(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in, err := file.Scan(plan, scan.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for {
		b, err := in.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rejects
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Rejects {
			r.Raw = bytes.Clone(r.Raw)
			rejects = append(rejects, r)
		}
	}
}

func write(t testing.TB, name, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// squeezed has single blanks, so that expectations need not count those that align comments.
func squeezed(s string) string { return regexp.MustCompile(` +`).ReplaceAllString(s, " ") }

func TestStream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"payments-2024-01-02.csv", "PaymentNo,Amount,Paid at,Currency\nP1,1.50,2024-01-02 08:00:00,EUR\nP2,-2.00,2024-01-02 09:00:00,EUR\n", []string{
			"all 2 rows", "stream: payments", `csv: {delimiter: ",", header: true}`, "id: payment_no ", "time: paid_at ",
			"payment_no: {type: string, from: PaymentNo}", `amount: {type: "decimal(18,2)", from: Amount}`,
			`paid_at: {type: timestamp, from: "Paid at"} # no zone`, "amount: {sum: amount, by: currency}",
		}},
		{"2024.tsv", "a\tb\n007\t1\n+420\t2\n", []string{
			"stream: events", `delimiter: "\t"`, "id: _row", "a: {type: string} # 007 would not keep its notation as int", "b: {type: int}", "# time:", "# totals:",
		}},
		{"euro.csv", "id;betrag;am\r\n1;1.234,50;31.12.2024\r\n2;;01.01.2025\r\n", []string{
			`delimiter: ";"`, `betrag: {type: "decimal(18,2)", decimal: ",", group: ".", optional: true} # CHECK: '.' is read as a group mark; no value in 1 of 2 rows`,
			`am: {type: date, format: "%d.%m.%Y"}`, "id: id ",
		}},
		{"us.csv", "n,day\n1E5,01/02/2024\n2,03/04/2024\n", []string{
			`day: {type: date, format: "%m/%d/%Y"} # CHECK: day and month cannot be distinguished in the sample; the other order is "%d/%m/%Y"`,
			"n: {type: string} # 1E5 would",
		}},
		{"gb.csv", "day,at\n13/02/2024,13/02/2024 5:06\n03/04/2024,03/04/2024 15:06\n", []string{
			`day: {type: date, format: "%d/%m/%Y"}`, `at: {type: timestamp, format: "%d/%m/%Y %H:%M"} # no zone`,
		}},
		{"bare.csv", "1,x,2024-01-01\n2,y,2024-01-02\n", []string{
			"header: false} # no row names", "column_1: {type: int}", "column_2: {type: string}", "column_3: {type: date}",
		}},
		{"odd.csv", ",a,a,null,Größe\n0,1,2,3,4\n", []string{
			"field 1: its header is empty", "field 2: header a occurs twice", "header: true", `"null": {type: int}`, `gr_e: {type: int, from: "größe"}`,
		}},
		{"wide.csv", "big,wide,long\n3000000000,12345678901234567.891,12345678901234567890\n", []string{
			"big: {type: bigint}", `wide: {type: "decimal(23,3)"}`, "long: {type: string}",
		}},
		{"whole.csv", "price,count\n5.00,1\n17.0,2\n", []string{`price: {type: "decimal(18,2)"}`, "count: {type: int}"}},
		{"states.csv", "state\n" + strings.Repeat("open\nyes\n", 20), []string{`state: {type: string, in: [open, "yes"]} # only these`}},
		{"broken.csv", "a,b\n1,2\n3\n4,5\n", []string{"all 2 rows", "# CHECK: 1 of the rows", "row 3: the row has 1 field, and 2 are expected"}},
		{"orders.jsonl", `{"id":"7","data":{"order":{"id":"o-1","n":1.50},"list":[1]},"ok":true,"at":"2024-01-02T03:04:05+01:00","x":null,"m":1}` + "\n\n" +
			`{"id":"8","data":{"order":{"n":"2"},"list":[]},"ok":false,"at":"2024-01-02T03:04:05Z","m":"one","y.z":1}` + "\n", []string{
			"format: jsonl", "id: id ", "id: {type: string}", "data_order_id: {type: string, from: data.order.id, optional: true}",
			`data_order_n: {type: "decimal(18,2)", from: data.order.n}`, "data_list: {type: json, from: data.list}", "ok: {type: bool}",
			"at: {type: timestamp}\n", "\n# x: {type: string, optional: true} # no value", "m: {type: json}", "y.z: a path cannot name it",
		}},
		{"deep.json", `{"a":{"b":{"c":{"d":{"e":{"f":1}}}}},"o":{"x.y":1},"true":1,"@type":"t","none":{}}`, []string{
			"Guessed from one row of deep.json: ", "one row only", "a_b_c_d_e: {type: json, from: a.b.c.d.e}", "o: {type: json}", `"true": {type: int}`, `type: {type: string, from: "@type"}`, "none: {type: json}",
		}},
		{"mixed.jsonl", `{"a":{"b":1},"u":18446744073709551616}` + "\n" + `{"a":2,"u":1}` + "\nnot json\n", []string{
			"a: {type: json}", `u: {type: "decimal(23,0)"}`, "all 2 rows", "# CHECK: 1 of the rows",
		}},
		{"bookings.csv", "booking_id,guest,status,amount\nb1,Ann,new,1.00\nb2,Bob,new,2.00\nb1,Ann,paid,1.50\n", []string{
			"\nid: _row\n", "# booking_id looks like one, but comes again in 1 of the sampled rows, with other values in status, amount.", "\n# id: booking_id\n# versions: keep\n",
		}},
		{"export.jsonl", `{"client_no":"b1","updated_at":"2024-01-01"}` + "\n" + `{"client_no":"b1","updated_at":"2024-01-02","note":"x"}` + "\n", []string{
			"\nid: _row\n", "with other values in updated_at.", "\n# id: client_no\n# versions: keep\n",
		}},
		{"twice.csv", "id,amount\n1,1.00\n2,2.00\n1,1.00\n", []string{
			"\nid: _row\n", "# id looks like one, but comes again in 1 of the sampled rows, which say the same each time.", "duplicates:\n# id: id\n",
		}},
		{"charges.json", "[\n {\n  \"id\": \"ch_1\",\n  \"amount_cents\": 1999,\n  \"createdAt\": 1700000000,\n  \"currency\": \"eur\"\n },\n" +
			" {\"id\": \"ch_2\", \"amount_cents\": 5, \"createdAt\": 1700000001, \"currency\": \"usd\"}\n]\n", []string{
			"all 2 rows", "format: jsonl", "id: id ", "time: created_at ",
			`created_at: {type: timestamp, from: createdAt, format: "epoch_s"} # CHECK: seconds since 1970, by the name and range: the first is 2023-11-14T22:13:20Z`,
			`amount_cents: {type: int}` + "\n" + ` # amount: {type: "decimal(18,2)", is: "amount_cents * 0.01"} # if amount_cents counts hundredths`,
			"amount_cents: {sum: amount_cents, by: currency}",
		}},
		{"millis.csv", "ts,updated_at,fee,amount,amount_minor,time_id,seats\n1700000000123,1700000000.5,3,1.50,150,1700000000,1700000000\n", []string{
			`ts: {type: timestamp, format: "epoch_ms"} # CHECK: milliseconds since 1970, by the name and range: the first is 2023-11-14T22:13:20Z`,
			`updated_at: {type: timestamp, format: "epoch_s"}`, ` # fee_major: {type: "decimal(18,2)", is: "fee * 0.01"}`,
			` # amount_2: {type: "decimal(18,2)", is: "amount_minor * 0.01"}`, "time_id: {type: int}", "seats: {type: int}",
		}},
		{"numbers.csv", "at,date\n17,20240131\n1700000000,20240201\n", []string{"at: {type: int}", `date: {type: date, format: "%Y%m%d"}`}},
		{"nothing.jsonl", `{"a":null}`, []string{" a: {type: string, optional: true}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, c.name, c.data)
			text, err := Stream(path, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(strings.ToLower(squeezed(text)), strings.ToLower(want)) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if _, rejects := guessed(t, path, text); len(rejects) > 0 && !strings.Contains(text, "would be rejected") {
				t.Errorf("rejected %+v by\n%s", rejects, text)
			}
		})
	}
}

// TestName: a given name is that of the stream and of its plain id.
func TestName(t *testing.T) {
	t.Parallel()
	text, err := Stream(write(t, "export.csv", "fee_id,invoice_id\n1,2\n"), "fees")
	if err != nil || !strings.Contains(text, "\nstream: fees\n") || !strings.Contains(text, "\nid: fee_id ") || !strings.Contains(text, "streams/fees.yaml") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestForeignKeyIsNoVersion: what rows refer to comes again without being a version of anything.
func TestForeignKeyIsNoVersion(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		"order_id,sku,amount\no1,a,1.00\no1,b,2.00\n",
		"line_id,order_id,status\n1,o1,new\n2,o1,paid\n",
		"order_no,line,amount\n1,1,1.00\n1,2,\n",
	} {
		text, err := Stream(write(t, "lines.csv", data), "")
		if err != nil || strings.Contains(text, "looks like one") || strings.Contains(text, "\n# versions: keep\n") {
			t.Errorf("%s, %v", text, err)
		}
	}
}

// TestEncodings reads files that are not UTF-8, and checks the guessed encoding.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, encoding string }{
		"windows":      {"id,W\xe4hrung\n1,\x80\n2,\xfc\n", "encoding: windows-1252"},
		"utf16":        {"\xff\xfei\x00d\x00,\x00W\x00\xe4\x00h\x00r\x00u\x00n\x00g\x00\n\x001\x00,\x00x\x00\n\x00", ""},
		"sheet":        {"sep=;\r\nid;Währung\r\n1;x\r\n2;y\r\n", ""},
		"a broken row": {"id,Währung\n1,x\n2,\xfc\n", ""},
		"utf8":         {"\xef\xbb\xbfid,Währung\n1,x\n", ""},
	} {
		text, err := Stream(write(t, name+".csv", c.data), "")
		if err != nil || !strings.Contains(text, `from: "Währung"`) && !strings.Contains(text, "from: Währung") || strings.Contains(text, "encoding:") != (c.encoding != "") || !strings.Contains(text, c.encoding) || !strings.Contains(text, "header: true") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, want string }{
		"empty.csv":   {"\n \n", "it is empty"},
		"open.csv":    {"a,b\n1,2\n\"3,4\n5,6\n", "row 3: a quote is never closed, so the row takes the rest of the file: 2 lines"},
		"head.csv":    {"a,b\n", "no readable row"},
		"list.json":   {"{\n\"a\":1}\n", "one JSON value over several lines"},
		"open.json":   {`[{"a":1},{"a":2`, "the array is not closed"},
		"values.json": {"[1,\n2]\n", "one JSON value over several lines"},
		"text.jsonl":  {"a\n", "none of its lines is a JSON object"},
		"packed.csv":  {"\x1f\x8b", "name it .gz"},
		"packed.gz":   {"a,b\n", "decompress gzip"},
		"utf16.csv":   {"\xff\xfea\x00\n\x00", "no readable row"},
		"binary.csv":  {"\x00\x81\xff\x00\x8f", "no column that can be declared"},
		"latin1.csv":  {"W\xe4hrung,b\n", "not UTF-8"},
		"bad.parquet": {"PAR1xxxxPAR1", ""},
		"long.jsonl":  {`{"a":"` + strings.Repeat("x", maxBytes), "longer than 16 MiB"},
	} {
		_, err := Stream(write(t, name, c.data), "")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if class := failure.Of(err); class != failure.Data {
			t.Errorf("%s is of class %s", name, class)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Stream(pipe, ""); err == nil || !strings.Contains(err.Error(), "it is a pipe, not a file") {
		t.Error(err)
	}
	if _, err := Stream(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
	if _, err := Stream(filepath.Join(t.TempDir(), "absent"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestBounds expects a sample of whole rows: one that the limit cuts is left out, and so is what follows.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"many.csv":   manyRows,
		"long.jsonl": strings.Repeat(`{"n":1,"text":"`+strings.Repeat("x", 1<<20)+`"}`+"\n", 17) + `{"n":"x"}` + "\n",
		"long.csv":   "n,text\n" + strings.Repeat("1,"+strings.Repeat("\"\"", 1<<20)+"\n", 9) + "x,y\n",
	} {
		wantSample(t, write(t, name, data))
	}
}

var manyRows = "n,text\n" + strings.Repeat("1,\"a\nb\"\n", maxRows) + "x,y\n"

func wantSample(t *testing.T, path string) {
	t.Helper()
	text, err := Stream(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "Guessed from the first ") || !strings.Contains(text, "n: {type: int}") || strings.Contains(text, "would be rejected") {
		t.Errorf("%s:\n%s", path, text)
	}
}

func TestPacked(t *testing.T) {
	t.Parallel()
	for suffix, pack := range map[string]func(io.Writer) (io.WriteCloser, error){
		".gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestSpeed) },
		".zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	} {
		for name, data := range map[string]string{"many.csv": manyRows, "many.parquet": parquetFile(t)} {
			var packed bytes.Buffer
			w, err := pack(&packed)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, data); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := write(t, name+suffix, packed.String())
			if name == "many.csv" {
				wantSample(t, path)
			} else {
				wantParquet(t, path)
			}
		}
	}
}

// FuzzStream checks that whatever a file contains, the guess is a valid stream file, and that rows of the sample are rejected only if the
// file states it.
func FuzzStream(f *testing.F) {
	f.Add("a.csv", []byte("a;b\n1;2,5\n\"x\n\";\n"))
	f.Add("b.jsonl", []byte("{\"a\":{\"b.c\":1},\"y\":\"\\u0085\"}\n{\"a\":[]}\n"))
	f.Add("c", []byte("\xef\xbb\xbf# :\",\xc2\x85 -\ntrue,07\n"))
	f.Add("0", []byte("\ufeff# :\",\x85-\n -\ntrue,07"))
	f.Add("d.parquet", []byte("PAR1\x00\x00PAR1"))
	f.Add("e.csv", []byte("0\n0\xff\x8f\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if len(data) > 1<<14 || regexp.MustCompile(`[^a-zA-Z0-9._ -]`).MatchString(name) || len(name) > 50 || strings.Trim(name, ".") == "" {
			return
		}
		path := write(t, name, string(data))
		text, err := Stream(path, "")
		if err != nil {
			return
		}
		_, rejects := guessed(t, path, text)
		if len(rejects) > 0 && !strings.Contains(text, "would be rejected") {
			t.Fatalf("%q: rejected %+v by\n%s", data, rejects, text)
		}
	})
}
