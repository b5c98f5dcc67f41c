// JSON lines: one object per line, whose declared properties fill columns.

package scan

import (
	"bytes"
	"fmt"
)

// jsonScanner reads lines of JSON. Every line ends with '\n', which no JSON token may contain, so a scan within a line needs no other
// bound. Functions return the position after what they read, or -1 after a refusal.
type jsonScanner struct {
	filler
	b      []byte
	start  int          // start of the current line
	row    uint64       // serial number of the current line
	seen   []seen       // by slot
	follow []int32      // by slot: the index of the property that followed last time
	filled int          // columns that have their value
	inner  *jsonScanner // of JSON inside the strings of a Parquet row
	rest   rest
}

// seen is when a declared property was last seen, and the first byte of its value then.
type seen struct {
	row   uint64
	first byte
}

func newJSONScanner(p *Plan) *jsonScanner {
	s := &jsonScanner{filler: newFiller(p), seen: make([]seen, p.slots), follow: make([]int32, p.slots)}
	s.expect(p.root)
	return s
}

// expect initialises the expected order of properties with the declared order.
func (s *jsonScanner) expect(n *node) {
	for i := range n.children {
		s.follow[n.children[i].slot] = int32((i + 1) % len(n.children))
		if sub := n.children[i].sub; sub != nil {
			s.expect(sub)
		}
	}
}

// fill reads rows of b[p:end] into the block until it is full. It returns where it stopped.
func (s *jsonScanner) fill(block *Block, t *text, p int, line int64) (int, int64) {
	s.begin(block, t)
	s.b = t.b
	for ; p < t.end && !block.full(); line++ {
		s.start = p
		if q := blanks(s.b, p); s.b[q] == '\n' {
			p = q + 1
			continue
		}
		if end := s.line(p); end >= 0 && s.checkLength(end-p) {
			s.acceptSpan(line, p, p+len(trimReturn(s.b[p:end])))
			p = end + 1
			continue
		}
		end := p + bytes.IndexByte(s.b[p:t.end], '\n')
		s.reject(line, trimReturn(s.b[p:end]))
		p = end + 1
	}
	return p, line
}

func trimReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

func blanks(b []byte, p int) int {
	for b[p] == ' ' || b[p] == '\t' || b[p] == '\r' {
		p++
	}
	return p
}

// line reads one line and returns the position of its end.
func (s *jsonScanner) line(p int) int {
	s.row++
	s.filled = 0
	if p = blanks(s.b, p); s.b[p] != '{' {
		return s.malformed(p, "a line must be an object")
	}
	s.rest.begin()
	if p = s.object(p+1, s.plan.root, 1); p < 0 {
		return -1
	}
	if s.b[p] != '\n' {
		if p = blanks(s.b, p); s.b[p] != '\n' {
			return s.malformed(p, "something follows the object")
		}
	}
	if s.filled < len(s.plan.targets) && !s.missing() {
		return -1
	}
	s.rest.end(s.plan.restColumn(s.block))
	return p
}

// object reads an object's properties; p is after its brace.
func (s *jsonScanner) object(p int, n *node, depth int) int {
	b := s.b
	if p = blanks(b, p); b[p] == '}' {
		return p + 1
	}
	last := n.slot
	for {
		c, start := &n.children[s.follow[last]], p
		if end := p + len(c.quoted); end <= len(b) && string(b[p:end]) == c.quoted {
			p = end
		} else if c, p = s.name(p, n, last); p < 0 {
			return -1
		}
		if b[p] <= ' ' {
			p = blanks(b, p)
		}
		if c == nil {
			s.extra++
			p = s.undeclared(start, p, depth)
		} else {
			last = c.slot
			p = s.value(start, p, c, depth)
		}
		if p < 0 {
			return -1
		}
		if b[p] <= ' ' {
			p = blanks(b, p)
		}
		switch b[p] {
		case ',':
			if p++; b[p] <= ' ' {
				p = blanks(b, p)
			}
		case '}':
			return p + 1
		default:
			return s.malformed(p, "a comma or } should follow the value")
		}
	}
}

// name reads a property's name and colon, and finds the declared property. Names are compared unescaped.
func (s *jsonScanner) name(p int, n *node, last int) (*child, int) {
	if s.b[p] != '"' {
		return nil, s.malformed(p, "a property name is expected here")
	}
	tok, p := s.str(p + 1)
	if p < 0 {
		return nil, -1
	}
	if len(tok) > MaxKey {
		s.refuse(-1, fmt.Sprintf("property name %s is %d bytes long: the limit is 4 KiB", shorten(tok), len(tok)))
		return nil, -1
	}
	var c *child
	if i, ok := n.byName[string(tok)]; ok {
		c = &n.children[i]
		s.follow[last] = int32(i)
	} else {
		s.noteUnknown(n, tok)
	}
	if p = blanks(s.b, p); s.b[p] != ':' {
		return nil, s.malformed(p, "a colon should follow the property name")
	}
	return c, p + 1
}

// value reads the value of a declared property into its columns. The property's name is at start.
func (s *jsonScanner) value(start, p int, c *child, depth int) int {
	mark := &s.seen[c.slot]
	if mark.row == s.row {
		return s.twice(c)
	}
	*mark = seen{row: s.row, first: s.b[p]}
	if len(c.columns) == 1 && c.sub == nil {
		s.filled++
		return s.column(p, c.columns[0], depth)
	}
	end := p
	for _, i := range c.columns {
		s.filled++
		if end = s.column(p, i, depth); end < 0 {
			return -1
		}
	}
	switch {
	case c.sub == nil:
		return end
	case s.b[p] == '{':
		return s.inside(p+1, c, depth+1)
	case len(c.columns) > 0:
		return end
	default:
		return s.undeclared(start, p, depth) // the columns below are missing, which is detected at the end of the line
	}
}

func (s *jsonScanner) twice(c *child) int {
	column := -1
	if len(c.columns) > 0 {
		column = c.columns[0]
	}
	s.refuse(column, fmt.Sprintf("property %q is given twice", c.name))
	return -1
}

// missing completes a row with missing columns: null for optional columns, a refusal for others.
func (s *jsonScanner) missing() bool {
	for i := range s.plan.targets {
		t := &s.plan.targets[i]
		if s.seen[t.slots[len(t.slots)-1]].row == s.row {
			continue
		}
		if !t.optional {
			return s.refuse(i, s.whyMissing(t))
		}
		s.block.Columns[i].AppendNull()
	}
	return true
}

func (s *jsonScanner) whyMissing(t *target) string {
	for depth, slot := range t.slots[:len(t.slots)-1] {
		at := s.seen[slot]
		if at.row != s.row {
			return fmt.Sprintf(Required+", and property %q is missing", t.pathTo(depth+1))
		}
		if at.first != '{' {
			return fmt.Sprintf(Required+", and property %q is %s, not an object", t.pathTo(depth+1), kindOf(at.first))
		}
	}
	return fmt.Sprintf(Required+", and property %q is missing", t.pathTo(len(t.path)))
}

func kindOf(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// malformed refuses the line because of its syntax, with the position.
func (s *jsonScanner) malformed(p int, what string) int {
	s.refuse(-1, fmt.Sprintf("malformed JSON at byte %d: %s", p-s.start+1, what))
	return -1
}
