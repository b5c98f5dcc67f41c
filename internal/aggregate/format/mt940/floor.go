// Handles interim reports that count entries below a floor limit but do not list them.

package mt940

import (
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// listedTotals are the counts and sums of a report's listed entries.
type listedTotals struct{ credit, debit sideTotals }

type sideTotals struct {
	count int64
	sum   statement.Sum // without a sign
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

// dropTotalsAboveFloor removes stated totals that exceed the listed entries, if a floor limit explains it: they
// cannot be checked.
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

// exceededBy reports whether the stated count and sum are both greater.
func (l *sideTotals) exceededBy(count, sum string) bool {
	n, err := strconv.ParseInt(count, 10, 64)
	var stated statement.Sum
	return err == nil && n > l.count && stated.Add(sum) && stated.Minus(l.sum).Sign() > 0
}
