// How fast lines of the usual size are scanned.

package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
	"bursar/internal/project"
)

// benchStream declares eight string properties: six strings, a decimal and a timestamp.
func benchStream(format project.Format) *project.Stream {
	text := column.Type{Kind: column.String}
	return &project.Stream{
		Name: "payments", Format: format, CSV: project.CSV{Delimiter: ',', Header: true}, ID: []string{"event_id"}, Time: "occurred_at",
		Columns: []project.Column{
			{Name: "event_id", Type: text},
			{Name: "type", Type: text, In: []string{"shipment", "payment", "refund"}},
			{Name: "order_id", Type: text},
			{Name: "account", Type: text},
			{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}},
			{Name: "currency", Type: text, In: []string{"USD", "EUR"}},
			{Name: "occurred_at", Type: column.Type{Kind: column.Timestamp}},
			{Name: "note", Type: text},
		},
	}
}

func benchLines(rows int) []byte {
	var b bytes.Buffer
	types := []string{"shipment", "payment", "refund"}
	for i := range rows {
		line := fmt.Sprintf(`{"event_id":"e%010d","type":"%s","order_id":"ord-%07d","account":"acc-%04d","amount":"%d.%02d","currency":"USD","occurred_at":"2024-%02d-%02dT%02d:%02d:%02d.%03dZ","note":"`,
			i, types[i%3], i%500000, i%9973, i%99999, i%100, i%12+1, i%28+1, i%24, i%60, i*7%60, i%1000)
		b.WriteString(line)
		for n := len(line); n < 203; n++ {
			b.WriteByte("abcdefgh "[n%9])
		}
		b.WriteString("\"}\n")
	}
	return b.Bytes()
}

func benchCSV(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("event_id,type,order_id,account,amount,currency,occurred_at,note\n")
	for i := range rows {
		fmt.Fprintf(&b, "e%010d,payment,ord-%07d,acc-%04d,%d.%02d,USD,2024-%02d-%02dT%02d:%02d:%02dZ,\"some words, and more\"\n",
			i, i%500000, i%9973, i%99999, i%100, i%12+1, i%28+1, i%24, i%60, i*7%60)
	}
	return b.Bytes()
}

func BenchmarkScanJSONL(b *testing.B) { benchFile(b, project.JSONL, benchLines(200000), 1) }
func BenchmarkScanCSV(b *testing.B)   { benchFile(b, project.CSVText, benchCSV(200000), 1) }

// BenchmarkScanParquet reads typed columns, half of them optional, by encoding of the texts.
func BenchmarkScanParquet(b *testing.B) {
	e := format.Encodings
	for _, text := range []format.Encoding{e.RLEDict, e.Plain, e.DeltaLengthByteArray, e.DeltaByteArray} {
		b.Run(text.String(), func(b *testing.B) { benchFile(b, project.Parquet, benchParquet(b, 200000, text), 1) })
	}
}

func benchParquet(b *testing.B, rows int, text format.Encoding) []byte {
	texts := map[string][]format.ByteArray{}
	amounts, times, levels := make([]int64, rows), make([]int64, rows), make([]int16, rows)
	for i := range rows {
		for name, value := range map[string]string{
			"event_id": fmt.Sprintf("e%010d", i), "type": "payment", "order_id": fmt.Sprintf("ord-%07d", i%5000), "account": fmt.Sprintf("acc-%04d", i%9973), "currency": "USD",
			"note": fmt.Sprintf("some words, and %d more", i%1000),
		} {
			texts[name] = append(texts[name], format.ByteArray(value))
		}
		amounts[i], times[i], levels[i] = int64(i%99999)*100, 1704067200000000+int64(i)*1000003, 1
	}
	how := []format.WriterProperty{format.WithDictionaryDefault(text == format.Encodings.RLEDict), format.WithCompression(compress.Codecs.Snappy)}
	var leaves []leafOf
	for i, c := range benchStream(project.Parquet).Columns {
		l := leafOf{name: c.Name, logical: schema.StringLogicalType{}, length: -1, values: texts[c.Name]}
		encoding := text
		switch c.Type.Kind {
		case column.Decimal:
			l.logical, l.values = decimalOf(18, 2), amounts
		case column.Timestamp:
			l.logical, l.values = timeOf(true, schema.TimeUnitMicros), times
		}
		if c.Type.Kind != column.String && text != format.Encodings.RLEDict && text != format.Encodings.Plain {
			encoding = format.Encodings.DeltaBinaryPacked
		}
		if encoding != format.Encodings.RLEDict {
			how = append(how, format.WithEncodingFor(c.Name, encoding))
		}
		if i%2 == 1 {
			l.levels = levels
		}
		leaves = append(leaves, l)
	}
	return parquetFileWith(b, format.NewWriterProperties(how...), 1, leaves...)
}

// BenchmarkFill leaves reading and handing over out: one core, one block after another.
func BenchmarkFill(b *testing.B) {
	plan, err := NewPlan(benchStream(project.JSONL), nil)
	if err != nil {
		b.Fatal(err)
	}
	const rows = 5000
	data := benchLines(rows)
	t := &text{b: pad(append([]byte(nil), data...)), line: 1, bare: len(data), end: len(data)}
	s, block := newJSONScanner(plan), newBlock(plan, 0)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		block.reset()
		s.fill(block, t, 0, 1)
	}
	if len(block.Rows) != rows {
		b.Fatalf("accepted %d rows: %+v", len(block.Rows), block.Rejects[0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func benchFile(b *testing.B, format project.Format, data []byte, workers int) {
	plan, err := NewPlan(benchStream(format), nil)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "events")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	benchPath(b, path, plan, workers)
}

func benchPath(b *testing.B, path string, plan *Plan, workers int) {
	rows := 0
	for b.Loop() {
		rows = 0
		f, err := openFile(b, path, plan, Options{Workers: workers})
		if err != nil {
			b.Fatal(err)
		}
		for {
			block, err := f.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(block.Rejects) > 0 {
				b.Fatal(err, block)
			}
			rows += len(block.Rows)
			f.Recycle(block)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}
