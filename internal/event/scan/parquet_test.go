// Parquet files: types converted exactly or refused, nulls, rejects that read back, damage.

package scan

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
	"bursar/internal/event/scan/parquet"
	"bursar/internal/project"
)

// leafOf is a column to write: values of its physical type, and which rows have one.
type leafOf struct {
	name    string
	logical schema.LogicalType
	length  int
	values  any
	levels  []int16 // nil for a required column
}

// parquetFile writes row groups of the same leaves.
func parquetFile(t testing.TB, groups int, leaves ...leafOf) []byte {
	t.Helper()
	return parquetFileWith(t, format.NewWriterProperties(), groups, leaves...)
}

func parquetFileWith(t testing.TB, how *format.WriterProperties, groups int, leaves ...leafOf) []byte {
	t.Helper()
	var fields schema.FieldList
	for _, l := range leaves {
		repetition := format.Repetitions.Required
		if l.levels != nil {
			repetition = format.Repetitions.Optional
		}
		node, err := schema.NewPrimitiveNodeLogical(l.name, repetition, l.logical, l.physical(), l.length, -1)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, node)
	}
	root, err := schema.NewGroupNode("root", format.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(how))
	for range groups {
		group := w.AppendRowGroup()
		for _, l := range leaves {
			c, err := group.NextColumn()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(l.write(c), c.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := group.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (l *leafOf) physical() format.Type {
	switch l.values.(type) {
	case []int32:
		return format.Types.Int32
	case []int64:
		return format.Types.Int64
	case []bool:
		return format.Types.Boolean
	case []float64:
		return format.Types.Double
	case []format.ByteArray:
		return format.Types.ByteArray
	case []format.FixedLenByteArray:
		return format.Types.FixedLenByteArray
	default:
		return format.Types.Int96
	}
}

//nolint:errcheck // a wrong assertion panics, which fails the test
func (l *leafOf) write(c file.ColumnChunkWriter) (err error) {
	switch v := l.values.(type) {
	case []int32:
		_, err = c.(*file.Int32ColumnChunkWriter).WriteBatch(v, l.levels, nil)
	case []int64:
		_, err = c.(*file.Int64ColumnChunkWriter).WriteBatch(v, l.levels, nil)
	case []bool:
		_, err = c.(*file.BooleanColumnChunkWriter).WriteBatch(v, l.levels, nil)
	case []float64:
		_, err = c.(*file.Float64ColumnChunkWriter).WriteBatch(v, l.levels, nil)
	case []format.ByteArray:
		_, err = c.(*file.ByteArrayColumnChunkWriter).WriteBatch(v, l.levels, nil)
	case []format.FixedLenByteArray:
		_, err = c.(*file.FixedLenByteArrayColumnChunkWriter).WriteBatch(v, l.levels, nil)
	case []format.Int96:
		_, err = c.(*file.Int96ColumnChunkWriter).WriteBatch(v, l.levels, nil)
	}
	return err
}

func texts(values ...string) (out []format.ByteArray) {
	for _, v := range values {
		out = append(out, format.ByteArray(v))
	}
	return out
}

// parquetPlan reads one optional column v of a type.
func parquetPlan(t testing.TB, typ string, change func(*project.Column)) *Plan {
	t.Helper()
	parsed, err := column.ParseType(typ)
	if err != nil {
		t.Fatal(err)
	}
	c := project.Column{Name: "v", Type: parsed, From: []string{"V"}, Optional: true}
	if change != nil {
		change(&c)
	}
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.Parquet, Columns: []project.Column{c}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func decimalOf(precision, scale int32) schema.LogicalType {
	return schema.NewDecimalLogicalType(precision, scale)
}

func timeOf(utc bool, unit schema.TimeUnitType) schema.LogicalType {
	return schema.NewTimestampLogicalType(utc, unit)
}

func TestParquetTypes(t *testing.T) {
	t.Parallel()
	none, text := schema.LogicalType(schema.NoLogicalType{}), schema.LogicalType(schema.StringLogicalType{})
	at := time.Date(2024, 7, 1, 12, 0, 0, 123456000, time.UTC)
	wide := append(make([]byte, 15), 0x7b)
	negative := bytes.Repeat([]byte{0xff}, 16)
	int96 := format.NewInt96([3]uint32{0, 0, 2440589})
	for _, c := range []struct {
		typ  string
		leaf leafOf
		want string // values, with reasons for rejects, or a part of the file's error
	}{
		{"int", leafOf{values: []int32{1, -2}, logical: none}, "1 -2"},
		{"int", leafOf{values: []int64{7, 1 << 40}, logical: none}, `7 !"1099511627776" does not fit int: it is too large`},
		{"bigint", leafOf{values: []int32{-1}, logical: schema.NewIntLogicalType(32, false)}, "4294967295"},
		{"bigint", leafOf{values: []int64{5, -1}, logical: schema.NewIntLogicalType(64, false)}, `5 !"18446744073709551615" does not fit bigint: it is too large`},
		{"decimal(20,0)", leafOf{values: []int64{-1}, logical: schema.NewIntLogicalType(64, false)}, `"18446744073709551615"`},
		{"decimal(18,2)", leafOf{values: []int64{12300, -12345}, logical: decimalOf(10, 3)}, `"12.30" !"-12.345" does not fit decimal(18,2): it has more decimals`},
		{"decimal(18,2)", leafOf{values: []int32{5}, logical: decimalOf(4, 1)}, `"0.50"`},
		{"decimal(38,4)", leafOf{values: []format.FixedLenByteArray{wide, negative}, logical: decimalOf(38, 2), length: 16}, `"1.2300" "-0.0100"`},
		{"decimal(18,2)", leafOf{values: texts("\x04\xd2", "\xff"), logical: decimalOf(18, 2)}, `"12.34" "-0.01"`},
		{"decimal(18,2)", leafOf{values: texts("12.3", "x"), logical: text}, `"12.30" !"x" does not fit decimal(18,2): it is not a number`},
		{"decimal(18,2)", leafOf{values: []float64{1.5}, logical: none}, "error: column v is DOUBLE; write it as DECIMAL or string"},
		{"string", leafOf{values: texts("a", "", "\xff", "é\x00"), logical: none}, `"a" "" !"\xff" is not valid UTF-8 !"é\x00" contains a NUL`},
		{"string", leafOf{values: []int32{1}, logical: none}, "error: column v is INT32; write it as string"},
		{"bool", leafOf{values: []bool{true, false}, logical: none}, "true false"},
		{"date", leafOf{values: []int32{19782, math.MaxInt32}, logical: schema.DateLogicalType{}}, `"2024-02-29" !years go from`},
		{"date", leafOf{values: []int64{0}, logical: timeOf(true, schema.TimeUnitMicros)}, "error: column v is INT64 Timestamp"},
		{"timestamp", leafOf{values: []int64{at.UnixMilli(), -1}, logical: timeOf(true, schema.TimeUnitMillis)}, `"2024-07-01T12:00:00.123Z" "1969-12-31T23:59:59.999Z"`},
		{"timestamp", leafOf{values: []int64{at.UnixMicro(), math.MaxInt64}, logical: timeOf(true, schema.TimeUnitMicros)}, `"2024-07-01T12:00:00.123456Z" !years go from`},
		{"timestamp", leafOf{values: []int64{at.UnixNano(), at.UnixNano() + 1}, logical: timeOf(true, schema.TimeUnitNanos)}, `"2024-07-01T12:00:00.123456Z" !finer than`},
		{"timestamp", leafOf{values: []format.Int96{int96}, logical: none}, `"1970-01-02T00:00:00Z"`},
		{"timestamp", leafOf{values: texts("2024-01-02 03:04:05"), logical: text}, `"2024-01-02T03:04:05Z"`},
		{"json", leafOf{values: texts(`{"a": 1}`, `"x"`, "{", "null"), logical: text}, `{"a":1} "x" !malformed JSON null`},
		{"int", leafOf{values: []int32{3}, logical: none, levels: []int16{0, 1, 0}}, "null 3 null"},
	} {
		c.leaf.name = "V"
		if c.leaf.length == 0 {
			c.leaf.length = -1
		}
		plan := parquetPlan(t, c.typ, nil)
		checkParquet(t, plan, parquetFile(t, 1, c.leaf), c.want)
	}
}

// checkParquet scans a file and compares its values in row order; what a reject's raw reads back as must be the same reject.
func checkParquet(t *testing.T, p *Plan, data []byte, want string) {
	t.Helper()
	f, err := openFile(t, writeFile(t, "p.parquet", data), p, Options{Workers: 1})
	if err != nil {
		if !strings.HasPrefix(want, "error: ") || !strings.Contains(err.Error(), want[7:]) {
			t.Errorf("%v, want %s", err, want)
		}
		return
	}
	defer func() { _ = f.Close() }()
	b, err := f.Next(t.Context())
	if err != nil {
		t.Fatalf("%v, want %s", err, want)
	}
	values := make([]string, len(b.Rows)+len(b.Rejects))
	for i, row := range b.Rows {
		values[row-1] = string(b.Columns[0].AppendJSON(nil, i))
		again := lines(t, p, string(b.Raw(i)))
		if len(again.Rows) != 1 || string(again.Columns[0].AppendJSON(nil, 0)) != values[row-1] {
			t.Errorf("%s reads back as %v", b.Raw(i), again.Rejects)
		}
	}
	for _, r := range b.Rejects {
		values[r.Row-1] = "!" + r.Reason
		if again := lines(t, p, string(r.Raw)); len(again.Rejects) != 1 {
			t.Errorf("%s reads back as %s", r.Raw, again.Columns[0].AppendJSON(nil, 0))
		}
	}
	rest := strings.Join(values, " ")
	for _, part := range strings.SplitAfter(want, " ") {
		part = strings.TrimPrefix(part, "!")
		i := strings.Index(rest, strings.TrimSpace(part))
		if i < 0 {
			t.Errorf("got %s, want %s", strings.Join(values, " "), want)
			return
		}
		rest = rest[i+len(strings.TrimSpace(part)):]
	}
}

func TestParquetZonesAndFormats(t *testing.T) {
	t.Parallel()
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Skip(err)
	}
	wall := func(hour int) int64 { return time.Date(2024, 3, 31, hour, 30, 0, 0, time.UTC).UnixMicro() }
	local := leafOf{name: "V", logical: timeOf(false, schema.TimeUnitMicros), length: -1, values: []int64{wall(1), wall(2), wall(3)}}
	zoned := parquetPlan(t, "timestamp", func(c *project.Column) { c.Zone = prague })
	checkParquet(t, zoned, parquetFile(t, 1, local), `"2024-03-31T00:30:00Z" !clocks skip "2024-03-31T01:30:00Z"`)
	formatted := parquetPlan(t, "date", func(c *project.Column) { c.Format = "%d.%m.%Y" })
	native := leafOf{name: "V", logical: schema.DateLogicalType{}, length: -1, values: []int32{1}}
	checkParquet(t, formatted, parquetFile(t, 1, native), "error: which has no format")
	written := leafOf{name: "V", logical: schema.StringLogicalType{}, length: -1, values: texts("1.2.2024", "1.13.2024")}
	checkParquet(t, formatted, parquetFile(t, 1, written), `"2024-02-01" !no such date`)
	epoch := parquetPlan(t, "timestamp", func(c *project.Column) { c.Format = "epoch_ms" })
	counted := leafOf{name: "V", logical: schema.NoLogicalType{}, length: -1, values: []int64{-1, 1700000000123, 1 << 60}}
	checkParquet(t, epoch, parquetFile(t, 1, counted), `"1969-12-31T23:59:59.999Z" "2023-11-14T22:13:20.123Z" !years go from`)
	checkParquet(t, epoch, parquetFile(t, 1, local), "error: which has no format")
	fractions := leafOf{name: "V", logical: schema.NoLogicalType{}, length: -1, values: []float64{1.5}}
	checkParquet(t, epoch, parquetFile(t, 1, fractions), "error: column v is DOUBLE; write it as an integer or string")
}

func TestParquetRows(t *testing.T) {
	t.Parallel()
	const rows = 3 * parquet.MaxBatch
	ids, amounts, notes, floats := texts(), make([]int64, rows), texts(), make([]float64, rows)
	for i := range rows {
		ids = append(ids, format.ByteArray(fmt.Sprint(i)))
		notes = append(notes, format.ByteArray(strings.Repeat("n", i%50)))
		amounts[i], floats[i] = int64(i)*10, float64(i)/2
	}
	amounts[parquet.MaxBatch+5] = 1
	data := parquetFile(t, 2,
		leafOf{name: "note", logical: schema.StringLogicalType{}, length: -1, values: notes}, leafOf{name: "ratio", logical: schema.NoLogicalType{}, length: -1, values: floats},
		leafOf{name: "Amount due", logical: decimalOf(18, 3), length: -1, values: amounts}, leafOf{name: "id", logical: schema.StringLogicalType{}, length: -1, values: ids})
	text := column.Type{Kind: column.String}
	plan, err := NewPlan(&project.Stream{Name: "s", Format: project.Parquet, Columns: []project.Column{
		{Name: "id", Type: text},
		{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}, From: []string{"Amount due"}},
		{Name: "missing", Type: text, Optional: true, Absent: true},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write(data); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"a.parquet": data, "a.parquet.gz": gz.Bytes()} {
		got := scanFile(t, writeFile(t, name, data), plan, Options{Workers: 2})
		if got.err != nil || len(got.rows) != 2*rows-2 || len(got.rejects) != 2 || got.extra != 2*(2*rows-2) {
			t.Fatalf("%s: %d rows, %d rejects, extra %d, %v", name, len(got.rows), len(got.rejects), got.extra, got.err)
		}
		if want := fmt.Sprintf(`%d: "%d" "%d.%02d" null`, 2*rows, rows-1, (rows-1)/100, (rows-1)%100); got.rows[len(got.rows)-1] != want {
			t.Errorf("last row %s, want %s", got.rows[len(got.rows)-1], want)
		}
		bad := parquet.MaxBatch + 5
		want := fmt.Sprintf(`%d: amount: "0.001" does not fit decimal(18,2): it has more decimals: {"note":"%s","ratio":"%v","Amount due":0.001,"id":"%d"}`,
			rows+bad+1, strings.Repeat("n", bad%50), float64(bad)/2, bad)
		if got.rejects[1] != want {
			t.Errorf("got %s\nwant %s", got.rejects[1], want)
		}
	}
	for _, cut := range []int{1, 4, 100, len(data) / 2, len(data) - 1} {
		var read *ReadError
		if got := scanFile(t, writeFile(t, "c.parquet", data[:cut]), plan, Options{}); !errors.As(got.err, &read) {
			t.Errorf("cut at %d: %v", cut, got.err)
		}
	}
	if got := scanFile(t, writeFile(t, "e.parquet", nil), plan, Options{}); got.err != nil || got.rows != nil {
		t.Errorf("empty: %v", got.err)
	}
	if got := scanFile(t, writeFile(t, "m.parquet", data), parquetPlan(t, "int", func(c *project.Column) { c.Optional = false }), Options{}); got.err == nil || !strings.Contains(got.err.Error(), `no column "V" for column v; the file has note, ratio`) {
		t.Errorf("missing column: %v", got.err)
	}
}

// TestParquetRepeats has a dictionary repeat a long value in every row, which must not make one block of them all.
func TestParquetRepeats(t *testing.T) {
	t.Parallel()
	long, values := strings.Repeat("x", 1<<20), texts()
	for range 200 {
		values = append(values, format.ByteArray(long))
	}
	path := writeFile(t, "r.parquet", parquetFile(t, 1, leafOf{name: "V", logical: schema.StringLogicalType{}, length: -1, values: values}))
	if info, err := os.Stat(path); err != nil || info.Size() > 10<<20 {
		t.Skip("the writer did not use a dictionary")
	}
	f, err := openFile(t, path, parquetPlan(t, "string", nil), Options{Workers: 1, BlockBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows := 0
	for {
		b, err := f.Next(t.Context())
		if err != nil {
			break
		}
		if len(b.Columns[0].Bytes) > 4<<20 {
			t.Fatalf("a block of %d bytes", len(b.Columns[0].Bytes))
		}
		rows += len(b.Rows)
		f.Recycle(b)
	}
	if rows != 200 {
		t.Errorf("%d rows", rows)
	}
}

// FuzzParquet wants every file to end in rows or an error, soon.
func FuzzParquet(f *testing.F) {
	f.Add(parquetFile(f, 2, leafOf{name: "V", logical: schema.StringLogicalType{}, length: -1, values: texts("a", "b", "a"), levels: []int16{1, 1, 0, 1}}))
	f.Add(parquetFile(f, 1, leafOf{name: "V", logical: decimalOf(18, 2), length: -1, values: []int64{1, 2}}))
	f.Add(parquetFile(f, 1, leafOf{name: "V", logical: timeOf(true, schema.TimeUnitNanos), length: -1, values: []int64{1, 2}}))
	for _, seed := range encodedFiles(f, 3) {
		f.Add(seed.data)
	}
	plans := []*Plan{parquetPlan(f, "string", nil), parquetPlan(f, "decimal(38,2)", nil), parquetPlan(f, "timestamp", nil), parquetPlan(f, "bool", nil)}
	f.Fuzz(func(t *testing.T, data []byte) {
		path, done := writeFile(t, "f.parquet", data), make(chan struct{})
		go func() {
			defer close(done)
			for _, p := range plans {
				skimFile(path, p)
			}
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("reading hangs")
		}
	})
}

// skimFile reads a file to its end, or up to a number of rows: runs contain millions in a few bytes.
func skimFile(path string, p *Plan) {
	in, err := OpenInput(path)
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }()
	f, err := in.Scan(p, Options{Workers: 1})
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	for rows := 0; rows < 4*parquet.MaxBatch; {
		b, err := f.Next(context.Background())
		if err != nil {
			return
		}
		rows += len(b.Rows) + len(b.Rejects)
		f.Recycle(b)
	}
}
