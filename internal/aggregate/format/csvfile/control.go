// Checks control rows against the rows that they cover.

package csvfile

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// maxHash is the maximum number of digits of a hash total, and of each row's number that counts.
const maxHash = 64

func (t *table) isMarkedControl(r row) bool {
	return t.columns.controlMark >= 0 && r.cell(t.columns.controlMark) == t.mapping.Control.Where.Value
}

// isControl reports whether a row is a control row: by its mark, or without one because it is the first or the last
// row of the file.
func (e *emitter) isControl(r row) bool {
	c := e.mapping.Control
	switch {
	case c == nil:
		return false
	case c.Where.Column != "":
		return e.table.isMarkedControl(r)
	case c.First:
		return e.scope.control == nil && e.scope.rows == 0
	}
	return e.table.atLast
}

// handleControl handles a control row: after its rows it closes their scope, before them it opens one.
func (e *emitter) handleControl(r row) {
	first := e.mapping.Control.First
	if !first {
		e.scope.control = &r
	}
	e.endScope()
	e.scope = scope{}
	if first {
		e.scope.control = &r
	} else {
		e.scope.previousControlLine = r.place.Line
	}
}

// checkEmptyScope checks a control row that covers no rows. It reports no statement, because the days are unknown.
func (e *emitter) checkEmptyScope() {
	r, c := e.scope.control, &e.table.columns
	if r == nil {
		return
	}
	e.emptyControl = true
	for _, column := range []int{c.count, c.sum, c.hash} {
		if text := r.cell(column); text != "" && strings.Trim(text, "0.,-+ ") != "" {
			e.out.Fail(statement.Refuse(r.place, "the control row states %s, but there are no rows", quote(text)).Advise("ask for the whole file"))
		}
	}
}

// checkControl checks the control row against its rows; the last statement is still open. For a single statement, the
// count, the sum and the balances are passed on as stated by the bank. What only the reader can check becomes the
// statement's fault.
func (e *emitter) checkControl() {
	if e.mapping.Control == nil {
		return
	}
	r := e.scope.control
	if r == nil {
		e.addFault("there is no control row")
		return
	}
	e.checkHash(r)
	if e.scope.statements > 1 {
		e.checkAllStatements(r)
		return
	}
	if count, stated := e.controlNumber(r, "count", e.table.columns.count); stated {
		e.statement.Stated.Count = count
	}
	if sum, stated := e.controlNumber(r, "sum", e.table.columns.sum); stated {
		e.statement.Stated.Sum = sum
	}
	e.emitBalances(r)
}

func (e *emitter) addFault(format string, args ...any) {
	e.statement.Fault = statement.JoinTexts(e.statement.Fault, fmt.Sprintf(format, args...))
}

// controlNumber returns a number of the control row. A missing or invalid number is a fault, because the mapping
// declares it.
func (e *emitter) controlNumber(r *row, what string, column int) (decimal string, stated bool) {
	if column < 0 {
		return "", false
	}
	text := r.cell(column)
	n := parseNumber(text, e.mapping)
	stated = n.ok && (what != "count" || !strings.Contains(n.decimal, "."))
	if !stated {
		e.addFault("the control row's %s is no number: %s", what, quote(text))
	}
	return n.decimal, stated
}

// checkAllStatements checks the count and the sum of several statements against the rows of all of them.
func (e *emitter) checkAllStatements(r *row) {
	s, c := &e.scope, &e.table.columns
	if count, stated := e.controlNumber(r, "count", c.count); stated && count != strconv.FormatInt(s.rows, 10) {
		e.addFault("the control row counts %s rows of %d accounts, and there are %d", count, s.statements, s.rows)
	}
	if sum, stated := e.controlNumber(r, "sum", c.sum); stated {
		if s.unreadable || !statement.SameNumber(sum, s.sum.String()) {
			e.addFault("the control row sums %d accounts up to %s, and their rows to %s", s.statements, sum, s.sum)
		}
	}
	if c.opening >= 0 || c.closing >= 0 {
		e.addFault("the control row has the balance of one account, and there are %d before it", s.statements)
	}
}

// checkHash compares the hash total, with as many digits as the control row states.
func (e *emitter) checkHash(r *row) {
	c := &e.table.columns
	if c.hash < 0 {
		return
	}
	stated := onlyDigits(r.cell(c.hash))
	if stated == "" || len(stated) > maxHash {
		e.addFault("the control row's hash total is no number of 1 to %d digits: %s", maxHash, quote(r.cell(c.hash)))
		return
	}
	modulus := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(stated))), nil)
	computed := new(big.Int).Mod(&e.scope.hash, modulus).String()
	computed = strings.Repeat("0", len(stated)-len(computed)) + computed
	if computed != stated {
		e.addFault("the control row's hash total of %s is %s, and the rows come to %s",
			quote(e.mapping.Control.Hash.Summed), stated, computed)
	}
}

// emitBalances reports the balances of the control row, with the dates of the first and the last entry.
func (e *emitter) emitBalances(r *row) {
	first, last := e.running.first.date, e.running.last.date
	if first > last {
		first, last = last, first
	}
	if opening, stated := e.controlNumber(r, "opening balance", e.table.columns.opening); stated {
		e.statedBalances.opening = true
		e.emitBalance(r.place, statement.OpeningBooked, datedBalance{first, opening})
	}
	if closing, stated := e.controlNumber(r, "closing balance", e.table.columns.closing); stated {
		e.statedBalances.closing = true
		e.emitBalance(r.place, statement.ClosingBooked, datedBalance{last, closing})
	}
}

// scope is the set of rows that one control row covers: all rows between it and the next control row, or the start or
// end of the file.
type scope struct {
	control             *row // nil until it is read
	rows                int64
	sum                 statement.Sum
	unreadable          bool // an amount cannot be read
	hash                big.Int
	statements          int   // begun in the scope
	previousControlLine int64 // line of the control row that ended the previous scope; 0 if there is none
}

var hashModulus = new(big.Int).Exp(big.NewInt(10), big.NewInt(maxHash), nil)

func (s *scope) add(decimal, number string, hashed bool) {
	s.rows++
	s.unreadable = !s.sum.Add(decimal) || s.unreadable
	if !hashed {
		return
	}
	number = onlyDigits(number)
	if n, ok := new(big.Int).SetString(number[max(0, len(number)-maxHash):], 10); ok {
		s.hash.Mod(s.hash.Add(&s.hash, n), hashModulus)
	}
}

func onlyDigits(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, text)
}
