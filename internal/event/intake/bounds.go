// Bounds of control totals: a row is rejected if accepting it takes a total of its batch beyond 38 digits, so that every batch can be sealed.

package intake

import (
	"fmt"
	"math/big"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
	"bursar/internal/project"
)

// safeDigits is the precision up to which no batch has enough rows for a sum of 39 digits.
const safeDigits = 26

// bound is a control total that might overflow, and its sums over the rows accepted so far.
type bound struct {
	event.Summer
	filter int // index in the filters; -1 is none
	sums   map[string]*big.Int
}

// bounds are those of one batch; most streams have none.
type bounds []bound

func newBounds(s *project.Stream) (list bounds) {
	filters := 0
	for _, summer := range event.NewSummers(s) {
		filter := -1
		if summer.Total.Where != "" {
			filter = filters
			filters++
		}
		if t := s.Columns[summer.Measure].Type; t.Kind == column.Decimal && t.Precision > safeDigits {
			list = append(list, bound{summer, filter, map[string]*big.Int{}})
		}
	}
	return list
}

// term returns what a row adds to the total, and its group; nil if it adds nothing.
func (b *bound) term(p *preparedBlock, r int) (group string, value *big.Int) {
	measure := &p.columns[b.Measure]
	if measure.IsNull(r) || b.filter >= 0 && p.filters[b.filter].Ints[r] == 0 {
		return "", nil
	}
	if b.Group >= 0 {
		group = string(p.columns[b.Group].AppendPlain(nil, r))
	}
	return group, measure.Unscaled(r).BigInt()
}

func (b *bound) sum(group string) *big.Int {
	if b.sums[group] == nil {
		b.sums[group] = new(big.Int)
	}
	return b.sums[group]
}

func (l bounds) add(p *preparedBlock, r int) {
	for i := range l {
		if group, value := l[i].term(p, r); value != nil {
			sum := l[i].sum(group)
			sum.Add(sum, value)
		}
	}
}

func (l bounds) refuse(p *preparedBlock, r int) *reject {
	for i := range l {
		group, value := l[i].term(p, r)
		if value == nil {
			continue
		}
		sum := l[i].sum(group)
		if _, err := decimal.Narrow(new(big.Int).Add(sum, value)); err == nil {
			continue
		}
		total := l[i].Total.Name
		if group != "" {
			total += " of " + group
		}
		return &reject{Column: l[i].Total.Sum, Reason: fmt.Sprintf(
			"control total %s of the batch would have more than 38 digits: it is %s without this row; retry the row in another batch",
			total, decimal.Append(nil, decimal.Int128OfBig(sum), l[i].Scale))}
	}
	return nil
}

// fits reports whether all rows of a segment may be accepted, whichever are duplicates.
func (l bounds) fits(seg *segment) bool {
	for i := range l {
		highest := map[string]*big.Int{}
		for n := range seg.prepared {
			p := &seg.prepared[n]
			for r, kept := range p.keep {
				if !kept {
					continue
				}
				group, value := l[i].term(p, r)
				if value == nil {
					continue
				}
				if highest[group] == nil {
					highest[group] = new(big.Int).Abs(l[i].sum(group))
				}
				highest[group].Add(highest[group], value.Abs(value))
			}
		}
		for _, sum := range highest {
			if _, err := decimal.Narrow(sum); err != nil {
				return false
			}
		}
	}
	return true
}
