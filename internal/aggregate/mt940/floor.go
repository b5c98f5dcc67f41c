// Interim reports that list no entries below a limit, and count them.

package mt940

import (
	"strconv"
	"strings"

	"bursar/internal/aggregate/statement"
)

// listed are the numbers and sums of a report's entries.
type listed struct{ credit, debit side }

type side struct {
	count int64
	sum   statement.Sum // without sign
}

func (l *listed) add(amount string) {
	to := &l.credit
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		to, amount = &l.debit, rest
	}
	if to.sum.Add(amount) {
		to.count++
	}
}

// aboveFloor drops totals that are more than what is listed, where a limit says why: nothing can be held against them.
func (t *emitter) aboveFloor() {
	s := &t.s.Stated
	if !t.seen.floor {
		return
	}
	if t.listed.credit.within(s.CreditCount, s.CreditSum) {
		s.CreditCount, s.CreditSum = "", ""
	}
	if t.listed.debit.within(s.DebitCount, s.DebitSum) {
		s.DebitCount, s.DebitSum = "", ""
	}
}

// within tells whether more entries of a greater sum are stated.
func (l *side) within(count, sum string) bool {
	n, err := strconv.ParseInt(count, 10, 64)
	var rest statement.Sum
	if err != nil || n <= l.count || !rest.Add(sum) {
		return false
	}
	rest.Minus(&l.sum)
	return rest.Sign() > 0
}
