// Counts and sums of what a statement lists, compared with the totals that the bank states and with the details of
// entries.

package rows

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// ledger sums the entries of a statement, or the details of an entry. Its zero value is empty.
type ledger struct {
	all               int64 // of any status
	booked            tally
	announced         tally // not booked
	pending           int64 // not booked
	details           int64
	operations        int64
	charges           charges         // of the details
	lax               bool            // details have amounts that may differ from those of the entry
	reversals         statement.Sum   // booked, in a format that leaves their direction open
	originalReversals bool            // they are declared to have the direction of what they reverse
	incremental       bool            // a report of what came since the previous one
	currency          string          // of the sums
	content           identity.Digest // digest of all entries, in any order
	first             string          // booking days
	last              string
	faults                   // what cannot be added up or does not balance
	pageFaults        faults // what does not balance on this page alone: it may be a total of all pages
}

func (l *ledger) add(amount, currency string, at statement.Place) {
	l.all++
	if l.currency = cmp.Or(l.currency, currency); currency != "" && currency != l.currency {
		l.addFault(at, "amounts in %s and in %s are not one sum", l.currency, currency)
		return
	}
	if !l.booked.add(amount) {
		l.addFault(at, "amount %q cannot be added up", amount)
	}
}

// addEntry adds an entry at its end, and checks it against its details.
func (l *ledger) addEntry(t *Builder, e *statement.Entry) {
	l.content.Plus(identity.MovementDigest(t.base, e, t.rules.Former))
	l.details += t.details.all
	if difference := t.details.compareDetails(e); difference != "" {
		l.addFault(e.Place, "%s", difference)
	}
	if e.Replaces != nil {
		for _, amount := range e.Replaces.Amounts {
			one, _ := tallyOf(amount) // what is not a valid amount was not added either
			l.booked = l.booked.minus(one)
		}
	}
	if !t.stmt.Kind.IsBooked(e.Status) {
		l.all++
		l.pending++
		l.announced.add(e.Amount)
		if e.Corrects != "" { // the days of what it deletes are days of the statement
			l.addDay(t.entryDay(e), e.Place)
		}
		return
	}
	if !e.Replaced {
		l.add(e.Amount, cmp.Or(e.Currency, t.stmt.Currency), e.Place)
	}
	l.addDay(t.entryDay(e), e.Place)
	if e.Reversal && t.stmt.IsCAMT() && !t.rules.Former { // the result is part of the statement's id
		l.reversals.Add(e.Amount)
		l.originalReversals = t.originalReversals
	}
	if e.Operations == "" {
		return
	}
	if n, err := strconv.ParseInt(e.Operations, 10, 64); err == nil && n >= 0 && n < 1<<40 {
		l.operations += n
	}
}

func (l *ledger) addDay(day string, at statement.Place) {
	if day == l.last && day != "" {
		return // most entries of a statement have the same day
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		l.addFault(at, "the entry's day %q is none", day)
		return
	}
	l.first, l.last = min(cmp.Or(l.first, day), day), max(l.last, day)
}

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

// charges sums the charges of an entry's details. Its zero value is empty.
type charges struct {
	stated, strange bool
	all, included   statement.Sum
}

// add adds the charges of a detail or an entry; nil adds nothing.
func (c *charges) add(s *statement.Charges) {
	if s == nil {
		return
	}
	c.stated = true
	if s.Unusable || !c.all.Add(s.All) || !c.included.Add(s.Included) {
		c.strange = true
	}
}

// explain reports whether charges may be the difference between an entry and the sum of its details: those of the
// details, those of the entry, or both; and of these all, only those marked as included, or only the others, because
// banks use the mark in both senses. Charges that cannot be summed may be any amount.
func (c *charges) explain(rest statement.Sum, entry *statement.Charges) bool {
	var own charges
	own.add(entry)
	both := charges{c.stated && own.stated, c.strange || own.strange, c.all.Plus(own.all), c.included.Plus(own.included)}
	return both.strange || c.equal(rest) || own.equal(rest) || both.equal(rest)
}

// equal reports whether the charges come to a sum.
func (c *charges) equal(sum statement.Sum) bool {
	return c.stated && (sum == c.all || sum == c.included || sum == c.all.Minus(c.included))
}

// compareDetails compares the sum of an entry's details with its amount, if every detail has an amount in the entry's
// currency that was moved. They may differ by charges, and the details of a reversal may be those that it reverses.
func (l *ledger) compareDetails(e *statement.Entry) string {
	var amount statement.Sum
	if l.all == 0 || l.lax || len(l.list) > 0 || l.currency != "" && e.Currency != "" && l.currency != e.Currency || !amount.Add(e.Amount) {
		return ""
	}
	details := l.booked.sum
	if amount == details || e.Reversal && amount.Plus(details).Sign() == 0 || l.charges.explain(amount.Minus(details), e.Charges) {
		return ""
	}
	return fmt.Sprintf("the entry is %s, and its %d details sum to %s", e.Amount, l.all, details)
}
