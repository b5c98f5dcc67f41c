// JSON objects, each on one line or several, one after another or in lists, are read as JSON lines: one object on each.

package scan

import (
	"fmt"
	"io"
)

// objectBlock is how many bytes of a file are converted at a time.
const objectBlock = 64 << 10

// ObjectLines returns the objects of a file as lines. Outside a top-level list a line is a row, and so is every further object on it. In
// a top-level list a row is an element's number. Values keep their bytes, but for line ends between tokens, which become blanks. A list
// that is not closed is an error, as a part of the file is missing. Outside of lists an object that is not closed ends with the line where
// it is inside a text, or before a line that begins with an object that it cannot contain: so a broken row takes no other with it.
func ObjectLines(file io.Reader) io.Reader { return &objectReader{in: file} }

// objectReader converts blocks of a file.
type objectReader struct {
	in   io.Reader
	raw  []byte
	out  []byte // converted
	from int    // what of out was read
	err  error

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

// Read reads the next bytes of the lines.
func (r *objectReader) Read(p []byte) (int, error) {
	for r.from == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.convert()
	}
	n := copy(p, r.out[r.from:])
	r.from += n
	return n, nil
}

func (r *objectReader) convert() {
	if r.raw == nil {
		r.raw = make([]byte, objectBlock)
	}
	n, err := r.in.Read(r.raw)
	r.out, r.from = r.out[:0], 0
	for i := 0; i < n; i++ {
		if r.quoted {
			i += r.text(r.raw[i:n]) - 1
			continue
		}
		r.token(r.raw[i])
	}
	if r.err = err; err == io.EOF && r.list { //nolint:errorlint // readers return io.EOF itself
		r.err = errOpenList
	}
}

// text copies bytes of a text up to its end or the end of b, and returns how many.
func (r *objectReader) text(b []byte) int {
	for i, c := range b {
		switch {
		case c == '\n' && !r.list: // no text contains one
			r.out = append(r.out, b[:i]...)
			r.endRow()
			r.quoted, r.escaped, r.fresh = false, false, true
			return i + 1
		case r.escaped:
			r.escaped = false
		case c == '\\':
			r.escaped = true
		case c == '"':
			r.out = append(r.out, b[:i+1]...)
			r.quoted, r.last = false, c
			return i + 1
		}
	}
	r.out = append(r.out, b...)
	return len(b)
}

// token converts a byte outside texts.
func (r *objectReader) token(c byte) {
	switch c {
	case ' ', '\t', '\r':
		r.out = append(r.out, c)
		return
	case '\n':
		r.lineEnd()
		return
	}
	if r.stack.depth == 0 && r.between(c) {
		r.last, r.fresh = c, false
		return
	}
	switch c {
	case '"':
		r.quoted = true
	case '{', '[':
		if c == '{' && r.cut() {
			r.endRow()
		}
		r.stack.open(c == '{')
	case '}', ']':
		if r.stack.depth > 0 {
			r.stack.close()
		}
	}
	r.out = append(r.out, c)
	r.row, r.last, r.fresh = true, c, false
}

// between handles a byte outside rows, and reports whether that is all.
func (r *objectReader) between(c byte) bool {
	switch {
	case r.list && c == ',':
		r.endRow()
	case r.list && c == ']':
		r.list = false
		r.endRow()
	case !r.list && !r.row && c == '[':
		r.list = true
		r.out = append(r.out, ' ')
	default:
		if c == '{' && r.row {
			r.endRow()
		}
		return false
	}
	return true
}

// lineEnd ends a row, unless it goes on or is an element of a list.
func (r *objectReader) lineEnd() {
	if r.fresh = true; r.stack.depth > 0 || r.list {
		r.out = append(r.out, ' ')
		return
	}
	r.endRow()
}

// cut reports whether an object begins a line in a row that cannot contain it: the row was cut off before.
func (r *objectReader) cut() bool {
	if !r.fresh || r.stack.depth == 0 {
		return false
	}
	return r.last != ':' && (r.stack.inObject() || r.last != ',' && r.last != '[')
}

func (r *objectReader) endRow() {
	r.out = append(r.out, '\n')
	r.row, r.stack, r.last = false, nesting{}, 0
}

// errOpenList is the error of a file that ends within a list.
var errOpenList = fmt.Errorf("a list or object is not closed: %w", io.ErrUnexpectedEOF)
