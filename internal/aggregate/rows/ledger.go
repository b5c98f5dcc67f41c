// Counts and sums of what a statement lists.

package rows

import (
	"cmp"
	"strconv"
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

// add adds an amount.
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
	l.content.Plus(t.rules.MovementDigest(t.base, e))
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

// addDay extends the range of days by that of an entry.
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
