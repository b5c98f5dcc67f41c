// What DuckDB's reader makes of values that this package reads exactly or rejects by row: why the package has its own reader of Parquet.

package scan

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/project"
)

// TestParquetReaderOfDuckDB fails if DuckDB's reader becomes exact: the decision to have another one can then be revised.
func TestParquetReaderOfDuckDB(t *testing.T) {
	t.Parallel()
	none, text := schema.LogicalType(schema.NoLogicalType{}), schema.LogicalType(schema.StringLogicalType{})
	wide := append(make([]byte, 16), 0x7b)
	for _, c := range []struct {
		name string
		typ  string
		leaf leafOf
		own  string // what this package reads
		duck string // what DuckDB reads, or a part of its error
	}{
		{
			"nanoseconds in UTC", "timestamp",
			leafOf{values: []int64{1000, 1001, -1}, logical: timeOf(true, schema.TimeUnitNanos)},
			`"1970-01-01T00:00:00.000001Z" !finer than !finer than`, "00:00:00.000001+00, TIMESTAMP WITH TIME ZONE 1970-01-01 00:00:00.000001+00, TIMESTAMP WITH TIME ZONE 1970-01-01 00:00:00+00",
		},
		{
			"INT96 with nanoseconds", "timestamp",
			leafOf{values: []format.Int96{format.NewInt96([3]uint32{1, 0, 2440589})}, logical: none},
			"!finer than", "TIMESTAMP 1970-01-02 00:00:00",
		},
		{
			"one text that is not UTF-8", "string",
			leafOf{values: texts("a", "\xff", "b"), logical: text},
			`"a" !is not valid UTF-8 "b"`, "Invalid string encoding found in Parquet file",
		},
		{
			"one JSON text that is not JSON", "json",
			leafOf{values: texts("1", "{", "2"), logical: schema.JSONLogicalType{}},
			"1 !malformed JSON 2", "Invalid JSON found in Parquet file",
		},
		{
			"a decimal declared with 39 digits", "decimal(18,2)",
			leafOf{values: []format.FixedLenByteArray{wide}, logical: decimalOf(39, 2), length: 17},
			`"1.23"`, "DOUBLE 8.863084066665136e+16",
		},
		{
			"one decimal that is too large", "decimal(18,2)",
			leafOf{values: texts("\x04\xd2", "\x7f\xff\xff\xff\xff\xff\xff\xff\x00"), logical: decimalOf(18, 2)},
			`"12.34" !it is too large`, "Invalid decimal encoding in Parquet file",
		},
	} {
		if c.leaf.name = "V"; c.leaf.length == 0 {
			c.leaf.length = -1
		}
		data := parquetFile(t, 1, c.leaf)
		checkParquet(t, parquetPlan(t, c.typ, nil), data, c.own)
		got := readByDuckDB(t, writeFile(t, "d.parquet", data))
		t.Logf("%s: here %s; DuckDB %s", c.name, c.own, got)
		if !strings.Contains(got, c.duck) {
			t.Errorf("%s: DuckDB reads %s, not %s", c.name, got, c.duck)
		}
	}
}

// readByDuckDB gives the values of column V as text with their type, or the error.
func readByDuckDB(t *testing.T, path string) string {
	t.Helper()
	session, err := duck.Open(duck.Options{Threads: 1, Dirs: []string{filepath.Dir(path)}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var values []string
	sql := fmt.Sprintf("SELECT typeof(V) || ' ' || CAST(V AS VARCHAR) FROM read_parquet(%s)", duck.Literal(path))
	err = session.Query(t.Context(), sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			values = append(values, string(rows[0].Text(i)))
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(values, ", ")
}

// BenchmarkParquetReaders reads the same file here and by DuckDB, in turn, with one thread each. DuckDB's values are not checked, and
// another process, which would have to protect this one from a hostile file, is not counted.
func BenchmarkParquetReaders(b *testing.B) {
	const rows = 1000000
	path := writeFile(b, "p.parquet", benchParquet(b, rows, format.Encodings.RLEDict))
	plan, err := NewPlan(benchStream(project.Parquet), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("own", func(b *testing.B) { benchPath(b, path, plan, 1) })
	b.Run("DuckDB", func(b *testing.B) {
		for b.Loop() {
			session, err := duck.Open(duck.Options{Threads: 1, Dirs: []string{filepath.Dir(path)}})
			if err != nil {
				b.Fatal(err)
			}
			read := 0
			err = session.Query(b.Context(), "SELECT file_row_number, * FROM read_parquet("+duck.Literal(path)+", file_row_number = true)", func(v []column.Vector) error {
				read += v[0].Len()
				return nil
			})
			session.Close()
			if err != nil || read != rows {
				b.Fatal(err, read)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
}
