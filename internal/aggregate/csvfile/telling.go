// Rows become statements and their entries.

package csvfile

import (
	"crypto/sha256"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// maxStatements bounds what is remembered of a file: which accounts it has had.
const maxStatements = 1 << 18

// telling is one reading: the statement that is open, and what its rows have come to.
type telling struct {
	institution *project.Institution
	mapping     *project.CSVMapping
	table       *table
	handler     statement.Handler

	statement  statement.Statement
	begun      bool
	entry      statement.Entry
	written    string // the account of the row before, as that has it
	blamed     bool   // a row of the open statement cannot be read, and it is said of one why
	running    running
	stated     struct{ opening, closing bool } // balances that the control row has told of the open statement
	statements map[[sha256.Size]byte]bool      // accounts and currencies that have begun, by digest
	scope      scope
	hollow     bool // a control row without rows has come
}

func newTelling(r *Reader, t *table, h statement.Handler) *telling {
	return &telling{
		institution: r.institution, mapping: r.mapping, table: t, handler: h,
		statements: map[[sha256.Size]byte]bool{},
	}
}

// tell takes one row.
func (g *telling) tell(r row) error {
	if g.isControl(r) {
		return g.control(r)
	}
	account, currency := g.account(r), g.currency(r)
	if !g.begun || r.bad == "" && (account != g.statement.Account || currency != g.statement.Currency) {
		if err := g.begin(r.place, account, currency); err != nil {
			return err
		}
	}
	return g.tellEntry(r)
}

// account is the number of a row's account; a row that cannot be read has that of the rows before it.
func (g *telling) account(r row) string {
	text := g.mapping.Account.Literal
	if text == "" && r.bad == "" {
		text = r.cell(g.table.columns.account)
	}
	if g.begun && text == g.written {
		return g.statement.Account
	}
	g.written = text
	number, _ := statement.AccountNumber(text)
	return number
}

func (g *telling) currency(r row) string {
	if g.mapping.Currency.Literal != "" || r.bad != "" {
		return g.mapping.Currency.Literal
	}
	return r.cell(g.table.columns.currency)
}

// begin ends the statement before and begins the one of an account and currency, which the file has not had yet.
func (g *telling) begin(at statement.Place, account, currency string) error {
	if err := g.endStatement(); err != nil {
		return err
	}
	key := sha256.Sum256([]byte(account + "\x00" + currency))
	switch {
	case g.statements[key] && g.scope.after > 0 && g.scope.statements == 0:
		return statement.Refuse(at, "account %s comes again after the control row of line %d", quote([]string{account}), g.scope.after).Advise(
			"import each export by itself; a control row before its rows is declared with `row: first`")
	case g.statements[key]:
		return statement.Refuse(at, "account %s in %s comes again after another one", quote([]string{account}), quote([]string{currency})).Advise(
			"sort the export by account and currency, so that the rows of each stand together")
	case len(g.statements) == maxStatements:
		return statement.Refuse(at, "the file has more than %d accounts", maxStatements).Advise("export fewer at a time")
	}
	g.statements[key] = true
	number, iban := statement.AccountNumber(account)
	g.statement = statement.Statement{
		Place: at, Format: "csv " + g.institution.Name, Kind: statement.Booked, Servicer: g.institution.Servicer,
		Account: number, IBAN: iban, Currency: currency,
	}
	g.begun, g.blamed, g.running = true, false, running{followed: g.table.columns.balance >= 0}
	g.stated.opening, g.stated.closing = false, false
	g.scope.statements++
	return g.handler.Begin(&g.statement)
}

func (g *telling) tellEntry(r row) error {
	c := &g.table.columns
	if r.bad != "" {
		g.entry = statement.Entry{Place: r.place, Amount: statement.Unread(r.raw, 0), Currency: g.statement.Currency}
		g.running.broken = true
		g.blame(r)
	} else {
		decimal, _ := g.table.signed(r)
		balance, _ := amount(r.cell(c.balance), g.mapping)
		g.entry = statement.Entry{
			Place: r.place, Amount: decimal, Currency: g.statement.Currency,
			Booked: g.date(r.cell(c.booked)), Value: g.date(r.cell(c.value)),
			Reference: r.cell(c.reference), Own: r.cell(c.own), Code: r.cell(c.code),
			Party: r.cell(c.party), Peer: r.cell(c.peer), Text: g.text(r),
		}
		g.entry.Unique = g.mapping.Unique && g.entry.Reference != ""
		g.entry.Peer, _ = statement.AccountNumber(g.entry.Peer)
		g.running.add(r.place, g.entry.Booked, decimal, balance)
	}
	if g.mapping.Control != nil {
		g.scope.add(g.entry.Amount, r.cell(c.hashOf), c.hashOf >= 0)
	}
	if err := g.handler.Entry(&g.entry); err != nil {
		return err
	}
	return g.handler.EndEntry()
}

// endStatement tells the balances of the open statement and ends it.
func (g *telling) endStatement() error {
	if !g.begun {
		return nil
	}
	if fault := g.running.fault(); fault != "" {
		g.fault("%s", fault)
	}
	opening, closing, ok := g.running.balances()
	if ok && !g.stated.opening {
		if err := g.balance(g.statement.Place, statement.OpeningBooked, opening); err != nil {
			return err
		}
	}
	if ok && !g.stated.closing {
		if err := g.balance(g.statement.Place, statement.ClosingBooked, closing); err != nil {
			return err
		}
	}
	g.begun = false
	return g.handler.End()
}

func (g *telling) balance(at statement.Place, code string, m mark) error {
	return g.handler.Balance(&statement.Balance{
		Place: at, Code: code, Amount: m.balance, Currency: g.statement.Currency, Date: m.date,
	})
}

// finish ends the file. One without rows is reported: nothing says which days it speaks of.
func (g *telling) finish() error {
	end := g.table.at(g.table.line + 1)
	if g.begun {
		if err := g.closeScope(); err != nil {
			return err
		}
		return g.endStatement()
	}
	if g.scope.control != nil {
		if err := g.hollowScope(g.scope.control); err != nil {
			return err
		}
	}
	switch {
	case len(g.statements) > 0:
		return nil
	case g.mapping.Control != nil && !g.hollow:
		return statement.Refuse(end, "there are no rows, and no control row").Advise("ask for the whole file")
	}
	return g.handler.Notice(&statement.Notice{Place: end, What: "file without rows"})
}
