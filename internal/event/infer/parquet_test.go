// Tests of stream declarations inferred from Parquet files.

package infer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/event/scan/parquet"
)

// parquetFile contains three rows of every type that is declared, and a list.
func parquetFile(t *testing.T) string {
	t.Helper()
	fields := []column.Field{
		{Name: "payment_id", Type: column.Type{Kind: column.BigInt}},
		{Name: "Amount", Type: column.Type{Kind: column.Decimal, Precision: 9, Scale: 2}},
		{Name: "day", Type: column.Type{Kind: column.Date}},
		{Name: "at", Type: column.Type{Kind: column.Timestamp}},
		{Name: "ok", Type: column.Type{Kind: column.Bool}},
		{Name: "raw", Type: column.Type{Kind: column.JSON}},
		{Name: "booked", Type: column.Type{Kind: column.String}},
		{Name: "lines", Type: column.Type{Kind: column.List, Fields: []column.Field{{Name: "n", Type: column.Type{Kind: column.Int}}}}},
	}
	rows := make([]column.Vector, len(fields))
	for i, f := range fields {
		rows[i] = column.NewVector(f.Type, 0)
		for n := range int64(3) {
			switch {
			case f.Type.Kind == column.List:
				rows[i].Fields[0].AppendInt(n)
				rows[i].AppendList()
			case f.Type.Kind == column.JSON:
				rows[i].AppendText([]byte(`{"a":[1]}`))
			case f.Name == "booked" && n == 2:
				rows[i].AppendNull()
			case f.Name == "booked":
				rows[i].AppendText([]byte("31.12.2024"))
			default:
				rows[i].AppendInt(n % 2 * (n + 3))
				if f.Name == "payment_id" {
					rows[i].Ints[n] = n
				}
			}
		}
	}
	var out bytes.Buffer
	w, err := column.NewParquetWriter(&out, fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteGroup(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestParquet(t *testing.T) {
	t.Parallel()
	wantParquet(t, write(t, "payments.parquet", parquetFile(t)))
}

func wantParquet(t *testing.T, path string) {
	t.Helper()
	text, err := Stream(path, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"all 3 rows", "format: parquet", "id: payment_id", "time: day", "payment_id: {type: bigint}", `amount: {type: "decimal(18,2)", from: Amount}`,
		"day: {type: date}", "at: {type: timestamp}", "ok: {type: bool}", "amount: {sum: amount}",
		`booked: {type: date, format: "%d.%m.%Y", optional: true}`, "lines.list.element.n: it is nested",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if _, rejects := guessed(t, path, text); len(rejects) > 0 {
		t.Errorf("rejected %+v by\n%s", rejects, text)
	}
}

func TestLeafTypes(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		physical format.Type
		logical  schema.LogicalType
	}{
		"int":                    {format.Types.Int32, schema.NoLogicalType{}},
		"bigint":                 {format.Types.Int32, schema.NewIntLogicalType(32, false)},
		"decimal(20,0)":          {format.Types.Int64, schema.NewIntLogicalType(64, false)},
		"timestamp":              {format.Types.Int96, schema.NoLogicalType{}},
		"string":                 {format.Types.ByteArray, schema.NoLogicalType{}},
		"which is not exact":     {format.Types.Double, schema.NoLogicalType{}},
		"at most 38 digits":      {format.Types.ByteArray, schema.NewDecimalLogicalType(40, 2)},
		"there is no type for T": {format.Types.Int64, schema.NewTimeLogicalType(true, schema.TimeUnitMicros)},
	} {
		node, err := schema.NewPrimitiveNodeLogical("x", format.Repetitions.Optional, c.logical, c.physical, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		root, err := schema.NewGroupNode("root", format.Repetitions.Required, schema.FieldList{node}, -1)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := file.NewParquetWriter(&out, root).Close(); err != nil {
			t.Fatal(err)
		}
		f, err := parquet.Open(io.NewSectionReader(bytes.NewReader(out.Bytes()), 0, int64(out.Len())))
		if err != nil {
			t.Fatal(err)
		}
		got, why := leafType(&f.Columns[0])
		if got.String() != want && (why == "" || !strings.Contains(why, want)) {
			t.Errorf("%s: got %s, %s", want, got, why)
		}
	}
}

// TestPackedParquetIsBounded: a packed file is unpacked whole, and may become no larger than any file that is read.
func TestPackedParquetIsBounded(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := zip.Write(append([]byte("PAR1"), make([]byte, 1<<20)...))
	if err = errors.Join(err, zip.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.parquet.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	if _, _, err := (scan.Limits{Unpacked: 1 << 20}).UnpackFile("", in); err == nil || !strings.Contains(err.Error(), "it unpacks to more than 1 MiB") {
		t.Errorf("unpacked: %v", err)
	}
}
