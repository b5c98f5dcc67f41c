// Divides a stream of bytes into texts of whole rows.

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// csvState is where in a row a CSV reader is.
type csvState byte

const (
	fieldStart csvState = iota
	inField
	inQuotes
	afterQuote // in quotes, after a quote: the field's end, or half of a doubled quote
)

// recordEnd returns the position after the line end of the CSV record that continues at p. If the record continues after b, it returns -1
// and the state.
func recordEnd(b []byte, p int, delimiter byte, state csvState) (int, csvState) {
	for ; p < len(b); p++ {
		c := b[p]
		if state == inQuotes {
			n := bytes.IndexByte(b[p:], '"')
			if n < 0 {
				return -1, state
			}
			p, state = p+n, afterQuote
			continue
		}
		switch {
		case c == '\n':
			return p + 1, fieldStart
		case c == delimiter:
			state = fieldStart
		case c == '"' && state != inField:
			state = inQuotes
		default:
			state = inField
		}
	}
	return -1, state
}

// cutter reads a file and cuts it at row ends.
type cutter struct {
	name      string
	source    io.Reader
	csv       bool
	delimiter byte
	size      int // desired size of a text in bytes
	tempDir   string
	maxKept   int64  // how many bytes are kept of a row longer than MaxLine
	rest      []byte // read, but after the last cut
	line      int64  // 1-based line at which rest starts
	started   bool
	err       error // why there is nothing more to read
	unclosed  error // for a last row of many lines: returned after it
}

// cut is a text, or one row that is too long for memory, in a file.
type cut struct {
	text *text
	long *Reject
}

// next reads the next text into buf, which it may replace by a larger one. It returns io.EOF at the end, or a *ReadError after the last whole row.
func (c *cutter) next(buf []byte) (cut, error) {
	buf = append(buf[:0], c.rest...)
	c.rest = c.rest[:0]
	want := c.size
	for {
		buf = c.read(buf, want)
		if end := c.lastEnd(buf); end > 0 {
			c.rest = append(c.rest, buf[end:]...)
			return cut{text: c.text(buf[:end])}, nil
		}
		switch {
		case len(buf) > MaxLine+1:
			return c.spill(buf)
		case c.err == nil:
			want = min(2*max(want, len(buf)), MaxLine+2)
			continue
		case !errors.Is(c.err, io.EOF):
			return cut{}, &ReadError{File: c.name, Row: c.line, Err: c.err}
		case len(buf) == 0 && c.unclosed != nil:
			return cut{}, c.unclosed
		case len(buf) == 0:
			return cut{}, io.EOF
		}
		if c.csv {
			c.checkLastRow(buf, c.line)
		}
		return cut{text: c.text(buf)}, nil
	}
}

// Unclosed returns an error if the last row of a whole CSV file has many lines and a quote that is never closed.
func Unclosed(data []byte, delimiter byte) error {
	c := &cutter{csv: true, delimiter: delimiter}
	if last := c.lastEnd(data); last < len(data) {
		c.checkLastRow(data[last:], int64(bytes.Count(data[:last], newline))+1)
	}
	if open, is := errors.AsType[*ReadError](c.unclosed); is {
		return fmt.Errorf("row %d: %w", open.Row, open.Err)
	}
	return nil
}

// checkLastRow records how the last row of a CSV file ends; the row starts at line.
func (c *cutter) checkLastRow(row []byte, line int64) {
	_, state := recordEnd(row, 0, c.delimiter, fieldStart)
	c.noteUnclosed(state, line, int64(bytes.Count(bytes.TrimSuffix(row, newline), newline))+1)
}

// noteUnclosed records how the last row of a CSV file ends, given its first line and number of lines. An unclosed quote may have swallowed
// any number of rows: such a file counts as not read to its end.
func (c *cutter) noteUnclosed(state csvState, line, lines int64) {
	if state == inQuotes && lines > 1 {
		c.unclosed = &ReadError{File: c.name, Row: line, Err: fmt.Errorf("a quote is never closed, so the row takes the rest of the file: %d lines", lines)}
	}
}

// read fills buf up to want bytes, or to the end of the source.
func (c *cutter) read(buf []byte, want int) []byte {
	if cap(buf) < want+padding+1 {
		buf = append(make([]byte, 0, want+padding+1), buf...)
	}
	for len(buf) < want && c.err == nil {
		var n int
		n, c.err = c.source.Read(buf[len(buf):want])
		buf = buf[:len(buf)+n]
	}
	if !c.started && (len(buf) >= len(sheetMark)+len("x\r\n") || c.err != nil) {
		c.started = true
		buf = c.begin(buf)
	}
	return buf
}

// sheetMark begins the line that spreadsheet programs write before CSV, followed by the delimiter.
const sheetMark = "sep="

