// Sums control totals over rows.

package event

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"bursar/internal/column"
	"bursar/internal/project"
)

// Summer sums one control total over a batch.
type Summer struct {
	*column.Sums
	Total   *project.Total
	Measure int // position of the summed column
	Group   int // position of the group column, or -1
}

func NewSummers(s *project.Stream) []Summer {
	position := func(name string) int {
		return slices.IndexFunc(s.Columns, func(c project.Column) bool { return c.Name == name })
	}
	summers := make([]Summer, len(s.Totals))
	for i := range s.Totals {
		t := &s.Totals[i]
		summers[i] = Summer{Sums: column.NewSums(s.TotalType(t).Scale), Total: t, Measure: position(t.Sum), Group: position(t.By)}
	}
	return summers
}

func (s *Summer) add(columns []column.Vector, included func(i int) bool) {
	var by *column.Vector
	if s.Group >= 0 {
		by = &columns[s.Group]
	}
	s.Add(&columns[s.Measure], by, included)
}

// SumRows adds rows to control totals. filters are the results of the totals' conditions, in order.
func SumRows(summers []Summer, columns, filters []column.Vector, included func(row int) bool) {
	for i := range summers {
		if summers[i].Total.Where == "" {
			summers[i].add(columns, included)
			continue
		}
		where := &filters[0]
		filters = filters[1:]
		summers[i].add(columns, func(row int) bool { return included(row) && where.Ints[row] != 0 })
	}
}

// TotalsOf returns the sums as control totals.
func TotalsOf(summers []Summer) (Totals, error) {
	totals := Totals{}
	for _, s := range summers {
		groups, err := s.Text()
		if err != nil {
			return nil, fmt.Errorf("total %s: %w", s.Total.Name, err)
		}
		if len(groups) == 0 && s.Group < 0 {
			groups[""] = string(column.AppendDecimal(nil, decimal128.Num{}, s.Scale))
		}
		totals[s.Total.Name] = groups
	}
	return totals, nil
}
