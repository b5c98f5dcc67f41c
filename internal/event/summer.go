// Sums control totals over rows.

package event

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"bursar/internal/column"
	"bursar/internal/project"
)

// summer sums one control total over a batch.
type summer struct {
	*column.Sums
	total   *project.Total
	measure int // position of the summed column
	group   int // position of the group column, or -1
}

func newSummers(s *project.Stream) []summer {
	position := func(name string) int {
		return slices.IndexFunc(s.Columns, func(c project.Column) bool { return c.Name == name })
	}
	summers := make([]summer, len(s.Totals))
	for i := range s.Totals {
		t := &s.Totals[i]
		summers[i] = summer{Sums: column.NewSums(s.TotalType(t).Scale), total: t, measure: position(t.Sum), group: position(t.By)}
	}
	return summers
}

func (s *summer) add(columns []column.Vector, included func(i int) bool) {
	var by *column.Vector
	if s.group >= 0 {
		by = &columns[s.group]
	}
	s.Add(&columns[s.measure], by, included)
}

// sumRows adds rows to control totals. filters are the results of the totals' conditions, in order.
func sumRows(summers []summer, columns, filters []column.Vector, included func(row int) bool) {
	for i := range summers {
		if summers[i].total.Where == "" {
			summers[i].add(columns, included)
			continue
		}
		where := &filters[0]
		filters = filters[1:]
		summers[i].add(columns, func(row int) bool { return included(row) && where.Ints[row] != 0 })
	}
}

// totalsOf returns the sums as control totals.
func totalsOf(summers []summer) (Totals, error) {
	totals := Totals{}
	for _, s := range summers {
		groups, err := s.Text()
		if err != nil {
			return nil, fmt.Errorf("total %s: %w", s.total.Name, err)
		}
		if len(groups) == 0 && s.group < 0 {
			groups[""] = string(column.AppendDecimal(nil, decimal128.Num{}, s.Scale))
		}
		totals[s.total.Name] = groups
	}
	return totals, nil
}
