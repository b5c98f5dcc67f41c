// Interim reports that list no entries below a limit, and count them.

package mt940

import (
	"strconv"
	"strings"

	"bursar/internal/aggregate/statement"
)

// listedTotals are the numbers and sums of a report's entries.
type listedTotals struct{ credit, debit sideTotals }

type sideTotals struct {
	count int64
	sum   statement.Sum // without sign
}

func (l *listedTotals) add(amount string) {
	side := &l.credit
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		side, amount = &l.debit, rest
	}
	if side.sum.Add(amount) {
		side.count++
	}
}

// dropTotalsAboveFloor drops totals that are more than what is listed, where a limit says why: nothing can be held against them.
func (t *emitter) dropTotalsAboveFloor() {
	s := &t.statement.Stated
	if !t.seen.floor {
		return
	}
	if t.listed.credit.exceededBy(s.CreditCount, s.CreditSum) {
		s.CreditCount, s.CreditSum = "", ""
	}
	if t.listed.debit.exceededBy(s.DebitCount, s.DebitSum) {
		s.DebitCount, s.DebitSum = "", ""
	}
}

// exceededBy tells whether more entries of a greater sum are stated.
func (l *sideTotals) exceededBy(count, sum string) bool {
	n, err := strconv.ParseInt(count, 10, 64)
	var difference statement.Sum
	if err != nil || n <= l.count || !difference.Add(sum) {
		return false
	}
	difference.Minus(&l.sum)
	return difference.Sign() > 0
}
