// Bounds of control totals: a row is rejected if accepting it takes a total of its batch beyond 38 digits, so that every batch can be sealed.

package event

import (
	"fmt"
	"math/big"

	"bursar/internal/column"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// safeDigits is the precision up to which no batch has enough rows for a sum of 39 digits.
const safeDigits = 26

// bound is a control total that might overflow, and its sums over the rows accepted so far.
type bound struct {
	summer
	filter int // index in the filters; -1 is none
	sums   map[string]*big.Int
}

// bounds are those of one batch; most streams have none.
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

// term returns what a row adds to the total, and its group; nil if it adds nothing.
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

// sum returns the total of a group so far.
func (b *bound) sum(group string) *big.Int {
	if b.sums[group] == nil {
		b.sums[group] = new(big.Int)
	}
	return b.sums[group]
}

// add adds an accepted row.
func (l bounds) add(p *preparedBlock, r int) {
	for i := range l {
		if group, value := l[i].term(p, r); value != nil {
			sum := l[i].sum(group)
			sum.Add(sum, value)
		}
	}
}

// refuse returns why a row must not be accepted, or nil.
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
			"control total %s of the batch would have more than 38 digits: it is %s without this row; retry the row in another batch", total, l[i].text(sum))}
	}
	return nil
}

func (b *bound) text(sum *big.Int) []byte {
	return column.AppendDecimal(nil, column.Int128OfBig(sum), b.Scale)
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
			if _, err := column.Narrow(sum); err != nil {
				return false
			}
		}
	}
	return true
}

// checkEntries returns the verdict on each entry of a segment, and the rows that would overflow a control total, by entry.
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

// checkEntry decides on one row after all rows before it. A refused row must not enter the dedupe index, and a known row adds nothing to a total.
func (w *batchWriter) checkEntry(p *preparedBlock, r int, entry []dedupe.Entry, verdict []dedupe.Verdict) (*reject, error) {
	if refused := w.bounds.refuse(p, r); refused != nil {
		known, err := w.dedupeBatch.Knows(entry[0])
		if err != nil || !known {
			return refused, err
		}
	}
	return nil, w.dedupeBatch.Check(entry, verdict)
}
