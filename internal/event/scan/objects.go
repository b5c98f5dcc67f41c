// JSON objects, each on one line or several, one after another or in lists, are read as JSON lines: one object on each.

package scan

import (
	"fmt"
	"io"
	"strings"
)

// objectBlock is how many bytes of a file are converted at a time.
const objectBlock = 64 << 10

// ObjectLines returns the objects of a file as lines. Outside a top-level list a line is a row, and so is every further object on it. In
// a top-level list a row is an element's number. Values keep their bytes, but for line ends between tokens, which become blanks. A list
// that is not closed is an error, as a part of the file is missing. Outside of lists an object that is not closed ends with the line where
// it is inside a text, or before a line that begins with an object that it cannot contain: so a broken row takes no other with it.
func ObjectLines(file io.Reader) io.Reader {
	r := &objectReader{}
	r.lineReader = lineReader{in: file, convert: r.convert, end: r.end}
	return r
}

// lineReader converts a file block by block.
type lineReader struct {
	in      io.Reader
	convert func(block []byte) // appends to out; it may change the block
	end     func() error       // returns the error of a file that ends here; io.EOF if it is complete
	raw     []byte             // a block
	out     []byte             // converted
	from    int                // what of out was read
	err     error
}

// Read reads the next bytes of the lines.
func (l *lineReader) Read(p []byte) (int, error) {
	for l.from == len(l.out) {
		if l.err != nil {
			return 0, l.err
		}
		l.next()
	}
	n := copy(p, l.out[l.from:])
	l.from += n
	return n, nil
}

// next converts the next block.
func (l *lineReader) next() {
	if l.raw == nil {
		l.raw = make([]byte, objectBlock)
	}
	n, err := l.in.Read(l.raw)
	l.out, l.from = l.out[:0], 0
	l.convert(l.raw[:n])
	if l.err = err; err == io.EOF {
		l.err = l.end()
	}
}

// objectReader converts blocks of a file in place, but for line ends that it inserts.
type objectReader struct {
	lineReader

	kept    int     // bytes of the block that are in out
	stack   nesting // of the current row
	list    bool    // inside a top-level list
	row     bool    // the current line has a part of a row
	quoted  bool    // inside a text
	escaped bool    // after a backslash in it
	fresh   bool    // only blanks were read since the line end
	last    byte    // the last byte that is not blank
}

// nesting is the objects and lists that are open: a bit for each, 1 for an object. Beyond 64 the scanner refuses the row anyway.
type nesting struct {
	depth   int
	objects uint64
}

func (n *nesting) open(object bool) {
	n.depth++
	n.objects <<= 1
	if object {
		n.objects |= 1
	}
}

func (n *nesting) close() {
	n.depth--
	n.objects >>= 1
}

// inObject reports whether the innermost open one is an object.
func (n *nesting) inObject() bool { return n.objects&1 == 1 }

func (r *objectReader) convert(b []byte) {
	r.kept = 0
	for i := 0; i < len(b); i++ {
		switch {
		case r.quoted:
			i = r.text(b, i)
		case plain[b[i]]:
			i = r.value(b, i)
		default:
			r.token(b, i)
		}
	}
	r.out = append(r.out, b[r.kept:]...)
}

func (r *objectReader) end() error {
	if r.list {
		return errOpenList
	}
	return io.EOF
}

// plain are the bytes of numbers and words.
var plain = func() (is [256]bool) {
	for c := range is {
		is[c] = !strings.ContainsRune(" \t\r\n\"{}[],", rune(c))
	}
	return is
}()

// value passes over plain bytes from i on, and returns the position of the last.
func (r *objectReader) value(b []byte, i int) int {
	for i+1 < len(b) && plain[b[i+1]] {
		i++
	}
	r.row, r.fresh, r.last = true, false, b[i]
	return i
}

// text passes over bytes of a text up to its end or that of b, and returns the position of the last.
func (r *objectReader) text(b []byte, i int) int {
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case r.escaped:
			if r.escaped = false; c != '\n' {
				continue
			}
		case c == '\\':
			r.escaped = true
			continue
		case c == '"':
			r.quoted, r.last = false, c
			return i
		}
		if c == '\n' && !r.list { // no text contains one
			r.endRow()
			r.quoted, r.fresh = false, true
			return i
		}
	}
	return i
}

// token converts a byte outside texts that is not plain.
func (r *objectReader) token(b []byte, i int) {
	c := b[i]
	switch c {
	case ' ', '\t', '\r':
		return
	case '\n':
		if r.fresh = true; r.stack.depth > 0 || r.list {
			b[i] = ' '
		} else {
			r.endRow()
		}
		return
	}
	if r.stack.depth == 0 && r.between(b, i) {
		r.fresh = false
		return
	}
	switch c {
	case '"':
		r.quoted = true
	case '{', '[':
		if c == '{' && r.cut() {
			r.insertEnd(b, i)
		}
		r.stack.open(c == '{')
	case '}', ']':
		if r.stack.depth > 0 {
			r.stack.close()
		}
	}
	r.row, r.last, r.fresh = true, c, false
}

// between converts a byte outside rows, and reports whether it belongs to none.
func (r *objectReader) between(b []byte, i int) bool {
	switch c := b[i]; {
	case r.list && (c == ',' || c == ']'):
		r.list = c == ','
		b[i] = '\n'
		r.endRow()
	case !r.list && !r.row && c == '[':
		r.list = true
		b[i] = ' '
	default:
		if c == '{' && r.row {
			r.insertEnd(b, i)
		}
		return false
	}
	return true
}

// cut reports whether an object begins a line in a row that cannot contain it: the row was cut off before.
func (r *objectReader) cut() bool {
	if !r.fresh || r.stack.depth == 0 {
		return false
	}
	return r.last != ':' && (r.stack.inObject() || r.last != ',' && r.last != '[')
}

// insertEnd ends a row before position i.
func (r *objectReader) insertEnd(b []byte, i int) {
	r.out = append(append(r.out, b[r.kept:i]...), '\n')
	r.kept = i
	r.endRow()
}

func (r *objectReader) endRow() { r.row, r.stack, r.last = false, nesting{}, 0 }

// errOpenList is the error of a file that ends within a list.
var errOpenList = fmt.Errorf("a list or object is not closed: %w", io.ErrUnexpectedEOF)
