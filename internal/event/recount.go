// Recounts the rows, control totals and digest of a batch.

package event

import (
	"context"
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Recount computes a batch's rows, control totals and digest from its stored events.
type Recount struct {
	stream  *project.Stream
	facts   *Facts
	summers []Summer
	rows    int64
	digest  column.Digest
}

// NewRecount starts a recount of one batch of the stream that was sealed with columns.
func NewRecount(s *project.Stream, columns []Definition) *Recount {
	return &Recount{stream: s, facts: NewFacts(s, columns), summers: NewSummers(s)}
}

// SQL returns the SELECT, over a view of the batch's events, whose rows Add expects.
func (r *Recount) SQL(view string) string {
	var list []string
	for _, c := range r.stream.Columns {
		list = append(list, column.QuoteIdentifier(c.Name))
	}
	for _, t := range r.stream.Totals {
		if t.Where != "" {
			list = append(list, fmt.Sprintf("coalesce(TRY((%s\n)), false)", t.Where))
		}
	}
	return fmt.Sprintf("SELECT %s FROM %s", strings.Join(list, ", "), view)
}

// Add adds rows of SQL's result.
func (r *Recount) Add(rows []column.Vector) {
	n := rows[0].Len()
	r.rows += int64(n)
	columns, filters := rows[:len(r.stream.Columns)], rows[len(r.stream.Columns):]
	var buffer []byte
	for i := range n {
		buffer = r.facts.AppendRow(buffer[:0], columns, r.facts.Positions, i)
		r.digest.Add(column.Sum128(buffer))
	}
	SumRows(r.summers, columns, filters, func(int) bool { return true })
}

// Compare compares the recount with the batch's manifest. A total that was sealed under another or no definition is skipped; rows and digest are
// always compared.
func (r *Recount) Compare(b Batch) error {
	if r.rows != b.Accepted {
		return fmt.Errorf("it contains %d events, not %d", r.rows, b.Accepted)
	}
	if got := r.digest.String(); got != b.Digest {
		return fmt.Errorf("its digest is %s, not %s", got, b.Digest)
	}
	totals, err := TotalsOf(r.summers)
	if err != nil {
		return err
	}
	for name, groups := range b.TotalsNow(r.stream) {
		if !b.HasTotals(r.stream, []string{name}) {
			continue
		}
		for group, sum := range groups {
			if totals[name][group] != sum {
				return fmt.Errorf("total %s %s is %s, not %s", name, group, totals[name][group], sum)
			}
		}
	}
	return nil
}

// SumEvent computes the control totals of one event.
func (st *Store) SumEvent(ctx context.Context, s *project.Stream, r *Retraction) error {
	files, local := st.Objects.(object.Local)
	if !local {
		return ErrNotLocal
	}
	b, err := st.Batch(ctx, s.Name, r.Batch)
	if err == nil {
		err = CheckObjects(ctx, st.Objects, []Batch{b}, st.Workers)
	}
	if err != nil {
		return err
	}
	session, err := duck.Open(st.Duck)
	if err != nil {
		return err
	}
	defer session.Close()
	view := fmt.Sprintf("(SELECT * FROM (%s) WHERE %s = %d AND %s = %d)", ViewSQL(files, s, []Batch{b}), FileColumn, r.File, RowColumn, r.Row)
	count := NewRecount(s, b.Columns)
	err = session.Query(ctx, count.SQL(view), func(rows []column.Vector) error {
		count.Add(rows)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sum %s: %w", r.What(), err)
	}
	r.Events, r.Digest, r.Definitions = count.rows, count.digest.String(), TotalDefinitions(s)
	r.Totals, err = TotalsOf(count.summers)
	if err == nil && r.Events != 1 {
		err = fmt.Errorf("bug: %d events were read at file %d, row %d", r.Events, r.File, r.Row)
	}
	return err
}
