// Control rows: what they state, and the rows that they state it of.

package csvfile

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"bursar/internal/aggregate/statement"
)

// maxHash is how many digits a hash total may have; of each row's number no more matter.
const maxHash = 64

// isMarkedControl tells whether a row is marked as a control row.
func (t *table) isMarkedControl(r row) bool {
	return t.columns.controlMark >= 0 && r.cell(t.columns.controlMark) == t.mapping.Control.Where.Is
}

// isControl tells control rows from entries: by their mark, or else by being the file's first or last row.
func (g *emitter) isControl(r row) bool {
	c := g.mapping.Control
	switch {
	case c == nil:
		return false
	case c.Where.Column != "":
		return g.table.isMarkedControl(r)
	case c.First:
		return g.scope.control == nil && g.scope.rows == 0
	}
	return g.table.atLast
}

// handleControl takes a control row: behind its rows it closes their scope, before them it opens one.
func (g *emitter) handleControl(r row) error {
	first := g.mapping.Control.First
	if !first {
		g.scope.control = &r
	}
	if err := g.emitWaiting(); err != nil {
		return err
	}
	switch {
	case g.current != nil:
		if err := g.endScope(); err != nil {
			return err
		}
	case g.scope.control != nil:
		if err := g.checkEmptyScope(g.scope.control); err != nil {
			return err
		}
	}
	g.scope = scope{}
	if first {
		g.scope.control = &r
	} else {
		g.scope.previousControlLine = r.place.Line
	}
	return nil
}

// checkEmptyScope holds a control row against no rows at all. Nothing is told of them: which days they are of is not known.
func (g *emitter) checkEmptyScope(r *row) error {
	g.emptyControl = true
	c := &g.table.columns
	for _, column := range []int{c.count, c.sum, c.hash} {
		if text := r.cell(column); text != "" && strings.Trim(text, "0.,-+ ") != "" {
			return statement.Refuse(r.place, "the control row states %s of its rows, and there are none", quoteNames([]string{text})).Advise(
				"ask for the whole file")
		}
	}
	return nil
}

// checkControl holds the control row against its rows, of which the last statement is open. Of one statement the count, the sum and the balances are told as the
// bank states them; what only the reader can check is the statement's fault where it does not hold.
func (g *emitter) checkControl() error {
	if g.mapping.Control == nil {
		return nil
	}
	r := g.scope.control
	if r == nil {
		g.addFault("there is no control row")
		return nil
	}
	g.checkHash(r)
	if g.scope.statements > 1 {
		g.checkAllStatements(r)
		return nil
	}
	if count, stated := g.controlNumber(r, "count", g.table.columns.count); stated {
		g.statement.Stated.Count = count
	}
	if sum, stated := g.controlNumber(r, "sum", g.table.columns.sum); stated {
		g.statement.Stated.Sum = sum
	}
	return g.emitBalances(r)
}

func (g *emitter) addFault(format string, args ...any) {
	if g.statement.Fault != "" {
		g.statement.Fault += "; "
	}
	g.statement.Fault += fmt.Sprintf(format, args...)
}

// controlNumber is a number that the control row states. One that is missing or no number is a fault: the row promises it.
func (g *emitter) controlNumber(r *row, what string, column int) (decimal string, stated bool) {
	if column < 0 {
		return "", false
	}
	text := r.cell(column)
	decimal, ok := amount(text, g.mapping)
	if what == "count" && strings.Contains(decimal, ".") {
		ok = false
	}
	if !ok {
		g.addFault("the control row's %s is no number: %s", what, quoteNames([]string{text}))
	}
	return decimal, ok
}

// checkAllStatements holds count and sum of several statements against the rows of all of them.
func (g *emitter) checkAllStatements(r *row) {
	s, c := &g.scope, &g.table.columns
	if count, stated := g.controlNumber(r, "count", c.count); stated && count != strconv.FormatInt(s.rows, 10) {
		g.addFault("the control row counts %s rows of %d accounts, and there are %d", count, s.statements, s.rows)
	}
	if sum, stated := g.controlNumber(r, "sum", c.sum); stated {
		var difference statement.Sum
		difference.Add(sum)
		difference.Minus(&s.sum)
		if s.unreadable || difference.Sign() != 0 {
			g.addFault("the control row sums %d accounts up to %s, and their rows to %s", s.statements, sum, &s.sum)
		}
	}
	if c.opening >= 0 || c.closing >= 0 {
		g.addFault("the control row has the balance of one account, and there are %d before it", s.statements)
	}
}

// checkHash compares hash totals in as many digits as the control row has.
func (g *emitter) checkHash(r *row) {
	c := &g.table.columns
	if c.hash < 0 {
		return
	}
	stated := onlyDigits(r.cell(c.hash))
	if stated == "" || len(stated) > maxHash {
		g.addFault("the control row's hash total is no number of 1 to %d digits: %s", maxHash, quoteNames([]string{r.cell(c.hash)}))
		return
	}
	modulus := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(stated))), nil)
	computed := new(big.Int).Mod(&g.scope.hash, modulus).String()
	computed = strings.Repeat("0", len(stated)-len(computed)) + computed
	if computed != stated {
		g.addFault("the control row's hash total of %s is %s, and the rows come to %s",
			quoteNames([]string{g.mapping.Control.Hash.Of}), stated, computed)
	}
}

// emitBalances tells the balances that the control row states, with the dates of the first and the last entry.
func (g *emitter) emitBalances(r *row) error {
	first, last := g.running.first.date, g.running.last.date
	if first > last {
		first, last = last, first
	}
	if opening, stated := g.controlNumber(r, "opening balance", g.table.columns.opening); stated {
		g.statedBalances.opening = true
		if err := g.emitBalance(r.place, statement.OpeningBooked, datedBalance{first, opening}); err != nil {
			return err
		}
	}
	if closing, stated := g.controlNumber(r, "closing balance", g.table.columns.closing); stated {
		g.statedBalances.closing = true
		return g.emitBalance(r.place, statement.ClosingBooked, datedBalance{last, closing})
	}
	return nil
}
