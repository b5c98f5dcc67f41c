package event

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// computer evaluates what a stream declares in SQL: computed columns and the `where` of totals. Streams without either
// pass through untouched.
type computer struct {
	in       *Intake
	stream   *project.Stream
	read     []column.Field // the columns that are read, as the scanner delivers them
	filtered []*project.Total
	sql      string // SELECT of the computed columns, then the filters, FROM %s; empty when nothing is computed

	mu    sync.Mutex
	idle  []*duck.Session
	files atomic.Int64
}

func newComputer(in *Intake, s *project.Stream) *computer {
	c := &computer{in: in, stream: s}
	var list []string
	for _, x := range s.Columns {
		if x.Is == "" {
			c.read = append(c.read, column.Field{Name: x.Name, Type: x.Type})
			continue
		}
		// A result that overflows is null, which a required column rejects: binding has shown that nothing is rounded.
		list = append(list, fmt.Sprintf("TRY(CAST((%s\n) AS %s)) AS %s", x.Is, x.Type.SQL(), column.QuoteIdentifier(x.Name)))
	}
	computed := strings.Join(list, ", ")
	var filters []string
	for i := range s.Totals {
		if t := &s.Totals[i]; t.Where != "" {
			c.filtered = append(c.filtered, t)
			filters = append(filters, fmt.Sprintf("coalesce((%s\n), false)", t.Where))
		}
	}
	switch {
	case computed == "" && filters == nil:
	case filters == nil:
		c.sql = fmt.Sprintf("SELECT %s FROM (SELECT * FROM read_parquet(%%s))", computed)
	case computed == "":
		c.sql = fmt.Sprintf("SELECT %s FROM read_parquet(%%s)", strings.Join(filters, ", "))
	default:
		columns := make([]string, len(list))
		for i, x := range c.computedColumns() {
			columns[i] = column.QuoteIdentifier(x.Name)
		}
		c.sql = fmt.Sprintf("SELECT %s, %s FROM (SELECT *, %s FROM read_parquet(%%s))", strings.Join(columns, ", "), strings.Join(filters, ", "), computed)
	}
	return c
}

func (c *computer) computedColumns() []project.Column {
	var list []project.Column
	for _, x := range c.stream.Columns {
		if x.Is != "" {
			list = append(list, x)
		}
	}
	return list
}

// compute puts the block's columns in declared order, the computed ones among them, and rejects rows whose required
// computed column has no value.
func (c *computer) compute(ctx context.Context, block *scan.Block, p *part) error {
	if c.sql == "" || len(block.Rows) == 0 {
		p.columns = c.arrange(block.Columns, nil)
		return nil
	}
	results, err := c.evaluate(ctx, block.Columns)
	if err != nil {
		return fmt.Errorf("compute columns of %s: %w", c.stream.Name, err)
	}
	computed := c.computedColumns()
	p.columns = c.arrange(block.Columns, results[:len(computed)])
	p.filters = results[len(computed):]
	for i, x := range computed {
		if x.Optional {
			continue
		}
		for r, null := range results[i].Null {
			if null && p.keep[r] {
				p.keep[r] = false
				reason := fmt.Sprintf("no value: %s is null or does not fit %s", x.Is, x.Type)
				p.rejects = append(p.rejects, reject{Row: block.Rows[r], Column: x.Name, Reason: reason, raw: block.Raw(r)})
			}
		}
	}
	return nil
}

// arrange merges read and computed columns into declared order.
func (c *computer) arrange(read, computed []column.Vector) []column.Vector {
	columns := make([]column.Vector, 0, len(c.stream.Columns)+1)
	for _, x := range c.stream.Columns {
		switch {
		case x.Is == "":
			columns = append(columns, read[0])
			read = read[1:]
		case computed == nil:
			columns = append(columns, column.NewVector(x.Type, 0))
		default:
			columns = append(columns, computed[0])
			computed = computed[1:]
		}
	}
	return columns
}

// evaluate runs the SELECT over columns, through a scratch file that DuckDB reads in order.
func (c *computer) evaluate(ctx context.Context, read []column.Vector) ([]column.Vector, error) {
	path := filepath.Join(c.in.Scratch, fmt.Sprintf("compute-%s-%d.parquet", c.stream.Name, c.files.Add(1)))
	defer func() { _ = os.Remove(path) }() // scratch is emptied at the next start
	if err := writeScratch(path, c.read, read); err != nil {
		return nil, err
	}
	session, err := c.session()
	if err != nil {
		return nil, err
	}
	defer c.release(session)
	var types []column.Type
	for _, x := range c.computedColumns() {
		types = append(types, x.Type)
	}
	for range c.filtered {
		types = append(types, column.Type{Kind: column.Bool})
	}
	results := column.NewVectors(types, read[0].Len())
	err = session.Query(ctx, fmt.Sprintf(c.sql, duck.Literal(path)), func(rows []column.Vector) error {
		for i := range rows {
			results[i].AppendAll(&rows[i])
		}
		return nil
	})
	if err == nil && results[0].Len() != read[0].Len() {
		err = fmt.Errorf("bug: %d rows in, %d out", read[0].Len(), results[0].Len())
	}
	return results, err
}

func writeScratch(path string, fields []column.Field, columns []column.Vector) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out, err := column.NewParquetWriter(f, fields)
	if err != nil {
		return err
	}
	if err := out.WriteGroup(columns); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return f.Close()
}

// session takes an idle session or opens one: as many live as blocks are prepared at a time.
func (c *computer) session() (*duck.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		s := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return s, nil
	}
	o := c.in.Duck
	o.Threads = 1
	return duck.Open(o)
}

func (c *computer) release(s *duck.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, s)
}

func (c *computer) close() {
	for _, s := range c.idle {
		s.Close()
	}
}
