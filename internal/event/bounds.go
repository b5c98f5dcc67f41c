// Bounds of control totals: a row whose acceptance would take a total of its batch beyond 38 digits is rejected, so that every
// batch can be sealed.

package event

import (
	"fmt"
	"math/big"

	"bursar/internal/column"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// safeDigits is the precision up to which no batch can have enough rows for a sum of 39 digits.
const safeDigits = 26

// bound is one control total that might not fit, and its sums over the rows accepted so far.
type bound struct {
	summer
	filter int // position among the filters; -1 is none
	sums   map[string]*big.Int
}

// bounds are those of a batch; most streams have none.
type bounds []bound

func newBounds(s *project.Stream) (list bounds) {
	filters := 0
	for _, summer := range newSummers(s) {
		filter := -1
		if summer.total.Where != "" {
			filter = filters
			filters++
		}
		if t := s.Columns[summer.measure].Type; t.Kind == column.Decimal && t.Precision > safeDigits {
			list = append(list, bound{summer, filter, map[string]*big.Int{}})
		}
	}
	return list
}

// term is what a row adds to the total, and to which group; nil is nothing.
func (b *bound) term(p *preparedBlock, r int) (group string, value *big.Int) {
	measure := &p.columns[b.measure]
	if measure.IsNull(r) || b.filter >= 0 && p.filters[b.filter].Ints[r] == 0 {
		return "", nil
	}
	if b.group >= 0 {
		group = string(p.columns[b.group].AppendPlain(nil, r))
	}
	return group, measure.Unscaled(r).BigInt()
}

// sum is the total of a group so far.
func (b *bound) sum(group string) *big.Int {
	if b.sums[group] == nil {
		b.sums[group] = new(big.Int)
	}
	return b.sums[group]
}

// add takes an accepted row in.
func (l bounds) add(p *preparedBlock, r int) {
	for i := range l {
		if group, value := l[i].term(p, r); value != nil {
			sum := l[i].sum(group)
			sum.Add(sum, value)
		}
	}
}

// refuse says why a row may not be accepted; nil if it may.
func (l bounds) refuse(p *preparedBlock, r int) *reject {
	for i := range l {
		group, value := l[i].term(p, r)
		if value == nil {
			continue
		}
		sum := l[i].sum(group)
		if _, err := column.Narrow(new(big.Int).Add(sum, value)); err == nil {
			continue
		}
		total := l[i].total.Name
		if group != "" {
			total += " of " + group
		}
		return &reject{Column: l[i].total.Sum, Reason: fmt.Sprintf(
			"control total %s of the batch would have more than 38 digits: it is %s without this row; take the row up again with another batch", total, l[i].text(sum))}
	}
	return nil
}

func (b *bound) text(sum *big.Int) []byte {
	return column.AppendDecimal(nil, decimal128.FromBigInt(sum), b.Scale)
}

// fits reports whether all rows of a segment may be accepted, whatever is a duplicate among them.
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
			if _, err := column.Narrow(sum); err != nil {
				return false
			}
		}
	}
	return true
}

// checkEntries finds the verdict on each entry of a segment, and the rows, by their entries, that no control total has room for.
func (w *batchWriter) checkEntries(seg *segment) (verdicts []dedupe.Verdict, refused map[int]*reject, err error) {
	verdicts = make([]dedupe.Verdict, len(seg.entries))
	rowByRow := len(w.bounds) > 0 && !w.bounds.fits(seg)
	if !rowByRow {
		if err := w.dedupeBatch.Check(seg.entries, verdicts); err != nil || len(w.bounds) == 0 {
			return verdicts, nil, err
		}
	}
	refused, next := map[int]*reject{}, 0
	for n := range seg.prepared {
		p := &seg.prepared[n]
		for r, kept := range p.keep {
			if !kept {
				continue
			}
			if rowByRow {
				if refused[next], err = w.checkEntry(p, r, seg.entries[next:next+1], verdicts[next:next+1]); err != nil {
					return nil, nil, err
				}
			}
			if verdicts[next].Kind == dedupe.New && refused[next] == nil {
				w.bounds.add(p, r)
			}
			next++
		}
	}
	return verdicts, refused, nil
}

// checkEntry decides on a row once all before it are decided on: a row that is refused must not be remembered, and one that is
// known counts nothing.
func (w *batchWriter) checkEntry(p *preparedBlock, r int, entry []dedupe.Entry, verdict []dedupe.Verdict) (*reject, error) {
	if refused := w.bounds.refuse(p, r); refused != nil {
		known, err := w.dedupeBatch.Knows(entry[0])
		if err != nil || !known {
			return refused, err
		}
	}
	return nil, w.dedupeBatch.Check(entry, verdict)
}
