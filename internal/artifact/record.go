// The encodings of keys and records.

package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/failure"
)

// headerSize is the size of a record's header: the payload's length and CRC-32C, four bytes each, little endian.
const headerSize = 8

// maxRecord bounds a record's payload: it is exceeded only by a list fold without `keep` that has grown too large.
const maxRecord = 1 << 30

// ErrCorrupt is returned, wrapped, by reading a record or part that is not as it was written. Class Data.
var ErrCorrupt = failure.Wrap(failure.Data, errors.New("corrupt"))

var errColumns = fmt.Errorf("decode record: values do not match the columns: %w", ErrCorrupt)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendRecord encodes row i of the columns (those of the key, then those of the record): header, null mask, values.
func AppendRecord(dst []byte, row []column.Vector, i int) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerSize+(len(row)+7)/8)...)
	mask := start + headerSize
	for c := range row {
		if row[c].IsNull(i) {
			dst[mask+c/8] |= 1 << (c % 8)
			continue
		}
		dst = appendValue(dst, &row[c], i)
	}
	payload := dst[mask:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(payload, castagnoli))
	return dst
}

// appendValue writes integers as varints, wide decimals as varints or, if they do not fit, as 16 bytes, and texts and lists after
// their length.
func appendValue(dst []byte, v *column.Vector, i int) []byte {
	switch {
	case v.Type.IsText():
		text := v.Text(i)
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		return append(dst, text...)
	case v.Type.Kind == column.List:
		return appendList(dst, v, i)
	case v.Type.IsWide():
		n := v.Wide[i]
		if low := int64(n.LowBits()); n.HighBits() == low>>63 {
			return binary.AppendVarint(append(dst, 0), low)
		}
		dst = binary.LittleEndian.AppendUint64(append(dst, 1), n.LowBits())
		return binary.LittleEndian.AppendUint64(dst, uint64(n.HighBits()))
	default:
		return binary.AppendVarint(dst, v.Ints[i])
	}
}

func appendList(dst []byte, v *column.Vector, i int) []byte {
	lo, hi := v.Span(i)
	dst = binary.AppendUvarint(dst, uint64(hi-lo))
	for j := int(lo); j < int(hi); j++ {
		for f := range v.Fields {
			if v.Fields[f].IsNull(j) {
				dst = append(dst, 1)
				continue
			}
			dst = appendValue(append(dst, 0), &v.Fields[f], j)
		}
	}
	return dst
}

// DecodeRecord checks one record and appends its values to the columns, which must be those it was written from.
func DecodeRecord(record []byte, row []column.Vector) error {
	d, mask, err := open(record, len(row))
	if err != nil {
		return err
	}
	for c := range row {
		if d.bad {
			break
		}
		if mask[c/8]&(1<<(c%8)) != 0 {
			row[c].AppendNull()
			continue
		}
		d.value(&row[c])
	}
	if d.bad || len(d.rest) != 0 {
		return errColumns
	}
	return nil
}

// DecodeKey checks one record of the given number of columns and appends only its key, the first columns.
func DecodeKey(record []byte, key []column.Vector, width int) error {
	d, _, err := open(record, width)
	if err != nil {
		return err
	}
	for c := range key {
		d.value(&key[c])
	}
	if d.bad {
		return errColumns
	}
	return nil
}

// open checks a record's header and splits off its null mask.
func open(record []byte, width int) (d decoder, mask []byte, err error) {
	if len(record) < headerSize {
		return d, nil, fmt.Errorf("decode record of %d bytes: %w", len(record), ErrCorrupt)
	}
	payload := record[headerSize:]
	if int(binary.LittleEndian.Uint32(record)) != len(payload) {
		return d, nil, fmt.Errorf("decode record: length does not match: %w", ErrCorrupt)
	}
	if binary.LittleEndian.Uint32(record[4:]) != crc32.Checksum(payload, castagnoli) {
		return d, nil, fmt.Errorf("decode record: checksum does not match: %w", ErrCorrupt)
	}
	d = decoder{rest: payload}
	mask = d.read(uint64(width+7) / 8)
	if d.bad {
		return d, nil, errColumns
	}
	return d, mask, nil
}

