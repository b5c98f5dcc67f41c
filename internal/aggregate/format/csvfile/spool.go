// A row of the file and its defects; keeps rows until their statement can begin, in memory and then in a file.

package csvfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// spoolBytes is how many bytes of rows are kept in memory; more go to the file.
const spoolBytes = 16 << 20

// spool keeps rows by group. Rows that do not fit in memory go to one file, in segments: each has rows of one group
// and the offset of the group's next segment, so that memory grows with the number of groups and not of rows.
type spool struct {
	dir      string // folder of the file; "" is the system's folder for temporary files
	limit    int    // bytes in memory
	buffered int
	inMemory []*group // groups with rows in memory
	file     *os.File
	end      int64
}

type group struct {
	account, currency string
	scope             int // number of its scope; see emitter

	firstPlace  statement.Place // of its first row in the spool
	encoded     []byte          // rows in memory
	first, last int64           // offsets of segments; -1 if there are none
}

// segmentHead is the length of a segment's header: the offset of the group's next segment, or 0, and the length of
// its rows.
const segmentHead = 16

func (s *spool) add(g *group, r row) error {
	if len(g.encoded) == 0 {
		s.inMemory = append(s.inMemory, g)
	}
	if len(g.encoded) == 0 && g.first < 0 {
		g.firstPlace = r.place
	}
	before := len(g.encoded)
	g.encoded = encodeRow(g.encoded, r)
	if s.buffered += len(g.encoded) - before; s.buffered < s.limit {
		return nil
	}
	if err := s.flush(); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	return nil
}

// flush writes all rows in memory to the file, one segment for each group.
func (s *spool) flush() (err error) {
	if s.file == nil {
		if s.file, err = os.CreateTemp(s.dir, "csv-rows-"); err != nil {
			return err
		}
	}
	out := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), statement.Window)
	for _, g := range s.inMemory {
		var head [segmentHead]byte
		binary.LittleEndian.PutUint64(head[8:], uint64(len(g.encoded)))
		_, _ = out.Write(head[:]) // Flush returns its error
		_, _ = out.Write(g.encoded)
		if err := s.link(g); err != nil {
			return err
		}
		s.end += segmentHead + int64(len(g.encoded))
		g.encoded = nil
	}
	s.inMemory, s.buffered = s.inMemory[:0], 0
	return out.Flush()
}

// link makes the new segment the group's last one. The previous one is already in the file, because a flush writes
// one for each group.
func (s *spool) link(g *group) error {
	if g.first < 0 {
		g.first, g.last = s.end, s.end
		return nil
	}
	var next [8]byte
	binary.LittleEndian.PutUint64(next[:], uint64(s.end))
	_, err := s.file.WriteAt(next[:], g.last)
	g.last = s.end
	return err
}

// each passes the rows of a group to yield, in the order of add, and removes them.
func (s *spool) each(g *group, yield func(row) error) error {
	for at := g.first; at >= 0; {
		var head [segmentHead]byte
		if _, err := s.file.ReadAt(head[:], at); err != nil {
			return fmt.Errorf("read spooled rows: %w", err)
		}
		length := binary.LittleEndian.Uint64(head[8:])
		if length > uint64(s.end-at) {
			return errDamagedSpool
		}
		rows := make([]byte, length)
		if _, err := s.file.ReadAt(rows, at+segmentHead); err != nil {
			return fmt.Errorf("read spooled rows: %w", err)
		}
		if err := eachRow(rows, yield); err != nil {
			return err
		}
		if at = int64(binary.LittleEndian.Uint64(head[:])); at == 0 {
			break
		}
	}
	waiting := g.encoded
	g.first, g.last, g.encoded = -1, -1, nil
	return eachRow(waiting, yield)
}

func (s *spool) reset() { s.inMemory, s.buffered, s.end = s.inMemory[:0], 0, 0 }

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()           // its content is not needed
		_ = os.Remove(s.file.Name()) // the scratch folder is emptied at the next start
	}
}

// encodeRow appends a row in the format that eachRow reads.
func encodeRow(buffer []byte, r row) []byte {
	for _, number := range [...]uint64{uint64(r.place.Line), uint64(r.place.Column), uint64(len(r.fields))} {
		buffer = binary.AppendUvarint(buffer, number)
	}
	for _, texts := range [...][]string{{r.defect, r.column, r.start}, r.fields} {
		for _, text := range texts {
			buffer = append(binary.AppendUvarint(buffer, uint64(len(text))), text...)
		}
	}
	return buffer
}

// errDamagedSpool says that the scratch file is not as it was written.
var errDamagedSpool = errors.New("read spooled rows: the scratch file is damaged")

func eachRow(encoded []byte, yield func(row) error) error {
	damaged := false
	number := func() uint64 {
		n, size := binary.Uvarint(encoded)
		if damaged = damaged || size <= 0; damaged {
			return 0
		}
		encoded = encoded[size:]
		return n
	}
	length := func() uint64 { // of what follows
		n := number()
		if damaged = damaged || n > uint64(len(encoded)); damaged {
			return 0
		}
		return n
	}
	for len(encoded) > 0 {
		r := row{place: statement.Place{Line: int64(number()), Column: int64(number())}}
		texts := make([]string, 3+length())
		for i := range texts {
			n := length()
			texts[i], encoded = string(encoded[:n]), encoded[n:]
		}
		if damaged {
			return errDamagedSpool
		}
		r.defect, r.column, r.start, r.fields = texts[0], texts[1], texts[2], texts[3:]
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

type row struct {
	place  statement.Place
	fields []string
	defect string // why it cannot be read: its fields do not match the header, or it names no account; "" if it can be read
	column string // of a defective row: the column of the stream entries that has no value, if it is one
	start  string // of a defective row: its first bytes
}

// cell returns a field without the blanks around it; "" for a column that does not exist.
func (r row) cell(column int) string {
	if column < 0 || column >= len(r.fields) {
		return ""
	}
	return strings.TrimSpace(toUTF8(r.fields[column]))
}

// cell returns a field of a row; "" for a placeholder.
func (t *table) cell(r row, column int) string {
	text := r.cell(column)
	if text != "" && slices.Contains(t.mapping.Notation.Placeholder, text) {
		return ""
	}
	return text
}

// checkNamed makes a row defective that states no account or currency.
func (t *table) checkNamed(r *row) {
	switch c := &t.columns; {
	case r.defect != "":
	case c.account >= 0 && t.cell(*r, c.account) == "":
		r.defect, r.column = "names no account", "account"
	case c.currency >= 0 && t.cell(*r, c.currency) == "":
		r.defect, r.column = "names no currency", "currency"
	}
	if r.defect != "" && r.start == "" {
		r.start = strings.Join(r.fields, string(t.csv.Comma))
		r.start = strings.ToValidUTF8(toUTF8(r.start[:min(len(r.start), maxRaw)]), "")
	}
}

// trimLine returns the first line of a row, in UTF-8.
func trimLine(raw []byte) string {
	raw = bytes.TrimLeft(raw, "\r\n")
	if i := bytes.IndexByte(raw, '\n'); i >= 0 {
		raw = raw[:i]
	}
	return strings.TrimSpace(toUTF8(string(raw)))
}
