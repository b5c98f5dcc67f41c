// Computed columns and filters of totals, evaluated in DuckDB.

package intake

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// computer evaluates what a stream declares in SQL: computed columns and the `where` of totals. Streams without either bypass it.
type computer struct {
	store    *event.Store
	stream   *project.Stream
	read     []column.Field // the columns that are read, as the scanner returns them
	computed []project.Column
	filtered []*project.Total
	sql      [2]string // the SELECT before and after the path of its file; empty if nothing is computed

	mu    sync.Mutex
	idle  []*duck.Session
	files atomic.Int64
}

// newComputer compiles the SELECT of computed columns, filters, and for each whether it failed. Declared expressions may contain a percent sign,
// so they are never used as a format. Each expression runs within TRY, so that a failure rejects one row. Its value is wrapped in a struct to
// distinguish a null result from a failure.
func newComputer(in *event.Store, s *project.Stream) *computer {
	c := &computer{store: in, stream: s}
	var tried, named, filters, values, failed []string
	for _, x := range s.Columns {
		if x.Is == "" {
			c.read = append(c.read, column.Field{Name: x.Name, Type: x.Type})
			continue
		}
		c.computed = append(c.computed, x)
		try, name := fmt.Sprintf("_computed_%d", len(tried)), column.QuoteIdentifier(x.Name)
		tried = append(tried, fmt.Sprintf("TRY({'v': CAST((%s\n) AS %s)}) AS %s", x.Is, x.Type.SQL(), try))
		named = append(named, fmt.Sprintf("%s.v AS %s", try, name))
		values, failed = append(values, name), append(failed, try+" IS NULL")
	}
	for i := range s.Totals {
		if t := &s.Totals[i]; t.Where != "" {
			c.filtered = append(c.filtered, t)
			try := fmt.Sprintf("_filter_%d", len(filters))
			filters = append(filters, fmt.Sprintf("TRY({'v': (%s\n)}) AS %s", t.Where, try))
			values, failed = append(values, fmt.Sprintf("coalesce(%s.v, false)", try)), append(failed, try+" IS NULL")
		}
	}
	if len(values) > 0 {
		for _, list := range [][]string{append(values, failed...), append([]string{"*"}, filters...), append([]string{"*"}, named...)} {
			c.sql[0] += "SELECT " + strings.Join(list, ", ") + " FROM ("
		}
		c.sql[0] += "SELECT " + strings.Join(append([]string{"*"}, tried...), ", ") + " FROM read_parquet("
		c.sql[1] = "))))"
	}
	return c
}

// compute puts the block's columns in declared order, with the computed ones, and rejects rows for which an expression fails or a required
// computed column is null.
func (c *computer) compute(ctx context.Context, block *scan.Block, p *preparedBlock) error {
	if c.sql[0] == "" || len(block.Rows) == 0 {
		p.columns = c.arrange(block.Columns, nil)
		return nil
	}
	results, err := c.evaluate(ctx, block.Columns)
	if err != nil {
		return fmt.Errorf("compute columns of %s: %w", c.stream.Name, err)
	}
	width := len(c.computed) + len(c.filtered)
	p.columns = c.arrange(block.Columns, results[:len(c.computed)])
	p.filters = results[len(c.computed):width]
	for i, x := range c.computed {
		value, failed := &results[i], &results[width+i]
		for r := range block.Rows {
			switch {
			case failed.Ints[r] != 0:
				c.reject(block, p, r, x.Name, fmt.Sprintf("%s is not a valid %s here: it overflows, or a conversion in it fails", x.Is, x.Type))
			case !x.Optional && value.IsNull(r):
				c.reject(block, p, r, x.Name, fmt.Sprintf("no value: %s is null", x.Is))
			}
		}
	}
	for i, t := range c.filtered {
		for r, failed := range results[width+len(c.computed)+i].Ints {
			if failed != 0 {
				c.reject(block, p, r, t.Sum, fmt.Sprintf("`where` of total %s fails here: %s overflows, or a conversion in it fails", t.Name, t.Where))
			}
		}
	}
	return nil
}

// reject quarantines a row, once.
func (c *computer) reject(block *scan.Block, p *preparedBlock, r int, column, reason string) {
	if p.keep[r] {
		p.keep[r] = false
		p.rejects = append(p.rejects, reject{Reject: scan.Reject{Row: block.Rows[r], Column: column, Reason: reason, Raw: block.Raw(r)}})
	}
}

// arrange merges read and computed columns in declared order. Columns missing from a block without rows are empty.
func (c *computer) arrange(read, computed []column.Vector) []column.Vector {
	columns := make([]column.Vector, 0, len(c.stream.Columns)+1)
	for _, x := range c.stream.Columns {
		switch {
		case x.Is == "" && len(read) > 0:
			columns = append(columns, read[0])
			read = read[1:]
		case x.Is == "" || computed == nil:
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
	path := filepath.Join(c.store.Scratch, fmt.Sprintf("compute-%s-%d.parquet", c.stream.Name, c.files.Add(1)))
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
	for _, x := range c.computed {
		types = append(types, x.Type)
	}
	for range 2*len(c.filtered) + len(types) {
		types = append(types, column.Type{Kind: column.Bool})
	}
	results := column.NewVectors(types, read[0].Len())
	err = session.QueryEstimated(ctx, int64(read[0].Len()), c.sql[0]+duck.Literal(path)+c.sql[1], func(rows []column.Vector) error {
		if err := column.CheckCount(rows, len(results)); err != nil {
			return err
		}
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
	if err = out.WriteGroup(columns); err == nil {
		err = out.Close()
	}
	return cmp.Or(err, f.Close())
}

// session returns an idle session or opens one: there are as many as blocks prepared at a time.
func (c *computer) session() (*duck.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		s := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return s, nil
	}
	o := c.store.Duck
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
