// The balance after each entry, in a column of its own.

package csvfile

import "bursar/internal/aggregate/statement"

// running follows a statement's balances through its rows. Files stand in order of time or against it, which is told
// by the balances: in order of time each one is the opening balance and all amounts so far; against it each one is the closing
// balance less all amounts that came before it.
type running struct {
	followed     bool // there is such a column; else only dates are kept
	rows         int64
	sum          statement.Sum // of the amounts so far
	broken       bool          // an amount cannot be read
	forward      origin
	backward     origin
	first, last  mark
	lastBalanced bool // the last row tells its balance
}

// mark is a row by its date and balance.
type mark struct{ date, balance string }

// origin is a balance that follows from every row, as long as the rows agree.
type origin struct {
	known, differs bool
	at             statement.Sum
}

func (o *origin) see(sum *statement.Sum) {
	if !o.known {
		o.known, o.at = true, statement.Sum{}
		o.at.Plus(sum)
		return
	}
	var apart statement.Sum
	apart.Plus(&o.at)
	apart.Minus(sum)
	o.differs = o.differs || apart.Sign() != 0
}

// add takes a row in: its amount and the balance after it, as decimals; an empty balance is none.
func (u *running) add(date, amount, balance string) {
	u.rows++
	u.last, u.lastBalanced = mark{date, balance}, balance != ""
	if u.rows == 1 {
		u.first = u.last
	}
	if !u.followed {
		return
	}
	var told, before statement.Sum
	if balance != "" && !told.Add(balance) {
		u.broken = true
	}
	before.Plus(&u.sum)
	if !u.sum.Add(amount) {
		u.broken = true
	}
	if balance == "" || u.broken {
		return
	}
	before.Plus(&told) // the closing balance, if the newest row comes first
	u.backward.see(&before)
	told.Minus(&u.sum) // the opening balance, if the oldest does
	u.forward.see(&told)
}

// balances are the statement's opening and closing ones with the dates of its first and last entry, where the first and the
// last row tell theirs and all rows agree in one direction.
func (u *running) balances() (opening, closing mark, ok bool) {
	if u.rows == 0 || u.broken || u.first.balance == "" || !u.lastBalanced {
		return mark{}, mark{}, false
	}
	forward, backward := !u.forward.differs, !u.backward.differs
	if forward && backward && u.rows > 1 { // such as amounts that take each other back
		forward, backward = u.first.date < u.last.date, u.first.date > u.last.date
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