// decoder reads values from a payload. After the first error bad is set and all values are empty.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) read(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) value(v *column.Vector) {
	switch {
	case v.Type.IsText():
		v.AppendText(d.read(d.uvarint()))
	case v.Type.Kind == column.List:
		d.list(v)
	case v.Type.IsWide():
		v.AppendWide(d.wide())
	default:
		v.AppendInt(d.varint())
	}
}

func (d *decoder) wide() decimal.Int128 {
	flag := d.read(1)
	if d.bad || flag[0] == 0 {
		return decimal.Int128Of(d.varint())
	}
	b := d.read(16)
	if d.bad {
		return decimal.Int128{}
	}
	return decimal.NewInt128(int64(binary.LittleEndian.Uint64(b[8:])), binary.LittleEndian.Uint64(b))
}

func (d *decoder) list(v *column.Vector) {
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		for f := range v.Fields {
			null := d.read(1)
			if d.bad {
				return
			}
			if null[0] == 1 {
				v.Fields[f].AppendNull()
				continue
			}
			d.value(&v.Fields[f])
		}
	}
	v.AppendList()
}

// Scanner reads a whole part record by record.
type Scanner struct {
	in     io.Reader
	offset uint64
	record []byte
}

// NewScanner reads a part from its start; in should be buffered.
func NewScanner(in io.Reader) *Scanner { return &Scanner{in: in} }

// Next returns the next record and its offset, io.EOF at the end. The record is valid until the next call. Its checksum is compared
// when it is decoded.
func (s *Scanner) Next() (offset uint64, record []byte, err error) {
	s.record = slices.Grow(s.record[:0], headerSize)[:headerSize]
	if _, err := io.ReadFull(s.in, s.record); err == io.EOF {
		return 0, nil, err
	} else if err != nil {
		return 0, nil, s.readError(err)
	}
	size := binary.LittleEndian.Uint32(s.record)
	if size > maxRecord {
		return 0, nil, fmt.Errorf("read record at %d: length %d: %w", s.offset, size, ErrCorrupt)
	}
	s.record = slices.Grow(s.record, int(size))[:headerSize+size]
	_, err = io.ReadFull(s.in, s.record[headerSize:])
	if err != nil {
		return 0, nil, s.readError(err)
	}
	offset = s.offset
	s.offset += uint64(len(s.record))
	return offset, s.record, nil
}

// readError marks a part that ends within a record as corrupt; other errors do not mean that the part is damaged.
func (s *Scanner) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read record at %d: %w", s.offset, err)
}

// AppendKey encodes the key in row i of its columns. Encoded keys compare as the keys do, numbers by value and strings by their
// UTF-8 bytes, and no key is a prefix of another. Keys contain no nulls.
func AppendKey(dst []byte, key []column.Vector, i int) []byte {
	for c := range key {
		v := &key[c]
		switch {
		case v.Type.IsText():
			dst = appendText(dst, v.Text(i))
		case v.Type.IsWide():
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.Wide[i].HighBits())^(1<<63))
			dst = binary.BigEndian.AppendUint64(dst, v.Wide[i].LowBits())
		default:
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.Ints[i])^(1<<63))
		}
	}
	return dst
}

// IsKey reports whether row i of a record's columns starts with the encoded key.
func IsKey(key []byte, row []column.Vector, i int) bool {
	var buffer [128]byte
	encoded := buffer[:0]
	for c := 0; len(encoded) < len(key) && c < len(row); c++ {
		encoded = AppendKey(encoded, row[c:c+1], i)
	}
	return bytes.Equal(encoded, key)
}

// appendText terminates a text with 00 01 and escapes a zero byte in it as 00 FF.
func appendText(dst, text []byte) []byte {
	for {
		zero := bytes.IndexByte(text, 0)
		if zero < 0 {
			return append(append(dst, text...), 0, 1)
		}
		dst = append(append(dst, text[:zero+1]...), 0xFF)
		text = text[zero+1:]
	}
}
