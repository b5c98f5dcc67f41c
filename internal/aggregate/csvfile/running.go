// The balance after each entry, in a column of its own.

package csvfile

import (
	"fmt"
	"time"

	"bursar/internal/aggregate/statement"
)

// runningBalance follows a statement's balances through its rows. Files stand in order of time or against it, which is told
// by the balances: in order of time each one is the opening balance and all amounts so far; against it each one is the closing
// balance less all amounts that came before it. Dates that tell the order are not contradicted: few rows can fit the wrong way by chance.
type runningBalance struct {
	hasColumn         bool // there is such a column; else only dates are kept
	rows              int64
	sum               statement.Sum // of the amounts so far
	unreadable        bool          // an amount or a balance cannot be read
	unreadableBalance string        // what is said of the first balance that cannot be read
	forward           derivedBalance
	backward          derivedBalance
	first, last       datedBalance
	lastHasBalance    bool // the last row tells its balance
}

// datedBalance is a row by its date and balance.
type datedBalance struct{ date, balance string }

// derivedBalance is a balance that follows from every row, as long as the rows agree.
type derivedBalance struct {
	known       bool
	value       statement.Sum
	mismatchRow int64  // the first one that does not agree; 0 is none
	mismatch    string // what is said of it, with both figures
}

// check takes in the balance of a row, which makes the origin such a sum. told is the balance as it is stated.
func (o *derivedBalance) check(sum *statement.Sum, at statement.Place, row int64, stated string) {
	if !o.known {
		o.known, o.value = true, statement.Sum{}
		o.value.Plus(sum)
		return
	}
	if o.mismatchRow > 0 {
		return
	}
	var difference, computed statement.Sum
	difference.Plus(sum)
	difference.Minus(&o.value)
	if difference.Sign() == 0 {
		return
	}
	computed.Add(stated)
	computed.Minus(&difference)
	o.mismatchRow = row
	o.mismatch = fmt.Sprintf("the balance of line %d is %s, and the rows before it make it %s: %s between them", at.Line, stated, &computed, &difference)
}

// add takes a row in: its amount and the balance after it, as decimals; an empty balance is none.
func (u *runningBalance) add(at statement.Place, date, amount, balance string) {
	u.rows++
	u.last, u.lastHasBalance = datedBalance{date, balance}, balance != ""
	if u.rows == 1 {
		u.first = u.last
	}
	if !u.hasColumn {
		return
	}
	var stated, before statement.Sum
	if balance != "" && !stated.Add(balance) {
		u.unreadable = true
		if u.unreadableBalance == "" {
			u.unreadableBalance = fmt.Sprintf("the balance of line %d is no number: %s", at.Line, quoteNames([]string{balance}))
		}
	}
	before.Plus(&u.sum)
	if !u.sum.Add(amount) {
		u.unreadable = true
	}
	if balance == "" || u.unreadable {
		return
	}
	before.Plus(&stated) // the closing balance, if the newest row comes first
	u.backward.check(&before, at, u.rows, balance)
	stated.Minus(&u.sum) // the opening balance, if the oldest does
	u.forward.check(&stated, at, u.rows, balance)
}

// dateOrder is how the dates of the first and the last row lie: below zero if the oldest comes first, 0 if they do not tell.
func (u *runningBalance) dateOrder() int {
	first, err := time.Parse(time.DateOnly, u.first.date)
	if err != nil {
		return 0
	}
	last, err := time.Parse(time.DateOnly, u.last.date)
	if err != nil {
		return 0
	}
	return first.Compare(last)
}

// fault is what does not hold of the balances, with both figures; empty where they agree, or cannot be told to disagree.
func (u *runningBalance) fault() string {
	order := u.dateOrder()
	switch {
	case u.unreadableBalance != "":
		return u.unreadableBalance
	case order < 0:
		return u.forward.mismatch
	case order > 0:
		return u.backward.mismatch
	case u.forward.mismatchRow == 0 || u.backward.mismatchRow == 0:
		return ""
	case u.backward.mismatchRow > u.forward.mismatchRow:
		return u.backward.mismatch
	}
	return u.forward.mismatch
}

// balances are the statement's opening and closing ones with the dates of its first and last entry, where the first and the
// last row tell theirs and all rows agree in one direction.
func (u *runningBalance) balances() (opening, closing datedBalance, ok bool) {
	if u.rows == 0 || u.unreadable || u.first.balance == "" || !u.lastHasBalance {
		return datedBalance{}, datedBalance{}, false
	}
	order := u.dateOrder()
	forward, backward := u.forward.mismatchRow == 0 && order <= 0, u.backward.mismatchRow == 0 && order >= 0
	if forward && backward && u.rows > 1 { // such as amounts that take each other back
		return datedBalance{}, datedBalance{}, false
	}
	switch {
	case forward:
		return datedBalance{u.first.date, u.forward.value.String()}, u.last, true
	case backward:
		var start statement.Sum
		start.Plus(&u.backward.value)
		start.Minus(&u.sum)
		return datedBalance{u.last.date, start.String()}, u.first, true
	}
	return datedBalance{}, datedBalance{}, false
}
