// What is compared of rows: their count, their control totals, and a digest of all their values that does not depend on their order.

package archive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/warehouse"
)

// Summary is what is compared of rows.
type Summary struct {
	Rows   int64         `json:"rows"`
	Totals []Sums        `json:"totals"`
	Digest column.Digest `json:"-"`
}

// Sums are a control total: exact decimals in text, by group. The group of a total without groups is "".
type Sums struct {
	Total

	Groups map[string]string `json:"groups"`
}

func (s Summary) equals(other Summary) bool {
	return s.Rows == other.Rows && s.Digest == other.Digest && slices.EqualFunc(s.Totals, other.Totals, func(a, b Sums) bool { return a.Total == b.Total && maps.Equal(a.Groups, b.Groups) })
}

// difference says what differs from another summary.
func (s Summary) difference(other Summary) string {
	if s.Rows != other.Rows {
		return fmt.Sprintf("%d rows, want %d", other.Rows, s.Rows)
	}
	for i, total := range s.Totals {
		if i >= len(other.Totals) || !maps.Equal(total.Groups, other.Totals[i].Groups) {
			return fmt.Sprintf("another total %s", total.Name)
		}
	}
	return "other values"
}

// plus adds rows to those of a summary with the same totals.
func (s Summary) plus(other Summary) (Summary, error) {
	sum := Summary{Rows: s.Rows + other.Rows, Digest: s.Digest}
	sum.Digest.Add(other.Digest)
	for i, total := range s.Totals {
		groups := maps.Clone(total.Groups)
		for group, amount := range other.Totals[i].Groups {
			var err error
			if groups[group], err = decimal.Add(groups[group], amount); err != nil {
				return sum, fmt.Errorf("add total %s: %w", total.Name, err)
			}
		}
		sum.Totals = append(sum.Totals, Sums{total.Total, groups})
	}
	return sum, nil
}

// counter computes a summary of rows.
type counter struct {
	fields      []column.Field
	seeds       []uint64
	totals      []countedTotal
	rows        int64
	digest      column.Digest
	row         []byte
	source      int // its column; -1: none
	hasSource   bool
	first, last int64 // with hasSource
}

type countedTotal struct {
	Total

	sum, by int // columns; by is -1 without groups
	sums    *column.Sums
}

func newCounter(fields []column.Field, totals []Total, source string) (*counter, error) {
	at := func(name string) int {
		return slices.IndexFunc(fields, func(f column.Field) bool { return f.Name == name })
	}
	c := &counter{fields: fields, source: -1}
	if source != "" {
		c.source = at(source)
	}
	for _, f := range fields {
		c.seeds = append(c.seeds, column.NameSeed(f.Name))
	}
	for _, t := range totals {
		counted := countedTotal{Total: t, sum: at(t.Sum), by: at(t.By)}
		if counted.sum < 0 || t.By != "" && counted.by < 0 {
			return nil, fmt.Errorf("bug: no columns for total %s", t.Name)
		}
		counted.sums = column.NewSums(fields[counted.sum].Type.Scale)
		c.totals = append(c.totals, counted)
	}
	return c, nil
}

func (c *counter) add(rows []column.Vector) {
	for i := range rows[0].Len() {
		c.row = c.row[:0]
		for j := range rows {
			c.row = rows[j].AppendCanonical(c.row, c.seeds[j], i)
		}
		c.digest.Add(column.Sum128(c.row))
		if c.source >= 0 && !rows[c.source].IsNull(i) {
			c.addSource(rows[c.source].Ints[i])
		}
	}
	c.rows += int64(rows[0].Len())
	for _, t := range c.totals {
		var by *column.Vector
		if t.by >= 0 {
			by = &rows[t.by]
		}
		t.sums.Add(&rows[t.sum], by, nil)
	}
}

func (c *counter) addSource(n int64) {
	if !c.hasSource {
		c.hasSource, c.first, c.last = true, n, n
	}
	c.first, c.last = min(c.first, n), max(c.last, n)
}

