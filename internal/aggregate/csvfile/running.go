// The balance after each entry, in a column of its own.

package csvfile

import (
	"fmt"
	"time"

	"bursar/internal/aggregate/statement"
)

// running follows a statement's balances through its rows. Files stand in order of time or against it, which is told
// by the balances: in order of time each one is the opening balance and all amounts so far; against it each one is the closing
// balance less all amounts that came before it. Dates that tell the order are not contradicted: few rows can fit the wrong way by chance.
type running struct {
	followed     bool // there is such a column; else only dates are kept
	rows         int64
	sum          statement.Sum // of the amounts so far
	broken       bool          // an amount or a balance cannot be read
	strange      string        // what is said of the first balance that cannot be read
	forward      origin
	backward     origin
	first, last  mark
	lastBalanced bool // the last row tells its balance
}

// mark is a row by its date and balance.
type mark struct{ date, balance string }

// origin is a balance that follows from every row, as long as the rows agree.
type origin struct {
	known bool
	at    statement.Sum
	row   int64  // the first one that does not agree; 0 is none
	wrong string // what is said of it, with both figures
}

// see takes in the balance of a row, which makes the origin such a sum. told is the balance as it is stated.
func (o *origin) see(sum *statement.Sum, at statement.Place, row int64, stated string) {
	if !o.known {
		o.known, o.at = true, statement.Sum{}
		o.at.Plus(sum)
		return
	}
	if o.row > 0 {
		return
	}
	var apart, made statement.Sum
	apart.Plus(sum)
	apart.Minus(&o.at)
	if apart.Sign() == 0 {
		return
	}
	made.Add(stated)
	made.Minus(&apart)
	o.row = row
	o.wrong = fmt.Sprintf("the balance of line %d is %s, and the rows before it make it %s: %s between them", at.Line, stated, &made, &apart)
}

// add takes a row in: its amount and the balance after it, as decimals; an empty balance is none.
func (u *running) add(at statement.Place, date, amount, balance string) {
	u.rows++
	u.last, u.lastBalanced = mark{date, balance}, balance != ""
	if u.rows == 1 {
		u.first = u.last
	}
	if !u.followed {
		return
	}
	var stated, before statement.Sum
	if balance != "" && !stated.Add(balance) {
		u.broken = true
		if u.strange == "" {
			u.strange = fmt.Sprintf("the balance of line %d is no number: %s", at.Line, quote([]string{balance}))
		}
	}
	before.Plus(&u.sum)
	if !u.sum.Add(amount) {
		u.broken = true
	}
	if balance == "" || u.broken {
		return
	}
	before.Plus(&stated) // the closing balance, if the newest row comes first
	u.backward.see(&before, at, u.rows, balance)
	stated.Minus(&u.sum) // the opening balance, if the oldest does
	u.forward.see(&stated, at, u.rows, balance)
}

// order is how the dates of the first and the last row lie: below zero if the oldest comes first, 0 if they do not tell.
func (u *running) order() int {
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
func (u *running) fault() string {
	order := u.order()
	switch {
	case u.strange != "":
		return u.strange
	case order < 0:
		return u.forward.wrong
	case order > 0:
		return u.backward.wrong
	case u.forward.row == 0 || u.backward.row == 0:
		return ""
	case u.backward.row > u.forward.row:
		return u.backward.wrong
	}
	return u.forward.wrong
}

// balances are the statement's opening and closing ones with the dates of its first and last entry, where the first and the
// last row tell theirs and all rows agree in one direction.
func (u *running) balances() (opening, closing mark, ok bool) {
	if u.rows == 0 || u.broken || u.first.balance == "" || !u.lastBalanced {
		return mark{}, mark{}, false
	}
	order := u.order()
	forward, backward := u.forward.row == 0 && order <= 0, u.backward.row == 0 && order >= 0
	if forward && backward && u.rows > 1 { // such as amounts that take each other back
		return mark{}, mark{}, false
	}
	switch {
	case forward:
		return mark{u.first.date, u.forward.at.String()}, u.last, true
	case backward:
		var at statement.Sum
		at.Plus(&u.backward.at)
		at.Minus(&u.sum)
		return mark{u.last.date, at.String()}, u.first, true
	}
	return mark{}, mark{}, false
}
