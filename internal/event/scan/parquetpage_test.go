// Parquet pages: good ones of every encoding are read, those that cannot be what they state are refused.

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/duck"
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
	var words []parquet.ByteArray
	var fixed []parquet.FixedLenByteArray
	for i := range n {
		narrow, wide = append(narrow, int32(i*i*7919%100003-50000)), append(wide, int64(i)*1e12-int64(i%5))
		bools, words = append(bools, i%3 == 1), append(words, parquet.ByteArray(fmt.Sprintf("account-%d%s", i/7, strings.Repeat("x", i%11))))
		fixed = append(fixed, parquet.FixedLenByteArray{0, 0, byte(i >> 8), byte(i)})
	}
	if n > 2 {
		narrow[1], narrow[2] = math.MinInt32, math.MaxInt32
		words[2] = parquet.ByteArray{}
	}
	e := parquet.Encodings
	for _, c := range []struct {
		typ       string
		leaf      leafOf
		encodings []parquet.Encoding
	}{
		{"int", leafOf{values: narrow, logical: none}, []parquet.Encoding{e.Plain, e.RLEDict, e.DeltaBinaryPacked, e.ByteStreamSplit}},
		{"bigint", leafOf{values: wide, logical: none}, []parquet.Encoding{e.Plain, e.RLEDict, e.DeltaBinaryPacked, e.ByteStreamSplit}},
		{"bool", leafOf{values: bools, logical: none}, []parquet.Encoding{e.Plain, e.RLE}},
		{"string", leafOf{values: words, logical: none}, []parquet.Encoding{e.Plain, e.RLEDict, e.DeltaLengthByteArray, e.DeltaByteArray}},
		{"decimal(9,0)", leafOf{values: fixed, logical: decimalOf(9, 0), length: 4}, []parquet.Encoding{e.Plain, e.RLEDict, e.ByteStreamSplit}},
	} {
		for _, encoding := range c.encodings {
			for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
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

func encodedFile(t testing.TB, typ string, leaf leafOf, encoding parquet.Encoding, version parquet.DataPageVersion, optional bool, n int) encoded {
	t.Helper()
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Zstd, compress.Codecs.Brotli}
	how := []parquet.WriterProperty{
		parquet.WithDictionaryDefault(encoding == parquet.Encodings.RLEDict), parquet.WithDataPageVersion(version), parquet.WithDataPageSize(4096),
		parquet.WithBatchSize(100), parquet.WithCompression(codecs[(int(encoding)+len(typ))%len(codecs)]),
	}
	if encoding != parquet.Encodings.RLEDict {
		how = append(how, parquet.WithEncoding(encoding))
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
	e.data = parquetFileWith(t, parquet.NewWriterProperties(how...), 1, leaf)
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
	case []parquet.ByteArray:
		return fmt.Sprintf("%q", v[i])
	case []parquet.FixedLenByteArray:
		return fmt.Sprintf(`"%d"`, int(v[i][2])<<8|int(v[i][3]))
	default:
		return "?"
	}
}

func TestParquetEncodings(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 129, 3 * maxBatch / 2} {
		for _, c := range encodedFiles(t, n) {
			got := scanFile(t, writeFile(t, "e.parquet", c.data), parquetPlan(t, c.typ, nil), Options{Workers: 1})
			if got.err != nil || len(got.rejects) > 0 || !slices.Equal(got.rows, c.want) {
				t.Errorf("%d rows, %s: %v; %d rows, %d rejects", n, c.name, got.err, len(got.rows), len(got.rejects))
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

// givenPages is a column chunk of pages made by hand.
type givenPages struct {
	file.PageReader
	pages []file.Page
	at    int
}

func (g *givenPages) Next() bool      { g.at++; return g.at <= len(g.pages) }
func (g *givenPages) Page() file.Page { return g.pages[g.at-1] }
func (g *givenPages) Err() error      { return nil }

func dataV1(n int32, encoding parquet.Encoding, data string) file.Page {
	return file.NewDataPageV1(memory.NewBufferBytes([]byte(data)), n, encoding, parquet.Encodings.RLE, parquet.Encodings.RLE, int32(len(data)))
}

func dataV2(n int32, encoding parquet.Encoding, definition, repetition int32, data string) file.Page {
	return file.NewDataPageV2(memory.NewBufferBytes([]byte(data)), n, 0, n, encoding, definition, repetition, int32(len(data)), false)
}

func dictionaryOf(n int32, data string) file.Page {
	return file.NewDictionaryPage(memory.NewBufferBytes([]byte(data)), n, parquet.Encodings.Plain)
}

// TestDamagedPages gives pages that the library hangs at, takes memory for without limit, or reads behind the end of.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	e, ints, words, bools := parquet.Encodings, parquet.Types.Int32, parquet.Types.ByteArray, parquet.Types.Boolean
	const levels = "\x02\x00\x00\x00\x08\x01" // four rows with a value
	head := "\x80\x01\x04\x04"                // blocks of 128 in 4 miniblocks, 4 values
	for _, c := range []struct {
		name     string
		typ      parquet.Type
		optional bool
		pages    []file.Page
		want     string // of the error; empty for a good page of four rows
	}{
		{"good", ints, true, []file.Page{dataV1(4, e.DeltaBinaryPacked, levels+head+"\x02\x02\x00\x00\x00\x00")}, ""},
		{"good V2", ints, true, []file.Page{dataV2(4, e.DeltaBinaryPacked, 2, 0, levels[4:]+head+"\x02\x02\x00\x00\x00\x00")}, ""},
		{"good texts", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x00\x00\x00\x00\x00"+head+"\x02\x00\x00\x00\x00\x00"+"abcd")}, ""},
		{"a last miniblock cut short", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, head+"\x02\x02\x08\x00\x00\x00\x01\x02\x03")}, ""},
		{"a last group cut short", ints, false, []file.Page{dictionaryOf(2, "\x01\x00\x00\x00\x02\x00\x00\x00"), dataV1(4, e.RLEDict, "\x05\x03\x21\x04\x00")}, ""},
		{"fewer levels", ints, true, []file.Page{dataV1(4, e.Plain, "\x02\x00\x00\x00\x06\x01"+strings.Repeat("\x00", 16))}, "its definition levels: it ends too early"},
		{"fewer packed levels", ints, true, []file.Page{dataV1(9, e.Plain, "\x02\x00\x00\x00\x05\xff"+strings.Repeat("\x00", 36))}, "its definition levels: it ends too early"},
		{"no length of levels", ints, true, []file.Page{dataV1(4, e.Plain, "\x02")}, "it ends too early"},
		{"levels longer than the page", ints, true, []file.Page{dataV1(4, e.Plain, "\xff\x00\x00\x00\x08\x01")}, "a length of 255 bytes, and 2 are left"},
		{"an empty run", ints, true, []file.Page{dataV1(4, e.Plain, "\x02\x00\x00\x00\x00\x01"+strings.Repeat("\x00", 16))}, "a run of length 0"},
		{"a run beyond all", ints, true, []file.Page{dataV1(4, e.Plain, "\x0b\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"+strings.Repeat("\x00", 16))}, "a run of length 9223372036854775807"},
		{"levels packed the old way", ints, true, []file.Page{file.NewDataPageV1(memory.NewBufferBytes([]byte("\xff"+strings.Repeat("\x00", 16))), 4, e.Plain, e.BitPacked, e.BitPacked, 17)}, "encoded as BIT_PACKED"},
		{"negative count", ints, false, []file.Page{dataV1(-4, e.Plain, strings.Repeat("\x00", 16))}, "it states -4 values"},
		{"negative levels", ints, true, []file.Page{dataV2(4, e.Plain, 4, -2, levels+strings.Repeat("\x00", 16))}, "states -2 and 4 bytes of levels"},
		{"levels longer than a V2 page", ints, true, []file.Page{dataV2(4, e.Plain, math.MaxInt32, math.MaxInt32, levels)}, "bytes of levels, and has 6 bytes"},
		{"fewer plain values", ints, false, []file.Page{dataV1(4, e.Plain, strings.Repeat("\x00", 15))}, "15 bytes for 4 values of 4 bytes"},
		{"fewer plain bools", bools, false, []file.Page{dataV1(9, e.Plain, "\x00")}, "1 bytes for 9 values of a bit"},
		{"fewer split values", ints, false, []file.Page{dataV1(4, e.ByteStreamSplit, strings.Repeat("\x00", 12))}, "12 bytes for 4 values of 4 bytes"},
		{"fewer bools", bools, false, []file.Page{dataV1(4, e.RLE, "\x02\x00\x00\x00\x06\x01")}, "its values in RLE: it ends too early"},
		{"bools behind their end", bools, false, []file.Page{dataV1(9, e.RLE, "\x02\x00\x00\x00\x05\x01")}, "its values in RLE: it ends too early"},
		{"fewer differences", ints, false, []file.Page{dataV1(5, e.DeltaBinaryPacked, head+"\x02\x02\x00\x00\x00\x00")}, "the page has 5 values, they are 4"},
		{"fewer differences than present", ints, true, []file.Page{dataV1(4, e.DeltaBinaryPacked, levels+"\x80\x01\x04\x03\x02\x02\x00\x00\x00\x00")}, "the page has 4 values, they are 3"},
		{"no blocks", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, head+"\x02")}, "it ends too early"},
		{"no differences", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, head+"\x02\x02\x20\x00\x00\x00")}, "it ends too early"},
		{"differences of 65 bits", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, head+"\x02\x02\x41\x00\x00\x00")}, "differences of 65 bits"},
		{"empty miniblocks", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, "\x02\x04\x04\x02\x02\x00\x00\x00\x00")}, "blocks of 2 values"},
		{"empty blocks", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, "\x00\x04\x04\x02\x02\x00\x00\x00\x00")}, "blocks of 0 values"},
		{"more miniblocks than values", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, "\x80\x01\x80\x02\x04\x02\x02"+strings.Repeat("\x00", 300))}, "blocks of 128 values in 256 miniblocks"},
		{"no miniblocks", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, "\x80\x01\x00\x04\x02\x02\x00\x00\x00\x00")}, "in 0 miniblocks"},
		{"huge blocks", ints, false, []file.Page{dataV1(4, e.DeltaBinaryPacked, "\x80\x80\x80\x80\x80\x40\x01\x04\x02\x02\x00")}, "blocks of 2199023255552 values"},
		{"endless texts", words, false, []file.Page{dataV1(4, e.DeltaLengthByteArray, "\x80\x01\x04\xff\xff\xff\xff\xff\x3f\x02\x00\x00\x00\x00\x00")}, "the page has 4 values, they are 2199023255551"},
		{"endless texts of no row", words, true, []file.Page{dataV1(4, e.DeltaLengthByteArray, "\x02\x00\x00\x00\x08\x00\x80\x01\x04\xff\xff\xff\xff\xff\x3f\x02")}, "the page has 0 values, they are 2199023255551"},
		{"texts stated and there", words, false, []file.Page{dataV1(math.MaxInt32, e.DeltaLengthByteArray, "\x80\x01\x04\xff\xff\xff\xff\x07\x00")}, "2147483647 texts in a page"},
		{"texts behind the end", words, false, []file.Page{dataV1(4, e.DeltaLengthByteArray, head+"\x04\x00\x00\x00\x00\x00"+"aabbccd")}, "texts of 8 bytes, and 7 are left"},
		{"negative texts", words, false, []file.Page{dataV1(4, e.DeltaLengthByteArray, head+"\x03\x00\x00\x00\x00\x00"+"aabbccd")}, "a text of -2 bytes"},
		{"endless shared texts", words, false, []file.Page{dataV1(4, e.DeltaByteArray, "\x80\x01\x04\xff\xff\xff\xff\xff\x3f\x00\x00\x00\x00\x00\x00"+head+"\x02\x00\x00\x00\x00\x00"+"abcd")}, "shared lengths: the page has 4 values"},
		{"endless suffixes", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x00\x00\x00\x00\x00\x80\x01\x04\xff\xff\xff\xff\xff\x3f\x02\x00\x00\x00\x00\x00"+"abcd")}, "lengths: the page has 4 values"},
		{"more shared than there is", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x04\x00\x00\x00\x00"+head+"\x02\x00\x00\x00\x00\x00"+"abcd")}, "a text shares 2 bytes of one of 1"},
		{"shared without end", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x80\x80\x80\x80\x01\x00\x00\x00\x00"+head+"\x80\x80\x80\x80\x01\x00\x00\x00\x00\x00"+"abcd")}, "8192 texts repeat more than"},
		{"no dictionary", ints, false, []file.Page{dataV1(4, e.RLEDict, "\x01\x08\x00")}, "no dictionary comes before"},
		{"fewer entries", ints, false, []file.Page{dictionaryOf(3, strings.Repeat("\x00", 8)), dataV1(4, e.RLEDict, "\x02\x08\x02")}, "8 bytes for 3 values of 4 bytes"},
		{"endless entries", words, false, []file.Page{dictionaryOf(math.MaxInt32, "\x01\x00\x00\x00a"), dataV1(4, e.RLEDict, "\x1f\x08\xfe\xff\xff\x7f")}, "its dictionary of 2147483647 entries"},
		{"an entry behind the end", words, false, []file.Page{dictionaryOf(1, "\x09\x00\x00\x00a"), dataV1(4, e.RLEDict, "\x00\x08")}, "a length of 9 bytes, and 1 are left"},
		{"an index of no entry", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x01\x08\x01")}, "index 1 in a dictionary of 1 entries"},
		{"a packed index of no entry", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x01\x03\x08")}, "index 1 in a dictionary of 1 entries"},
		{"an index of no bits", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x00\x02\x06")}, "index 6 in a dictionary of 1 entries"},
		{"indexes of 33 bits", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x21\x08\x00\x00\x00\x00\x00")}, "indexes of 33 bits"},
		{"no indexes", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "")}, "it ends too early"},
		{"fewer indexes", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x01\x06\x00")}, "it ends too early"},
		{"an encoding unknown", ints, false, []file.Page{dataV1(4, parquet.Encoding(99), "")}, "not known"},
	} {
		repetition := parquet.Repetitions.Required
		var level int16
		if c.optional {
			repetition, level = parquet.Repetitions.Optional, 1
		}
		node, err := schema.NewPrimitiveNode("V", repetition, c.typ, -1, -1)
		if err != nil {
			t.Fatal(err)
		}
		descriptor := schema.NewColumn(node, level, 0)
		pages := &validatedPages{PageReader: &givenPages{pages: c.pages}, stream: &chunkStream{}, leaf: descriptor, entries: -1}
		reader := file.NewColumnReader(descriptor, pages, memory.NewGoAllocator(), nil) //nolint:staticcheck // as group.open
		l := &leaf{shape: &shape{column: "V"}, reader: reader, start: -1}
		switch err := l.read(0, 4); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), "a page is damaged: ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestPackedPages unpacks bytes that state more, or contain less, than the page that they are to fill.
func TestPackedPages(t *testing.T) {
	t.Parallel()
	k := compress.Codecs
	full := bytes.Repeat([]byte("page"), 100)
	pack := func(kind compress.Compression) []byte {
		codec, err := compress.GetCodec(kind)
		if err != nil {
			t.Fatal(err)
		}
		return codec.Encode(make([]byte, 1000), full)
	}
	for _, kind := range []compress.Compression{k.Snappy, k.Gzip, k.Brotli, k.Zstd} {
		if got := unpackPage(t, kind, len(full), pack(kind)); got != string(full) {
			t.Errorf("%s: %.100s", kind, got)
		}
		if got := unpackPage(t, kind, 0, pack(kind)); got != "" {
			t.Errorf("%s of no bytes: %d bytes", kind, len(got))
		}
		if got := unpackPage(t, kind, 2*len(full), pack(kind)); !strings.HasPrefix(got, "panic: ") {
			t.Errorf("%s of more bytes: %.100s", kind, got)
		}
	}
	for _, c := range []struct {
		kind compress.Compression
		data string
		want string
	}{
		{k.Snappy, "\xff\xff\xff\xff\x0f\x00", "a page of 400 bytes: it unpacks to 4294967295 bytes"},
		{k.Zstd, "\x28\xb5\x2f\xfd\xc0\x00\x00\x00\x00\x00\x0f\x00\x00\x00\x01\x00\x00", "a page of 400 bytes: it unpacks to more"},
		{k.Uncompressed, "short", "a page of 400 bytes: it unpacks to 5 bytes"},
	} {
		if got := unpackPage(t, c.kind, len(full), []byte(c.data)); got != "panic: "+c.want {
			t.Errorf("%s: %.200s, want %s", c.kind, got, c.want)
		}
	}
}

// unpackPage gives what bytes unpack to, or the panic.
func unpackPage(t *testing.T, kind compress.Compression, size int, packed []byte) (got string) {
	t.Helper()
	codec, err := compress.GetCodec(kind)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			got = fmt.Sprint("panic: ", p)
		}
	}()
	return string(codec.Decode(make([]byte, size), packed))
}

// TestChunkEnds gives a chunk whose metadata state other places, and a stream that ends within a page.
func TestChunkEnds(t *testing.T) {
	t.Parallel()
	stream := &chunkStream{BufferedReader: bufferOf(t, "0123456789"), left: 4}
	if got, err := stream.Peek(6); string(got) != "0123" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if n, err := stream.Discard(3); n != 3 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	got, err := io.ReadAll(io.LimitReader(stream, 1))
	if string(got) != "3" || err != nil || stream.short {
		t.Errorf("%q %v %v", got, err, stream.short)
	}
	if _, err := stream.Peek(1); !errors.Is(err, io.EOF) || stream.short {
		t.Errorf("%v %v", err, stream.short)
	}
	if n, err := stream.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) || !stream.short {
		t.Errorf("%d %v %v", n, err, stream.short)
	}
}

func bufferOf(t *testing.T, text string) parquet.BufferedReader {
	t.Helper()
	properties := parquet.NewReaderProperties(nil)
	properties.BufferedStreamEnabled = true
	r, err := properties.GetStream(strings.NewReader(text), 0, int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