func (c *counter) summary() (Summary, error) {
	s := Summary{Rows: c.rows, Digest: c.digest, Totals: []Sums{}}
	for _, t := range c.totals {
		groups, err := t.sums.Text()
		if err != nil {
			return s, fmt.Errorf("add up total %s: %w", t.Name, err)
		}
		s.Totals = append(s.Totals, Sums{t.Total, groups})
	}
	return s, nil
}

// counted passes rows on, and counts them.
func (c *counter) counted(rows warehouse.Rows) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) {
		for vectors, err := range rows {
			if err == nil {
				c.add(vectors)
			}
			if !yield(vectors, err) || err != nil {
				return
			}
		}
	}
}

// periodRows reads the rows of a period.
func (t *Table) periodRows(ctx context.Context, db warehouse.Database, r warehouse.Reader, p Period) warehouse.Rows {
	order := make([]string, 0, len(t.Order)+1)
	for _, name := range append([]string{t.Declared.Column}, t.Order...) {
		order = append(order, warehouse.Quote(db, name))
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", warehouse.QuoteAll(db, t.Columns), warehouse.Quote(db, t.Name), t.withinSQL(db, p), strings.Join(order, ", "))
	return warehouse.RowsOf(func(each func([]column.Vector) error) error {
		return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
			column.Declare(rows, t.Columns)
			return each(rows)
		})
	})
}

// summarize reads the rows of a period, and compares what was read with what the database counts and adds up.
func (t *Table) summarize(ctx context.Context, db warehouse.Database, r warehouse.Reader, p Period, each func(warehouse.Rows) error) (*counter, Summary, error) {
	c, err := newCounter(t.fields(), t.Totals, t.Source)
	if err != nil {
		return nil, Summary{}, err
	}
	if err := each(c.counted(t.periodRows(ctx, db, r, p))); err != nil {
		return nil, Summary{}, err
	}
	read, err := c.summary()
	if err != nil {
		return nil, Summary{}, err
	}
	stored, err := t.sumsSQL(ctx, db, r, p)
	if stored.Digest = read.Digest; err == nil && !stored.equals(read) {
		err = &UnbalancedError{Table: t.Name, Period: p, What: "rows that were read", Want: stored, Got: read}
	}
	return c, read, err
}

// drain reads rows and does nothing else.
func drain(rows warehouse.Rows) error {
	for _, err := range rows {
		if err != nil {
			return err
		}
	}
	return nil
}

// sumsSQL has the database count and add up the rows of a period.
func (t *Table) sumsSQL(ctx context.Context, db warehouse.Database, r warehouse.Reader, p Period) (s Summary, err error) {
	from := fmt.Sprintf(" FROM %s WHERE %s", warehouse.Quote(db, t.Name), t.withinSQL(db, p))
	s.Totals = []Sums{}
	err = r.Query(ctx, "SELECT count(*) AS n"+from, func(_ []warehouse.Column, rows []column.Vector) error {
		s.Rows = rows[0].Ints[0]
		return nil
	})
	for _, total := range t.Totals {
		if err != nil {
			return s, err
		}
		measure, _ := t.field(total.Sum)
		group := "''"
		if total.By != "" {
			group = warehouse.Quote(db, total.By)
		}
		exact := column.Type{Kind: column.Decimal, Precision: 38, Scale: measure.Type.Scale}
		sums := Sums{total, map[string]string{}}
		sql := fmt.Sprintf("SELECT %s AS total_group, CAST(coalesce(sum(%s), 0) AS %s) AS total%s GROUP BY 1", group, warehouse.Quote(db, total.Sum), db.Type(exact), from)
		err = r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
			for i := range rows[0].Len() {
				sums.Groups[string(rows[0].AppendPlain(nil, i))] = string(rows[1].AppendPlain(nil, i))
			}
			return nil
		})
		s.Totals = append(s.Totals, sums)
	}
	return s, err
}
