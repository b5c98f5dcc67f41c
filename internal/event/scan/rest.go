// The rest of a row: what of it is not declared, as a JSON object.

package scan

import (
	"bursar/internal/column"
	"bursar/internal/event/scan/parquet"
)

// rest is the JSON object of what is not declared of the current row, as it is written but for blanks between tokens.
type rest struct {
	json []byte
	off  int // inside so many objects that are columns as a whole
}

func (r *rest) begin() { r.json, r.off = append(r.json[:0], '{'), 0 }

// comma separates a member from the one before it.
func (r *rest) comma() {
	if r.json[len(r.json)-1] != '{' {
		r.json = append(r.json, ',')
	}
}

// end appends the object to its column, if there is one: null if it is empty.
func (r *rest) end(to *column.Vector) {
	switch {
	case to == nil:
	case len(r.json) == 1:
		to.AppendNull()
	default:
		r.json = append(r.json, '}')
		to.AppendText(r.json)
	}
}

// add adds a member whose value is a text.
func (r *rest) add(name, value []byte) {
	r.comma()
	r.json = append(r.json, name...)
	r.json = column.AppendJSON(r.json, value)
}

// undeclared skips the value at p of a property whose name is at start, and keeps both if there is a column for them. They are checked as
// strictly as a declared json column.
func (s *jsonScanner) undeclared(start, p, depth int) int {
	if s.plan.rest == "" || s.rest.off > 0 {
		return s.skip(p, depth, false)
	}
	end := s.skip(p, depth, true)
	if end >= 0 {
		s.rest.comma()
		s.rest.json = compact(s.rest.json, s.b[start:end])
	}
	return end
}

// inside reads an object on the path to declared properties; p is after its brace.
func (s *jsonScanner) inside(p int, c *child, depth int) int {
	if s.plan.rest == "" {
		return s.object(p, c.sub, depth)
	}
	if len(c.columns) > 0 {
		s.rest.off++
		p = s.object(p, c.sub, depth)
		s.rest.off--
		return p
	}
	r := &s.rest
	before := len(r.json)
	r.comma()
	r.json = append(append(r.json, c.quoted...), '{')
	empty := len(r.json)
	if p = s.object(p, c.sub, depth); len(r.json) == empty {
		r.json = r.json[:before]
	} else {
		r.json = append(r.json, '}')
	}
	return p
}

// restNames returns the names of the fields that fill no column, as JSON with a colon; nil for the others.
func restNames(fields []int, names []string) [][]byte {
	list := make([][]byte, len(fields))
	for i, c := range fields {
		if c < 0 {
			list[i] = append(column.QuoteJSON(names[i]), ':')
		}
	}
	return list
}

// keep keeps a field that fills no column, unless it is empty.
func (s *csvScanner) keep(n int, tok []byte) bool {
	if len(tok) == 0 {
		return true
	}
	if !s.checkText(len(s.plan.targets), tok) {
		return false
	}
	s.rest.add(s.names[n], tok)
	return true
}

// keepRest adds the columns that fill no column of row i of the batch, unless they are null. What is nested is left out.
func (g *group) keepRest(i int) bool {
	r := &g.json.rest
	r.begin()
	for n, fills := range g.feed.fills {
		if fills >= 0 || g.values[n] == nil {
			continue
		}
		v := g.values[n]
		k := v.Index(i)
		if k < 0 {
			continue
		}
		if kind := g.feed.from.Columns[n].Kind; (kind == parquet.Text || kind == parquet.JSON) && !g.checkText(len(g.plan.targets), v.Text(k)) {
			return false
		}
		r.comma()
		r.json = append(r.json, g.feed.names[n]...)
		r.json = v.AppendJSON(r.json, k)
	}
	r.end(g.plan.restColumn(g.block))
	return true
}
