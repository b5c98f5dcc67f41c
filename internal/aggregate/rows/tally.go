// Counts and sums credits and debits, and compares them with those that the bank states.

package rows

import (
	"fmt"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// tally counts amounts by their sign. A zero is neither credit nor debit, and the bank may count it as either.
type tally struct {
	credits, debits, zeros int64
	sum, credit, debit     statement.Sum // debit is below zero
}

// tallyOf is the tally of one amount. ok is false, and the tally empty, if it is not a valid amount.
func tallyOf(amount string) (one tally, ok bool) {
	ok = one.sum.Add(amount)
	switch sign := one.sum.Sign(); {
	case !ok:
	case sign > 0:
		one.credits, one.credit = 1, one.sum
	case sign < 0:
		one.debits, one.debit = 1, one.sum
	default:
		one.zeros = 1
	}
	return one, ok
}

func (t tally) plus(o tally) tally {
	return tally{t.credits + o.credits, t.debits + o.debits, t.zeros + o.zeros, t.sum.Plus(o.sum), t.credit.Plus(o.credit), t.debit.Plus(o.debit)}
}

func (t tally) minus(o tally) tally {
	return tally{t.credits - o.credits, t.debits - o.debits, t.zeros - o.zeros, t.sum.Minus(o.sum), t.credit.Minus(o.credit), t.debit.Minus(o.debit)}
}

// add adds an amount. ok is false, and nothing is added, if it is not a valid amount.
func (t *tally) add(amount string) (ok bool) {
	one, ok := tallyOf(amount)
	*t = t.plus(one)
	return ok
}

func (t *tally) count() int64 { return t.credits + t.debits + t.zeros }

// compareStated returns what differs from the bank's totals, each with both figures.
func (t *tally) compareStated(s *statement.Totals) (faults []string) {
	fault := func(what, stated, counted string) {
		faults = append(faults, fmt.Sprintf("%s: the bank states %s, the statement lists %s", what, stated, counted))
	}
	for _, c := range []struct {
		what, stated string
		n, zeros     int64
	}{
		{"entries", s.Count, t.count(), 0},
		{"credit entries", s.CreditCount, t.credits, t.zeros},
		{"debit entries", s.DebitCount, t.debits, t.zeros},
	} {
		if c.stated == "" {
			continue
		}
		if n, err := strconv.ParseInt(c.stated, 10, 64); err != nil || n < c.n || n > c.n+c.zeros {
			fault(c.what, c.stated, strconv.FormatInt(c.n, 10))
		}
	}
	for _, c := range []struct {
		what, stated string
		sum          string
	}{
		{"sum of entries", s.Sum, t.sum.String()},
		{"sum of credit entries", s.CreditSum, t.credit.String()},
		{"sum of debit entries", s.DebitSum, strings.TrimPrefix(t.debit.String(), "-")},
	} {
		if c.stated != "" && !statement.SameNumber(c.stated, c.sum) {
			fault(c.what, c.stated, c.sum)
		}
	}
	return faults
}
