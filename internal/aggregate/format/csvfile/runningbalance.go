// Checks a column of running balances.

package csvfile

import (
	"fmt"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// runningBalance follows a column with the balance after each entry. Rows are in order of time or in reverse, and the
// balances show which: in order of time, each balance is the opening balance plus all amounts so far; in reverse,
// each is the closing balance minus all amounts of the rows above it. Dates that show the order take precedence,
// because a few rows can fit the wrong order by chance.
type runningBalance struct {
	hasColumn         bool // the mapping has such a column; otherwise only dates are kept
	rows              int64
	sum               statement.Sum // of the amounts so far
	unreadable        bool          // an amount or a balance cannot be read
	unreadableBalance string        // describes the first balance that cannot be read
	forward           derivedBalance
	backward          derivedBalance
	first, last       datedBalance
	lastHasBalance    bool // the last row states its balance
}

type datedBalance struct{ date, balance string }

// derivedBalance is a balance that is computed from every row; all rows must give the same.
type derivedBalance struct {
	known       bool
	value       statement.Sum
	mismatchRow int64  // the first row that gives another value; 0 if none does
	mismatch    string // describes it, with both figures
}

// check compares the value that a row gives with that of the earlier rows. stated is the balance in the row.
func (o *derivedBalance) check(sum statement.Sum, at statement.Place, row int64, stated string) {
	if !o.known {
		o.known, o.value = true, sum
	}
	if o.mismatchRow > 0 || sum == o.value {
		return
	}
	var computed statement.Sum
	computed.Add(stated)
	difference := sum.Minus(o.value)
	o.mismatchRow = row
	o.mismatch = fmt.Sprintf("the balance of line %d is %s, and the rows before it make it %s: %s between them",
		at.Line, stated, computed.Minus(difference), difference)
}

// add adds a row: its amount and the balance after it, as decimals; an empty balance is not stated.
func (u *runningBalance) add(at statement.Place, date, amount, balance string) {
	u.rows++
	u.last, u.lastHasBalance = datedBalance{date, balance}, balance != ""
	if u.rows == 1 {
		u.first = u.last
	}
	if !u.hasColumn {
		return
	}
	var stated statement.Sum
	if balance != "" && !stated.Add(balance) {
		u.unreadable = true
		if u.unreadableBalance == "" {
			u.unreadableBalance = fmt.Sprintf("the balance of line %d is no number: %s", at.Line, quote(balance))
		}
	}
	before := u.sum
	if !u.sum.Add(amount) {
		u.unreadable = true
	}
	if balance == "" || u.unreadable {
		return
	}
	u.backward.check(before.Plus(stated), at, u.rows, balance) // the closing balance, if the newest row comes first
	u.forward.check(stated.Minus(u.sum), at, u.rows, balance)  // the opening balance, if the oldest does
}

// dateOrder compares the dates of the first and the last row: negative if the oldest row comes first, 0 if unknown.
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

// fault describes balances that contradict the amounts, with both figures; "" if they agree in an order that the
// dates allow.
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

// balances returns the opening and the closing balance with the dates of the first and the last entry. ok is false
// unless the first and the last row state a balance and all rows agree in exactly one order; a single row fits both.
func (u *runningBalance) balances() (opening, closing datedBalance, ok bool) {
	if u.rows == 0 || u.unreadable || u.first.balance == "" || !u.lastHasBalance {
		return datedBalance{}, datedBalance{}, false
	}
	order := u.dateOrder()
	forward, backward := u.forward.mismatchRow == 0 && order <= 0, u.backward.mismatchRow == 0 && order >= 0
	if forward && backward && u.rows > 1 { // such as amounts that cancel each other
		return datedBalance{}, datedBalance{}, false
	}
	switch {
	case forward:
		return datedBalance{u.first.date, u.forward.value.String()}, u.last, true
	case backward:
		return datedBalance{u.last.date, u.backward.value.Minus(u.sum).String()}, u.first, true
	}
	return datedBalance{}, datedBalance{}, false
}
