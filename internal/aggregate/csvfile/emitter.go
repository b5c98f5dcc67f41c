// Rows become statements and their entries.

package csvfile

import (
	"crypto/sha256"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// maxStatements bounds what is remembered of a file: which accounts it has had.
const maxStatements = 1 << 18

// emitter is one reading: the statement that is open, and what its rows have come to. The rows of one account and currency become
// one statement, in whatever order they stand: those of the first one are told as they are read, and those of others wait in
// the spool until it has ended, as statements are told one after another.
type emitter struct {
	institution *project.Institution
	mapping     *project.CSVMapping
	table       *table
	handler     statement.Handler

	groups  map[[sha256.Size]byte]*group // of the file, by a digest of account and currency
	waiting []*group                     // those of this scope whose rows are in the spool, in order
	open    *group                       // whose statement has begun; nil if none has
	latest  *group                       // of the row before
	unnamed []row                        // rows before all others that name no account or currency
	spool   spool
	scopes  int // begun so far
	left    notices

	written, account string // the account of the row before, as that has it and as statements name it

	statement statement.Statement
	entry     statement.Entry
	refusal   *statement.Refusal // of the row at hand; nil if it can be read
	blamed    bool               // a row of the open statement cannot be read, and it is said of one why
	booked    bool               // the open statement has a row that is booked
	running   running
	days      days                            // of pending rows
	stated    struct{ opening, closing bool } // balances that the control row has told of the open statement
	scope     scope
	hollow    bool // a control row without rows has come
}

// maxUnnamed is how many rows are held that come before the first one that names its account.
const maxUnnamed = 1000

func newEmitter(r *Reader, t *table, h statement.Handler) *emitter {
	return &emitter{
		institution: r.institution, mapping: r.mapping, table: t, handler: h,
		groups: map[[sha256.Size]byte]*group{}, spool: spool{dir: r.scratch, limit: spoolBytes},
	}
}

// emit takes one row.
func (g *emitter) emit(r row) error {
	if g.isControl(r) {
		return g.control(r)
	}
	if r.bad == "" && g.leavesOut(r) {
		return nil
	}
	g.table.nameless(&r)
	of, err := g.groupOf(r)
	switch {
	case err != nil:
		return err
	case of == nil:
		g.unnamed = append(g.unnamed, r)
		return nil
	}
	g.latest = of
	if g.open == nil {
		if err := g.first(r.place, of); err != nil {
			return err
		}
	}
	if of == g.open {
		return g.emitEntry(r)
	}
	if of.first < 0 && len(of.waiting) == 0 {
		g.waiting = append(g.waiting, of)
	}
	return g.spool.add(of, r)
}

// first begins the scope's first statement, with the rows before it that are of no account that they name.
func (g *emitter) first(at statement.Place, of *group) error {
	if len(g.unnamed) > 0 {
		at = g.unnamed[0].place
	}
	if err := g.begin(at, of); err != nil {
		return err
	}
	unnamed := g.unnamed
	g.unnamed = nil
	for _, r := range unnamed {
		if err := g.emitEntry(r); err != nil {
			return err
		}
	}
	return nil
}

// groupOf finds a row's group. A row that names no account or currency is laid to the row before it; nil is no group yet.
func (g *emitter) groupOf(r row) (*group, error) {
	account, currency := g.mapping.Account.Literal, g.mapping.Currency.Literal
	named := account != "" && currency != ""
	switch {
	case r.bad != "" && !named && g.latest != nil:
		return g.latest, nil
	case r.bad != "" && !named && len(g.unnamed) < maxUnnamed:
		return nil, nil
	case r.bad == "":
		if account == "" {
			account = g.table.cell(r, g.table.columns.account)
		}
		if currency == "" {
			currency = g.table.cell(r, g.table.columns.currency)
		}
	}
	return g.group(r.place, g.number(account), currency)
}

// number is an account's number as statements name it.
func (g *emitter) number(text string) string {
	if text != g.written {
		g.written = text
		g.account, _ = statement.AccountNumber(text)
	}
	return g.account
}

// group is that of an account and currency, which no scope before this one may have had.
func (g *emitter) group(at statement.Place, account, currency string) (*group, error) {
	if of := g.latest; of != nil && of.account == account && of.currency == currency {
		return of, nil
	}
	key := sha256.Sum256([]byte(account + "\x00" + currency))
	of := g.groups[key]
	switch {
	case of != nil && of.scope == g.scopes:
		return of, nil
	case of != nil:
		return nil, statement.Refuse(at, "account %s comes again after the control row of line %d", tick(account), g.scope.after).Advise(
			"import each export by itself; a control row before its rows is declared with `row: first`")
	case len(g.groups) == maxStatements:
		return nil, statement.Refuse(at, "the file has more than %d accounts", maxStatements).Advise("export fewer at a time")
	}
	of = &group{account: account, currency: currency, scope: g.scopes, first: -1, last: -1}
	g.groups[key] = of
	return of, nil
}

// begin begins the statement of a group.
func (g *emitter) begin(at statement.Place, of *group) error {
	number, iban := statement.AccountNumber(of.account)
	g.statement = statement.Statement{
		Place: at, Format: "csv " + g.institution.Name, Kind: statement.Booked, Servicer: g.institution.Servicer,
		Account: number, IBAN: iban, Currency: of.currency,
	}
	g.open, g.blamed, g.booked, g.days = of, false, false, days{}
	g.running = running{followed: g.table.columns.balance >= 0}
	g.stated.opening, g.stated.closing = false, false
	g.scope.statements++
	return g.handler.Begin(&g.statement)
}

// rest tells the statements whose rows wait. The last one of the scope stays open.
func (g *emitter) rest() error {
	if g.open == nil && len(g.unnamed) > 0 {
		of, err := g.group(g.unnamed[0].place, g.number(g.mapping.Account.Literal), g.mapping.Currency.Literal)
		if err == nil {
			err = g.first(g.unnamed[0].place, of)
		}
		if err != nil {
			return err
		}
	}
	for _, of := range g.waiting {
		if err := g.endStatement(); err != nil {
			return err
		}
		if err := g.begin(of.at, of); err != nil {
			return err
		}
		if err := g.spool.each(of, g.emitEntry); err != nil {
			return err
		}
	}
	g.waiting = g.waiting[:0]
	g.spool.empty()
	return nil
}

// endStatement tells the balances of the open statement and ends it.
func (g *emitter) endStatement() error {
	if g.open == nil {
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
	if !g.booked {
		g.statement.From, g.statement.To = g.days.first, g.days.last
	}
	g.open = nil
	return g.handler.End()
}

func (g *emitter) balance(at statement.Place, code string, m mark) error {
	return g.handler.Balance(&statement.Balance{
		Place: at, Code: code, Amount: m.balance, Currency: g.statement.Currency, Date: m.date,
	})
}

// endScope ends what one control row is about, or the file.
func (g *emitter) endScope() error {
	if err := g.closeScope(); err != nil {
		return err
	}
	if err := g.endStatement(); err != nil {
		return err
	}
	g.latest = nil
	g.scopes++
	return nil
}

// finish ends the file. One without rows is reported: nothing says which days it speaks of.
func (g *emitter) finish() error {
	end := g.table.at(g.table.line + 1)
	if err := g.rest(); err != nil {
		return err
	}
	if g.open != nil {
		if err := g.endScope(); err != nil {
			return err
		}
		return g.report()
	}
	if g.scope.control != nil {
		if err := g.hollowScope(g.scope.control); err != nil {
			return err
		}
	}
	switch {
	case len(g.groups) > 0:
		return g.report()
	case g.mapping.Control != nil && !g.hollow:
		return statement.Refuse(end, "there are no rows, and no control row").Advise("ask for the whole file")
	}
	if err := g.report(); err != nil {
		return err
	}
	return g.handler.Notice(&statement.Notice{Place: end, What: "file without rows"})
}