// CutSheetLine removes that line from a text. The delimiter is 0 if there is none.
func CutSheetLine(text []byte) (delimiter byte, rest []byte) {
	line, rest, _ := bytes.Cut(text, newline)
	line = trimReturn(line)
	if len(line) != len(sheetMark)+1 || !bytes.EqualFold(line[:len(sheetMark)], []byte(sheetMark)) {
		return 0, text
	}
	return line[len(sheetMark)], rest
}

// begin drops the line that names a CSV file's delimiter, and fails for a file of another format.
func (c *cutter) begin(buf []byte) []byte {
	if advice := ForeignFormat(buf); advice != "" {
		c.err = errors.New(advice)
		return buf[:0]
	}
	delimiter, rest := CutSheetLine(buf)
	switch {
	case !c.csv || delimiter == 0:
		return buf
	case delimiter != c.delimiter:
		c.err = fmt.Errorf("the file says `%s%c`: declare `csv: {delimiter: %q}`", sheetMark, delimiter, string(delimiter))
		return buf[:0]
	}
	c.line++
	return buf[:copy(buf, rest)]
}

// text returns a text of whole rows; only the last row of a file may lack its line end.
func (c *cutter) text(b []byte) *text {
	t := &text{line: c.line, bare: len(b)}
	if b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	t.end = len(b)
	t.b = append(b, make([]byte, padding)...)
	c.line += int64(bytes.Count(b, newline))
	return t
}

// lastEnd returns the position after the last row end in b, or 0.
func (c *cutter) lastEnd(b []byte) int {
	if !c.csv || bytes.IndexByte(b, '"') < 0 {
		return bytes.LastIndexByte(b, '\n') + 1
	}
	last := 0
	for {
		end := last
		if n := bytes.IndexByte(b[last:], '\n'); n < 0 {
			return last
		} else if bytes.IndexByte(b[last:last+n], '"') < 0 {
			end += n + 1
		} else if end, _ = recordEnd(b, last, c.delimiter, fieldStart); end < 0 {
			return last
		}
		last = end
	}
}

// maxKept is how many bytes of such a row are kept, since a small archive may unpack to any length.
const maxKept = 1 << 30

// spill writes a row that is longer than MaxLine to a compressed file, so that it is kept without being in memory.
func (c *cutter) spill(buf []byte) (_ cut, err error) {
	row := c.line
	file, err := os.CreateTemp(c.tempDir, "bursar-row-*")
	if err != nil {
		return cut{}, fmt.Errorf("keep the row of %s at line %d: %w", c.name, row, err)
	}
	size, err := c.pack(file, buf)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		if read, is := errors.AsType[*ReadError](err); is {
			return cut{}, read
		}
		return cut{}, fmt.Errorf("keep the row of %s at line %d: %w", c.name, row, err)
	}
	reason := tooLongRow(size)
	if size > c.maxKept {
		reason += fmt.Sprintf("; its first %d bytes are kept", c.maxKept)
	}
	return cut{long: &Reject{Row: row, RawFile: file.Name(), Reason: reason}}, nil
}

// pack copies a row that begins with buf into a compressed file.
func (c *cutter) pack(file io.Writer, buf []byte) (size int64, err error) {
	zip, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, err
	}
	size, err = c.copyRow(&head{zip, c.maxKept}, buf)
	return size, errors.Join(err, zip.Close())
}

type head struct {
	to   io.Writer
	left int64
}

func (h *head) Write(p []byte) (int, error) {
	n, err := h.to.Write(p[:min(int64(len(p)), h.left)])
	if h.left -= int64(n); err != nil {
		return n, err
	}
	return len(p), nil
}

func tooLongRow(size int64) string {
	return fmt.Sprintf("the row is %d bytes long: the limit is 64 MiB", size)
}

// copyRow copies one row that begins with buf, and returns its length. What follows it becomes the rest.
func (c *cutter) copyRow(out io.Writer, buf []byte) (size int64, err error) {
	row, state, more := c.line, fieldStart, int64(1) // more is a last line without an end
	for {
		end := bytes.IndexByte(buf, '\n') + 1
		if c.csv {
			end, state = recordEnd(buf, 0, c.delimiter, state)
		}
		piece := buf
		if end > 0 {
			c.rest = append(c.rest[:0], buf[end:]...)
			piece = buf[:end]
		}
		c.line += int64(bytes.Count(piece, newline))
		if len(piece) > 0 {
			more = 1
			if piece[len(piece)-1] == '\n' {
				more = 0
			}
		}
		if end > 0 {
			piece = piece[:end-1]
		}
		n, err := out.Write(piece)
		size += int64(n)
		switch {
		case err != nil || end > 0:
			return size, err
		case errors.Is(c.err, io.EOF):
			c.noteUnclosed(state, row, c.line-row+more)
			c.line++
			return size, nil
		case c.err != nil:
			return size, &ReadError{File: c.name, Row: row, Err: c.err}
		}
		buf = c.read(buf[:0], c.size)
	}
}
