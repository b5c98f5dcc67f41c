// Records: read back as written, or rejected as corrupt.

package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

// recordTypes has every type that a record can contain; the first two are the key.
var recordTypes = []column.Type{
	textType, bigType,
	textType,
	{Kind: column.JSON},
	{Kind: column.Bool},
	{Kind: column.Int},
	bigType, narrowType, wideType,
	{Kind: column.Date},
	{Kind: column.Timestamp},
	{Kind: column.List, Fields: []column.Field{{Name: "id", Type: textType}, {Name: "amount", Type: wideType}, {Name: "day", Type: column.Type{Kind: column.Date}}}},
}

// largest has 38 digits.
var largest = decimal.Int128OfBig(new(big.Int).Sub(new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil), big.NewInt(1)))

// fill appends extreme and ordinary values; keys are never null.
func fill(r *rand.Rand, v *column.Vector, null bool) {
	switch {
	case null && r.IntN(3) == 0:
		v.AppendNull()
	case v.Type.IsText():
		v.AppendText([]byte(strings.Repeat("\x00xč\xff", r.IntN(60))))
	case v.Type.Kind == column.List:
		for range r.IntN(4) {
			for f := range v.Fields {
				fill(r, &v.Fields[f], true)
			}
		}
		v.AppendList()
	case v.Type.IsWide():
		v.AppendWide([]decimal.Int128{
			{},
			decimal.Int128Of(-1), decimal.Int128Of(math.MinInt64), decimal.Int128Of(math.MaxInt64), decimal.NewInt128(0, 1<<63),
			largest, largest.Negate(), decimal.NewInt128(-1, 5), decimal.NewInt128(1, 0), decimal.NewInt128(0, math.MaxUint64),
		}[r.IntN(10)])
	case v.Type.Kind == column.Bool:
		v.AppendInt(int64(r.IntN(2)))
	default:
		v.AppendInt([]int64{0, 1, -1, 64, -65, math.MaxInt32, math.MinInt64, math.MaxInt64}[r.IntN(8)])
	}
}

func randomRows(r *rand.Rand, rows int) []column.Vector {
	row := column.NewVectors(recordTypes, rows)
	for range rows {
		for c := range row {
			fill(r, &row[c], c >= 2)
		}
	}
	return row
}

func printRow(row []column.Vector, i int) string {
	var line []byte
	for c := range row {
		line = append(row[c].AppendJSON(line, i), ' ')
	}
	return string(line)
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	row := randomRows(rand.New(rand.NewPCG(8, 8)), 2000)
	back := column.NewVectors(recordTypes, 0)
	keys := column.NewVectors(recordTypes[:2], 0)
	var all []byte
	for i := range row[0].Len() {
		all = AppendRecord(all, row, i)
	}
	scan := NewScanner(bytes.NewReader(all))
	for i := range row[0].Len() {
		at, record, err := scan.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want := AppendRecord(nil, row, i); !bytes.Equal(record, want) || !bytes.Equal(all[at:at+uint64(len(record))], want) {
			t.Fatalf("record %d at %d is not the one written", i, at)
		}
		if err := errors.Join(DecodeRecord(record, back), DecodeKey(record, keys, len(row))); err != nil {
			t.Fatal(err)
		}
		if got, want := printRow(back, i), printRow(row, i); got != want {
			t.Fatalf("record %d: got %s, want %s", i, got, want)
		}
		if got, want := printRow(keys, i), printRow(row[:2], i); got != want {
			t.Fatalf("key %d: got %s, want %s", i, got, want)
		}
	}
	if _, _, err := scan.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last record: %v", err)
	}
}

// TestDamagedRecords flips every bit, cuts at every length and adds a byte: each is corrupt, for every reader.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	row := randomRows(rand.New(rand.NewPCG(9, 9)), 3)
	good := AppendRecord(nil, row, 1)
	damaged := map[string][]byte{"longer": append(slices.Clone(good), 0)}
	for bit := range 8 * len(good) {
		bad := slices.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		damaged[fmt.Sprintf("bit %d flipped", bit)] = bad
	}
	for n := range good {
		damaged[fmt.Sprintf("cut at %d", n)] = good[:n]
	}
	for what, bad := range damaged {
		if err := DecodeRecord(bad, column.NewVectors(recordTypes, 0)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
		if err := DecodeKey(bad, column.NewVectors(recordTypes[:2], 0), len(recordTypes)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, its key: %v", what, err)
		}
	}
}

// TestRecordOfOtherColumns decodes records with valid checksums into columns that they were not written from.
func TestRecordOfOtherColumns(t *testing.T) {
	t.Parallel()
	row := column.NewVectors([]column.Type{textType, bigType}, 1)
	row[0].AppendText([]byte("key"))
	row[1].AppendInt(300)
	record := AppendRecord(nil, row, 0)
	for _, types := range [][]column.Type{
		{textType},
		{textType, bigType, bigType},
		{textType, textType},
		{bigType, textType},
		{textType, recordTypes[len(recordTypes)-1]},
		{textType, wideType},
	} {
		if err := DecodeRecord(record, column.NewVectors(types, 0)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("read as %v: %v", types, err)
		}
	}
}

func TestScannerOfCutPart(t *testing.T) {
	t.Parallel()
	row := randomRows(rand.New(rand.NewPCG(10, 10)), 2)
	first := len(AppendRecord(nil, row, 0))
	whole := AppendRecord(AppendRecord(nil, row, 0), row, 1)
	for n := range whole {
		scan, records := NewScanner(bytes.NewReader(whole[:n])), 0
		var err error
		for err == nil {
			if _, _, err = scan.Next(); err == nil {
				records++
			}
		}
		if clean := n == 0 || n == first; clean != errors.Is(err, io.EOF) || !clean && !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d of %d: %v", n, len(whole), err)
		}
		if want := map[bool]int{true: 1}[n >= first]; records != want {
			t.Errorf("cut at %d: %d records, want %d", n, records, want)
		}
	}
	huge := binary.LittleEndian.AppendUint32(nil, maxRecord+1)
	if _, _, err := NewScanner(bytes.NewReader(append(huge, whole...))).Next(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a length beyond the limit: %v", err)
	}
}

// FuzzDecodeRecord decodes any payload under a valid header: it is decoded or rejected, and decoded values are encoded again as
// columns with the same values.
func FuzzDecodeRecord(f *testing.F) {
	row := randomRows(rand.New(rand.NewPCG(11, 11)), 20)
	for i := range 20 {
		f.Add(AppendRecord(nil, row, i)[headerSize:])
	}
	f.Add([]byte{})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		record := make([]byte, headerSize, headerSize+len(payload))
		binary.LittleEndian.PutUint32(record, uint32(len(payload)))
		binary.LittleEndian.PutUint32(record[4:], crc32.Checksum(payload, castagnoli))
		record = append(record, payload...)
		back := column.NewVectors(recordTypes, 0)
		if err := DecodeRecord(record, back); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("refused without ErrCorrupt: %v", err)
			}
			return
		}
		again := column.NewVectors(recordTypes, 0)
		if err := DecodeRecord(AppendRecord(nil, back, 0), again); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		for c := range back {
			if a, b := back[c].AppendPlain(nil, 0), again[c].AppendPlain(nil, 0); !bytes.Equal(a, b) || back[c].IsNull(0) != again[c].IsNull(0) {
				t.Fatalf("column %d: %q, then %q", c, a, b)
			}
		}
	})
}
