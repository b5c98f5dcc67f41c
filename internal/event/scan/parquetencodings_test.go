// Parquet files in every encoding and page version, of two writers.

package scan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/duck"
	"bursar/internal/event/scan/parquet"
)

// encoded is a file of one column V in some encoding.
type encoded struct {
	name string
	typ  string
	data []byte
	want []string // rows, as scanFile gives them
}

// encodedFiles writes n rows in every encoding and page version, required and with every third row null.
func encodedFiles(t testing.TB, n int) (all []encoded) {
	t.Helper()
	none := schema.LogicalType(schema.NoLogicalType{})
	var narrow []int32
	var wide []int64
	var bools []bool
	var words []format.ByteArray
	var fixed []format.FixedLenByteArray
	for i := range n {
		narrow, wide = append(narrow, int32(i*i*7919%100003-50000)), append(wide, int64(i)*1e12-int64(i%5))
		bools, words = append(bools, i%3 == 1), append(words, format.ByteArray(fmt.Sprintf("account-%d%s", i/7, strings.Repeat("x", i%11))))
		fixed = append(fixed, format.FixedLenByteArray{0, 0, byte(i >> 8), byte(i)})
	}
	if n > 2 {
		narrow[1], narrow[2] = math.MinInt32, math.MaxInt32
		words[2] = format.ByteArray{}
	}
	e := format.Encodings
	for _, c := range []struct {
		typ       string
		leaf      leafOf
		encodings []format.Encoding
	}{
		{"int", leafOf{values: narrow, logical: none}, []format.Encoding{e.Plain, e.RLEDict, e.DeltaBinaryPacked, e.ByteStreamSplit}},
		{"bigint", leafOf{values: wide, logical: none}, []format.Encoding{e.Plain, e.RLEDict, e.DeltaBinaryPacked, e.ByteStreamSplit}},
		{"bool", leafOf{values: bools, logical: none}, []format.Encoding{e.Plain, e.RLE}},
		{"string", leafOf{values: words, logical: none}, []format.Encoding{e.Plain, e.RLEDict, e.DeltaLengthByteArray, e.DeltaByteArray}},
		{"decimal(9,0)", leafOf{values: fixed, logical: decimalOf(9, 0), length: 4}, []format.Encoding{e.Plain, e.RLEDict, e.ByteStreamSplit}},
	} {
		for _, encoding := range c.encodings {
			for _, version := range []format.DataPageVersion{format.DataPageV1, format.DataPageV2} {
				for _, optional := range []bool{false, true} {
					leaf := c.leaf
					if leaf.name = "V"; leaf.length == 0 {
						leaf.length = -1
					}
					all = append(all, encodedFile(t, c.typ, leaf, encoding, version, optional, n))
				}
			}
		}
	}
	return all
}

func encodedFile(t testing.TB, typ string, leaf leafOf, encoding format.Encoding, version format.DataPageVersion, optional bool, n int) encoded {
	t.Helper()
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Zstd, compress.Codecs.Brotli}
	how := []format.WriterProperty{
		format.WithDictionaryDefault(encoding == format.Encodings.RLEDict), format.WithDataPageVersion(version), format.WithDataPageSize(4096),
		format.WithBatchSize(100), format.WithCompression(codecs[(int(encoding)+len(typ))%len(codecs)]),
	}
	if encoding != format.Encodings.RLEDict {
		how = append(how, format.WithEncoding(encoding))
	}
	e := encoded{name: fmt.Sprintf("%s %s V%d optional %v", typ, encoding, version+1, optional), typ: typ}
	row := 0
	for i := range n {
		if optional {
			if row++; row%3 == 0 {
				leaf.levels, e.want = append(leaf.levels, 0), append(e.want, fmt.Sprintf("%d: null", row))
				row++
			}
			leaf.levels = append(leaf.levels, 1)
		} else {
			row++
		}
		e.want = append(e.want, fmt.Sprintf("%d: %s", row, leaf.text(i)))
	}
	e.data = parquetFileWith(t, format.NewWriterProperties(how...), 1, leaf)
	return e
}

// text is value i as JSON.
func (l *leafOf) text(i int) string {
	switch v := l.values.(type) {
	case []int32:
		return fmt.Sprint(v[i])
	case []int64:
		return fmt.Sprint(v[i])
	case []bool:
		return fmt.Sprint(v[i])
	case []format.ByteArray:
		return fmt.Sprintf("%q", v[i])
	case []format.FixedLenByteArray:
		return fmt.Sprintf(`"%d"`, int(v[i][2])<<8|int(v[i][3]))
	default:
		return "?"
	}
}

func TestParquetEncodings(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 129, 3 * parquet.MaxBatch / 2} {
		for _, c := range encodedFiles(t, n) {
			got := scanFile(t, writeFile(t, "e.parquet", c.data), parquetPlan(t, c.typ, nil), Options{Workers: 1})
			if got.err != nil || len(got.rejects) > 0 || !slices.Equal(got.rows, c.want) {
				t.Errorf("%d rows, %s: %v; %d rows, %d rejects", n, c.name, got.err, len(got.rows), len(got.rejects))
			}
		}
	}
}

// TestParquetPageSizes reads pages that end anywhere in the buffers of the library: near the end of a buffer it reads in pieces.
func TestParquetPageSizes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	plan := parquetPlan(t, "bigint", nil)
	for n := 1990; n < 4200; n += 1 + random.IntN(60) {
		values := make([]int64, n)
		want := make([]string, n)
		for i := range values {
			values[i] = random.Int64()
			want[i] = fmt.Sprintf("%d: %d", i+1, values[i])
		}
		for _, codec := range []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy} {
			how := format.NewWriterProperties(format.WithDictionaryDefault(n%2 == 0), format.WithCompression(codec))
			data := parquetFileWith(t, how, 1, leafOf{name: "V", logical: schema.NoLogicalType{}, length: -1, values: values})
			got := scanFile(t, writeFile(t, "p.parquet", data), plan, Options{Workers: 1})
			if got.err != nil || !slices.Equal(got.rows, want) {
				t.Errorf("%d rows in %s pages: %v, or other values", n, codec, got.err)
			}
		}
	}
}

// TestParquetDuckDB reads what another writer makes of both page versions.
func TestParquetDuckDB(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	session, err := duck.Open(duck.Options{Threads: 1, Dirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for typ, value := range map[string]string{
		"int": "i * 7919 %% 100003", "bigint": "i * 1000000000000", "bool": "i %% 3 = 1", "string": "'account-' || i * 31 || repeat('x', i %% 11)", "date": "DATE '2024-01-01' + i",
	} {
		for version, keep := range map[string]string{"V1": "true", "V2": "i %% 3 > 0"} {
			for _, rows := range []int{1, 5, 5000} {
				for _, keep := range []string{keep, "false"} {
					path := filepath.Join(dir, fmt.Sprintf("%s-%s-%d-%d.parquet", typ, version, rows, len(keep)))
					query := fmt.Sprintf(`COPY (SELECT CASE WHEN `+keep+` THEN `+value+` END AS "V" FROM range(%d) r(j), (SELECT j::INT AS i)) TO '%s' (FORMAT parquet, PARQUET_VERSION %s)`, rows, path, version)
					if err := session.Exec(t.Context(), query); err != nil {
						t.Fatal(err)
					}
					got := scanFile(t, path, parquetPlan(t, typ, nil), Options{Workers: 1})
					if got.err != nil || len(got.rows) != rows {
						t.Errorf("%s: %v; %d rows", filepath.Base(path), got.err, len(got.rows))
					}
				}
			}
		}
	}
}
