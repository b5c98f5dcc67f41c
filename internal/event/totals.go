// Control totals of batches.

package event

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Totals are control totals by name, then by group; the group of a total without `by` is "". Sums are exact decimals in text with the measure's
// scale (rule 2).
type Totals map[string]map[string]string

// MarshalJSON writes a total without `by` as {name: "12.30"} and one with it as {name: {group: "12.30"}}.
func (t Totals) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(t))
	for name, groups := range t {
		if sum, plain := groups[""]; plain && len(groups) == 1 {
			out[name] = sum
			continue
		}
		out[name] = groups
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Totals) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	*t = Totals{}
	for name, value := range raw {
		groups := map[string]string{}
		if len(value) > 0 && value[0] == '"' {
			var sum string
			if err := json.Unmarshal(value, &sum); err != nil {
				return err
			}
			groups[""] = sum
		} else if err := json.Unmarshal(value, &groups); err != nil {
			return err
		}
		(*t)[name] = groups
	}
	return nil
}

// Add adds other totals; sums of one name must have the same scale. A sum of more than 38 digits is of class Data.
func (t Totals) Add(other Totals) error {
	return t.combine(other, "add", decimal.Add)
}

// Sub subtracts other totals; sums of one name must have the same scale.
func (t Totals) Sub(other Totals) error {
	return t.combine(other, "subtract", func(total, sum string) (string, error) {
		negative, negated := strings.CutPrefix(sum, "-")
		if !negated {
			negative = "-" + sum
		}
		return decimal.Add(cmp.Or(total, "0"), negative)
	})
}

// combine replaces each sum by the result of an operation, named by verb, on it and the other one.
func (t Totals) combine(other Totals, verb string, operation func(total, sum string) (string, error)) error {
	for name, groups := range other {
		if t[name] == nil {
			t[name] = map[string]string{}
		}
		for group, sum := range groups {
			total, err := operation(t[name][group], sum)
			if err != nil {
				return failure.Wrap(failure.Data, fmt.Errorf("%s total %s %s: %w", verb, name, group, err))
			}
			t[name][group] = total
		}
	}
	return nil
}

// Now returns totals at the scales that the stream declares now; groups that are decimals are rescaled, too.
func (t Totals) Now(s *project.Stream) Totals {
	now := Totals{}
	for name, groups := range t {
		now[name] = groups
		total := s.Total(name)
		if total == nil {
			continue
		}
		now[name] = map[string]string{}
		for group, sum := range groups {
			if by := s.Column(total.By); by != nil && by.Type.Kind == column.Decimal {
				group = decimal.Rescale(group, by.Type.Scale)
			}
			now[name][group] = decimal.Rescale(sum, s.TotalType(total).Scale)
		}
	}
	return now
}

// Summer sums one control total over a batch.
type Summer struct {
	*column.Sums
	Total   *project.Total
	Measure int // position of the summed column
	Group   int // position of the group column, or -1
}

// NewSummers returns a summer for each of a stream's totals.
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

// SumRows adds rows to control totals. filters are the results of the totals' conditions, in order.
func SumRows(summers []Summer, columns, filters []column.Vector, included func(row int) bool) {
	for _, s := range summers {
		var by *column.Vector
		if s.Group >= 0 {
			by = &columns[s.Group]
		}
		selected := included
		if s.Total.Where != "" {
			where := &filters[0]
			filters = filters[1:]
			selected = func(row int) bool { return included(row) && where.Ints[row] != 0 }
		}
		s.Add(&columns[s.Measure], by, selected)
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
			groups[""] = string(decimal.Append(nil, decimal.Int128{}, s.Scale))
		}
		totals[s.Total.Name] = groups
	}
	return totals, nil
}
