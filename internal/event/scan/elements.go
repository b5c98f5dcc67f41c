// The elements of a list inside JSON objects are read as JSON lines: one element on each.

package scan

import (
	"fmt"
	"io"
	"strings"
)

// ElementLines returns the elements of the lists at a path of properties, in all objects of a file, as lines: a row is an element's number
// in the file. What is outside the lists is left out. A list that is not closed, and a file without such a list, are errors.
func ElementLines(file io.Reader, path []string) io.Reader {
	r := &elementReader{path: path}
	r.lineReader = lineReader{in: file, convert: r.convert, end: r.end}
	return r
}

// elementReader converts blocks of a file.
type elementReader struct {
	lineReader

	path    []string
	stack   nesting // of the file
	matched int     // names of the path that lead to the innermost open object
	list    int     // the depth of the list inside which rows are; 0: outside of it
	found   bool    // there was one
	any     bool    // there was anything
	quoted  bool    // inside a text
	escaped bool    // after a backslash in it
	name    []byte  // the last text
	value   bool    // a colon followed it
}

func (r *elementReader) convert(b []byte) {
	for _, c := range b {
		if r.quoted {
			r.text(c)
		} else {
			r.token(c)
		}
	}
}

// end returns the error of a file that ends here.
func (r *elementReader) end() error {
	switch {
	case r.stack.depth > 0 || r.quoted:
		return errOpenList
	case r.any && !r.found:
		return fmt.Errorf("there is no list at %s", strings.Join(r.path, "."))
	}
	return io.EOF
}

// maxElementName bounds what is kept of a text that may be a name of the path.
const maxElementName = MaxKey

func (r *elementReader) text(c byte) {
	switch {
	case r.escaped:
		r.escaped = false
	case c == '\\':
		r.escaped = true
	case c == '"':
		r.quoted = false
	}
	switch {
	case r.list > 0:
		r.out = append(r.out, c)
	case r.quoted && len(r.name) < maxElementName:
		r.name = append(r.name, c)
	}
}

// token converts a byte outside texts.
func (r *elementReader) token(c byte) {
	inside := r.list > 0
	switch c {
	case ' ', '\t', '\r', '\n':
		if inside {
			r.out = append(r.out, ' ')
		}
		return
	case '"':
		r.quoted, r.value, r.name = true, false, r.name[:0]
	case ':':
		r.value = true
	case ',':
		r.value = false
		if inside && r.stack.depth == r.list {
			r.out = append(r.out, '\n')
			return
		}
	case '{', '[':
		r.open(c == '{')
	case '}', ']':
		if r.close(); inside && r.list == 0 {
			r.out = append(r.out, '\n')
			return
		}
	}
	if r.any = true; inside {
		r.out = append(r.out, c)
	}
}

// open enters an object or list.
func (r *elementReader) open(object bool) {
	onPath := r.list == 0 && r.stack.depth == r.matched+1 && r.stack.inObject() && r.value && string(r.name) == r.path[r.matched]
	r.stack.open(object)
	r.value = false
	switch last := r.matched == len(r.path)-1; {
	case onPath && object && !last:
		r.matched++
	case onPath && !object && last:
		r.list, r.found = r.stack.depth, true
	}
}

// close leaves an object or list.
func (r *elementReader) close() {
	switch depth := r.stack.depth; {
	case depth == 0:
		return
	case depth == r.list:
		r.list = 0
	case r.list == 0 && depth == r.matched+1 && r.matched > 0:
		r.matched--
	}
	r.stack.close()
	r.value = false
}
