package event

import (
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// Recount computes a batch's rows, control totals and digest again, from its stored events.
type Recount struct {
	stream   *project.Stream
	digester *digester
	summers  []summer
	rows     int64
	digest   column.Digest
}

// NewRecount starts a recount of one batch of the stream, which was sealed with columns.
func NewRecount(s *project.Stream, columns []Definition) *Recount {
	return &Recount{stream: s, digester: newDigester(s, columns, nil), summers: newSummers(s)}
}

// SQL selects what Add takes from a view of the batch's events.
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

// Add takes rows of SQL's result in.
func (r *Recount) Add(rows []column.Vector) {
	n := rows[0].Len()
	r.rows += int64(n)
	p := preparedBlock{columns: rows[:len(r.stream.Columns)], filters: rows[len(r.stream.Columns):], keep: make([]bool, n)}
	for i := range p.keep {
		p.keep[i] = true
	}
	r.digester.digest(&p, n)
	for _, d := range p.digests {
		r.digest.Add(d)
	}
	sumBlock(r.summers, &p)
}

// Compare compares the recount with the batch's manifest. A total that the batch was sealed with under another definition, or
// under one that it does not name, says nothing about its events: rows and digest do.
func (r *Recount) Compare(b Batch) error {
	if r.rows != b.Accepted {
		return fmt.Errorf("it holds %d events, not %d", r.rows, b.Accepted)
	}
	if got := r.digest.String(); got != b.Digest {
		return fmt.Errorf("its digest is %s, not %s", got, b.Digest)
	}
	totals, err := totalsOf(r.summers)
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
