// The plan: what the scanner of a stream reads.

package scan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"

	"bursar/internal/column"
	"bursar/internal/project"
)

// Plan is what the scanner of a stream reads. It is made once per stream, read-only and safe for concurrent use.
type Plan struct {
	format  project.Format
	csv     project.CSV
	text    encoding.Encoding // of files without a byte order mark; nil is UTF-8
	targets []target
	types   []column.Type // of the targets, then that of the rest
	root    *node         // properties of a JSON line
	slots   int
	blocks  pool                      // of ParseOwned
	files   pool                      // of the scans that share their memory
	rest    string                    // the column of what is not declared, after those of the targets; empty is none
	lines   func(io.Reader) io.Reader // makes JSON lines of a file
}

type target struct {
	name     string
	typ      column.Type
	digits   int // integer types: digits that always fit; decimals: the precision
	path     []string
	slots    []int // the slots of path
	optional bool
	absent   bool // files may lack it
	bounded  bool // an id or key column: values up to MaxKey
	free     bool // accepts any text
	in       []string
	inMany   map[string]bool // in, if it is long
	layout   *column.Layout
	zone     *time.Location
	mark     byte
	group    byte
}

// NewPlan returns the plan of a stream's read columns: those without `is`, in declared order. Values of the stream's id columns and of
// keyColumns may be up to MaxKey bytes long.
func NewPlan(s *project.Stream, keyColumns []string) (*Plan, error) {
	p := &Plan{format: s.Format, csv: s.CSV, text: s.Encoding, lines: ArrayLines}
	p.blocks.plan, p.files.plan = p, p
	if p.csv.Delimiter == 0 {
		p.csv.Delimiter = ','
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Is != "" {
			continue
		}
		t, err := newTarget(c)
		if err != nil {
			return nil, fmt.Errorf("stream %s: column %s: %w", s.Name, c.Name, err)
		}
		if p.format != project.JSONL && len(t.path) != 1 {
			return nil, fmt.Errorf("stream %s: column %s: a path needs format jsonl", s.Name, c.Name)
		}
		t.bounded = slices.Contains(s.ID, c.Name) || slices.Contains(keyColumns, c.Name)
		t.free = c.Type.Kind == column.String && c.In == nil && !t.bounded
		p.targets = append(p.targets, t)
		p.types = append(p.types, c.Type)
	}
	if len(p.targets) == 0 {
		return nil, fmt.Errorf("stream %s: no column is read from its files", s.Name)
	}
	if err := p.checkCSV(); err != nil {
		return nil, fmt.Errorf("stream %s: %w", s.Name, err)
	}
	p.growTree()
	return p, nil
}

// NewLoadPlan returns the plan of a load's columns. The last one is that of everything that is not declared, if the load has one: a JSON
// object of properties as they are written, fields of CSV as texts, or columns of Parquet that are not nested; null if it is empty.
func NewLoadPlan(l *project.Load) (*Plan, error) {
	p, err := NewPlan(l.Rows, nil)
	if err != nil {
		return nil, err
	}
	switch {
	case l.Array != nil:
		p.lines = func(file io.Reader) io.Reader { return ElementLines(file, l.Array) }
	case l.Format == project.JSONObjects:
		p.lines = ObjectLines
	}
	if p.rest = l.Rest; p.rest != "" {
		p.types = append(p.types, column.Type{Kind: column.JSON})
	}
	return p, nil
}

func (p *Plan) checkCSV() error {
	if p.format != project.CSVText {
		return nil
	}
	if d := p.csv.Delimiter; d == '"' || d == '\n' || d == '\r' || d >= utf8.RuneSelf || d == 0 {
		return fmt.Errorf("csv delimiter %q is not valid", d)
	}
	given := map[string]string{}
	for i := range p.targets {
		t := &p.targets[i]
		if other, twice := given[t.path[0]]; twice {
			return fmt.Errorf("columns %s and %s both come from header %q", other, t.name, t.path[0])
		}
		given[t.path[0]] = t.name
	}
	return nil
}

func newTarget(c *project.Column) (target, error) {
	t := target{
		name: c.Name, typ: c.Type, path: c.From, optional: c.Optional, absent: c.Absent, in: c.In,
		zone: c.Zone, mark: c.Decimal, group: c.Group, digits: c.Type.Precision,
	}
	if len(t.path) == 0 {
		t.path = []string{c.Name}
	}
	if len(t.path) >= MaxDepth {
		return t, fmt.Errorf("a path of %d names is deeper than %d", len(t.path), MaxDepth)
	}
	if t.mark == 0 {
		t.mark = '.'
	}
	if t.zone == time.UTC {
		t.zone = nil
	}
	if len(t.in) > 8 {
		t.inMany = map[string]bool{}
		for _, value := range t.in {
			t.inMany[value] = true
		}
	}
	switch c.Type.Kind {
	case column.Int:
		t.digits = 9
	case column.BigInt:
		t.digits = 18
	case column.List:
		return t, fmt.Errorf("a list cannot be read")
	}
	if c.Format == "" {
		return t, nil
	}
	var err error
	t.layout, err = column.CompileLayout(c.Format, c.Type.Kind)
	return t, err
}

// columnName returns the name of a column of a block.
func (p *Plan) columnName(i int) string {
	if i == len(p.targets) {
		return p.rest
	}
	return p.targets[i].name
}

// restColumn returns the column of a block for what is not declared; nil if there is none.
func (p *Plan) restColumn(b *Block) *column.Vector {
	if p.rest == "" {
		return nil
	}
	return &b.Columns[len(p.targets)]
}

// node is an object on the path to a declared property; slot stands for its start.
type node struct {
	path     string // of the object, with a dot at its end; empty for the row itself
	slot     int
	children []child
	byName   map[string]int
}

// child is a declared property of an object: columns to fill, an object to enter, or both.
type child struct {
	name    string
	quoted  string // as it usually occurs in a line: "name":
	slot    int
	columns []int
	sub     *node
}

// growTree builds the tree of declared properties. Every object start and every property has a slot, in which a scanner records what it
// has seen in a row.
func (p *Plan) growTree() {
	p.root = p.newNode("")
	for i := range p.targets {
		t, n := &p.targets[i], p.root
		for depth, name := range t.path {
			c := p.childOf(n, name)
			t.slots = append(t.slots, c.slot)
			if depth == len(t.path)-1 {
				c.columns = append(c.columns, i)
				break
			}
			if c.sub == nil {
				c.sub = p.newNode(n.path + c.name + ".")
			}
			n = c.sub
		}
	}
}

func (p *Plan) newNode(path string) *node {
	p.slots++
	return &node{path: path, slot: p.slots - 1, byName: map[string]int{}}
}

func (p *Plan) childOf(n *node, name string) *child {
	i, ok := n.byName[name]
	if !ok {
		i = len(n.children)
		n.byName[name] = i
		n.children = append(n.children, child{name: name, quoted: string(column.QuoteJSON(name)) + ":", slot: p.slots})
		p.slots++
	}
	return &n.children[i]
}

// pathTo returns the first names of a target's path.
func (t *target) pathTo(names int) string { return strings.Join(t.path[:names], ".") }
