// Pages that cannot be what they state are refused.

package parquet

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

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

func descriptorOf(t *testing.T, typ parquet.Type, optional bool) *schema.Column {
	t.Helper()
	repetition, level := parquet.Repetitions.Required, int16(0)
	if optional {
		repetition, level = parquet.Repetitions.Optional, 1
	}
	node, err := schema.NewPrimitiveNode("V", repetition, typ, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	return schema.NewColumn(node, level, 0)
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
		{"indexes of no bits", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x00\x02\x06")}, ""},
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
		{"texts stated and there", words, false, []file.Page{dataV1(math.MaxInt32, e.DeltaLengthByteArray, "\x80\x01\x04\xff\xff\xff\xff\x07\x00")}, "lengths: it ends too early"},
		{"texts behind the end", words, false, []file.Page{dataV1(4, e.DeltaLengthByteArray, head+"\x04\x00\x00\x00\x00\x00"+"aabbccd")}, "a text of 2 bytes, and 1 are left"},
		{"negative texts", words, false, []file.Page{dataV1(4, e.DeltaLengthByteArray, head+"\x03\x00\x00\x00\x00\x00"+"aabbccd")}, "a text of -2 bytes"},
		{"endless shared texts", words, false, []file.Page{dataV1(4, e.DeltaByteArray, "\x80\x01\x04\xff\xff\xff\xff\xff\x3f\x00\x00\x00\x00\x00\x00"+head+"\x02\x00\x00\x00\x00\x00"+"abcd")}, "shared lengths: the page has 4 values"},
		{"endless suffixes", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x00\x00\x00\x00\x00\x80\x01\x04\xff\xff\xff\xff\xff\x3f\x02\x00\x00\x00\x00\x00"+"abcd")}, "lengths: the page has 4 values"},
		{"more shared than there is", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x04\x00\x00\x00\x00"+head+"\x02\x00\x00\x00\x00\x00"+"abcd")}, "a text shares 2 bytes of one of 1"},
		{"shared without end", words, false, []file.Page{dataV1(4, e.DeltaByteArray, head+"\x00\x80\x80\x80\x80\x01\x00\x00\x00\x00"+head+"\x80\x80\x80\x80\x01\x00\x00\x00\x00\x00"+"abcd")}, "a text of 134217728 bytes, and 4 are left"},
		{"no dictionary", ints, false, []file.Page{dataV1(4, e.RLEDict, "\x01\x08\x00")}, "no dictionary comes before"},
		{"fewer entries", ints, false, []file.Page{dictionaryOf(3, strings.Repeat("\x00", 8)), dataV1(4, e.RLEDict, "\x02\x08\x02")}, "8 bytes for 3 values of 4 bytes"},
		{"endless entries", words, false, []file.Page{dictionaryOf(math.MaxInt32, "\x01\x00\x00\x00a"), dataV1(4, e.RLEDict, "\x1f\x08\xfe\xff\xff\x7f")}, "its dictionary of 2147483647 entries"},
		{"an entry behind the end", words, false, []file.Page{dictionaryOf(1, "\x09\x00\x00\x00a"), dataV1(4, e.RLEDict, "\x00\x08")}, "a length of 9 bytes, and 1 are left"},
		{"an index of no entry", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x01\x08\x01")}, "index 1 in a dictionary of 1 entries"},
		{"a packed index of no entry", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x01\x03\x08")}, "index 1 in a dictionary of 1 entries"},
		{"indexes of 33 bits", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x21\x08\x00\x00\x00\x00\x00")}, "indexes of 33 bits"},
		{"no indexes", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "")}, "it ends too early"},
		{"fewer indexes", ints, false, []file.Page{dictionaryOf(1, "\x01\x00\x00\x00"), dataV1(4, e.RLEDict, "\x01\x06\x00")}, "it ends too early"},
		{"an encoding unknown", ints, false, []file.Page{dataV1(4, parquet.Encoding(99), "")}, "not known"},
	} {
		from := newColumn(descriptorOf(t, c.typ, c.optional))
		chunk := newChunk(&from, &givenPages{pages: c.pages}, &chunkStream{})
		last := c.pages[len(c.pages)-1]
		switch err := chunk.read(int64(max(4, min(last.NumValues(), 9)))); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), "a page is damaged: ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestRepeatedTexts has a dictionary repeat a long text in every row of several pages: the batch contains it once.
func TestRepeatedTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	pages := &givenPages{pages: []file.Page{
		dictionaryOf(1, "\x00\x00\x10\x00"+long),
		dataV1(MaxBatch/2, parquet.Encodings.RLEDict, "\x01\x80\x40\x00"), dataV1(MaxBatch/2, parquet.Encodings.RLEDict, "\x01\x80\x40\x00"),
	}}
	from := newColumn(descriptorOf(t, parquet.Types.ByteArray, false))
	c := newChunk(&from, pages, &chunkStream{})
	if err := c.read(MaxBatch); err != nil || string(c.Text(c.Index(MaxBatch-1))) != long || len(c.copied) > 0 {
		t.Errorf("%v, %d bytes were copied", err, len(c.copied))
	}
}

// TestSharedTexts has texts repeat a long one completely, which must not make a batch of gigabytes.
func TestSharedTexts(t *testing.T) {
	t.Parallel()
	const long, head = 200 << 20, "\x80\x01\x04\xac\x02" // blocks of 128 in 4 miniblocks, 300 values
	equal := strings.Repeat("\x00", 3*5)
	shared := head + string(binary.AppendVarint(nil, long)) + equal
	pages := &givenPages{pages: []file.Page{dataV1(300, parquet.Encodings.DeltaByteArray, shared+head+"\x00"+equal)}}
	from := newColumn(descriptorOf(t, parquet.Types.ByteArray, false))
	c := newChunk(&from, pages, &chunkStream{})
	c.last = make([]byte, long)
	if err := c.read(300); err == nil || !strings.Contains(err.Error(), "8192 rows have more than 268435456 bytes of text") {
		t.Errorf("a batch of 60 GB: %v", err)
	}
}

// panickingPages panics, as the library does for a page that it cannot unpack.
type panickingPages struct{ file.PageReader }

func (panickingPages) Next() bool { panic("a page of 12 bytes") }

func TestPanickingPages(t *testing.T) {
	t.Parallel()
	f := &File{Columns: []Column{newColumn(descriptorOf(t, parquet.Types.Int32, false))}}
	f.Columns[0].Name = "V"
	g := &Group{file: f, chunks: []*chunk{newChunk(&f.Columns[0], panickingPages{}, &chunkStream{})}}
	if _, err := g.Read(0, 0, 4); err == nil || err.Error() != `read column "V": the file is damaged: a page of 12 bytes` {
		t.Errorf("%v", err)
	}
}
