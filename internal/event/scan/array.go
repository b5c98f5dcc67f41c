// JSON arrays: a file that is one array of objects is read as JSON lines, one object on each.

package scan

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// arrayStart is how many bytes of a file are searched for the beginning of an array.
const arrayStart = 4096

// ArrayLines passes a file through, unless it begins with an array of objects: then each element becomes a line, so that a row is an
// element's number. Every byte becomes one byte: the commas between elements become line feeds, and brackets and line ends around
// values blanks, so memory is that of one row. An array that is not closed is an error, as a part of the file is missing.
func ArrayLines(file io.Reader) io.Reader {
	in := bufio.NewReaderSize(file, arrayStart)
	head, _ := in.Peek(arrayStart) // reading on returns the error
	head, isArray := bytes.CutPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("["))
	head = bytes.TrimLeft(head, " \t\r\n")
	if !isArray || len(head) == 0 || head[0] != '{' && head[0] != ']' {
		return in
	}
	return &arrayReader{in: in}
}

// arrayReader reads the arrays of a file as lines.
type arrayReader struct {
	in      io.Reader
	inside  bool // an array
	depth   int  // of objects and arrays within an element
	quoted  bool // inside a string
	escaped bool // after a backslash in it
	lines   bool // something else follows the arrays: it is passed through
}

// Read reads the next bytes of the lines.
func (a *arrayReader) Read(p []byte) (int, error) {
	n, err := a.in.Read(p)
	for i := 0; i < n && !a.lines; i++ {
		switch {
		case !a.inside:
			a.between(&p[i])
		case a.quoted:
			a.quoted = p[i] != '"' || a.escaped
			a.escaped = p[i] == '\\' && !a.escaped
		default:
			a.element(&p[i])
		}
	}
	if err == io.EOF && a.inside { //nolint:errorlint // readers return io.EOF itself
		err = fmt.Errorf("the array is not closed: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// between handles a byte outside arrays.
func (a *arrayReader) between(c *byte) {
	switch *c {
	case '[':
		a.inside, *c = true, ' '
	case ' ', '\t', '\r', '\n':
	default:
		a.lines = true
	}
}

// element handles a byte inside an array and outside strings.
func (a *arrayReader) element(c *byte) {
	switch *c {
	case '"':
		a.quoted = true
	case '{', '[':
		a.depth++
	case '\r', '\n':
		*c = ' '
	case ',':
		if a.depth == 0 {
			*c = '\n'
		}
	case '}', ']':
		if a.depth > 0 {
			a.depth--
		} else if *c == ']' {
			a.inside, *c = false, '\n'
		}
	}
}
