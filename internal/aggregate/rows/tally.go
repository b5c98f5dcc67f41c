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

// add adds an amount. ok is false, and nothing is added, if it is not a valid amount.
func (t *tally) add(amount string) (ok bool) {
	var one statement.Sum
	if !one.Add(amount) {
		return false
	}
	t.sum.Plus(&one)
	switch one.Sign() {
	case 1:
		t.credits++
		t.credit.Plus(&one)
	case -1:
		t.debits++
		t.debit.Plus(&one)
	default:
		t.zeros++
	}
	return true
}

// remove subtracts an amount that was added.
func (t *tally) remove(amount string) {
	var one statement.Sum
	if !one.Add(amount) {
		return // it was not added either
	}
	t.sum.Minus(&one)
	switch one.Sign() {
	case 1:
		t.credits--
		t.credit.Minus(&one)
	case -1:
		t.debits--
		t.debit.Minus(&one)
	default:
		t.zeros--
	}
}

// plus adds another tally.
func (t *tally) plus(other *tally) {
	t.credits, t.debits, t.zeros = t.credits+other.credits, t.debits+other.debits, t.zeros+other.zeros
	t.sum.Plus(&other.sum)
	t.credit.Plus(&other.credit)
	t.debit.Plus(&other.debit)
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
		sum          *statement.Sum
	}{
		{"sum of entries", s.Sum, &t.sum},
		{"sum of credit entries", s.CreditSum, &t.credit},
		{"sum of debit entries", s.DebitSum, &t.debit},
	} {
		if c.stated == "" {
			continue
		}
		sum := c.sum.String()
		if c.sum == &t.debit {
			sum = strings.TrimPrefix(sum, "-")
		}
		if !statement.SameNumber(c.stated, sum) {
			fault(c.what, c.stated, sum)
		}
	}
	return faults
}
