// Groups rows into statements and reports these to the handler.

package csvfile

import (
	"crypto/sha256"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// maxStatements is the maximum number of statements of a file; their accounts are kept in memory.
const maxStatements = 1 << 18

// emitter is the state of one read. The rows of one account and currency become one statement, in any order. Rows of
// the open statement are reported as they are read; those of others wait in the spool until it has ended.
type emitter struct {
	institution *project.Institution
	mapping     *project.CSVMapping
	table       *table
	handler     statement.Handler

	groups     map[[sha256.Size]byte]*group // of the file, by a digest of account and currency
	waiting    []*group                     // groups of this scope with rows in the spool, in order
	current    *group                       // whose statement is open; nil if none is
	previous   *group                       // of the previous row
	unassigned []row                        // leading rows that name no account or currency
	spool      spool
	scopeCount int // number of scopes so far
	skipped    noticeCounts

	accountText, accountNumber string // account of the previous row, as written and normalized

	statement      statement.Statement
	entry          statement.Entry
	refusal        *statement.Refusal // of the current row; nil if it can be read
	faultReported  bool               // the first unreadable row of the open statement has been reported
	hasBooked      bool               // the open statement has a booked row
	running        runningBalance
	days           days                            // of pending rows
	statedBalances struct{ opening, closing bool } // balances of the open statement that the control row stated
	scope          scope
	emptyControl   bool // a control row without rows has been read
}

// maxUnassigned is the maximum number of rows that are kept before the first one that names its account.
const maxUnassigned = 1000

func newEmitter(r *Reader, t *table, h statement.Handler) *emitter {
	return &emitter{
		institution: r.institution, mapping: r.mapping, table: t, handler: h,
		groups: map[[sha256.Size]byte]*group{}, spool: spool{dir: r.scratch, limit: spoolBytes},
	}
}

// emitRow handles one row.
func (g *emitter) emitRow(r row) error {
	if g.isControl(r) {
		return g.handleControl(r)
	}
	if r.defect == "" && g.skipRow(r) {
		return nil
	}
	g.table.checkNamed(&r)
	owner, err := g.groupOfRow(r)
	switch {
	case err != nil:
		return err
	case owner == nil:
		g.unassigned = append(g.unassigned, r)
		return nil
	}
	g.previous = owner
	if g.current == nil {
		if err := g.beginFirst(r.place, owner); err != nil {
			return err
		}
	}
	if owner == g.current {
		return g.emitEntry(r)
	}
	if owner.first < 0 && len(owner.encoded) == 0 {
		g.waiting = append(g.waiting, owner)
	}
	return g.spool.add(owner, r)
}

// beginFirst begins the first statement of the scope, with the unassigned rows before it.
func (g *emitter) beginFirst(at statement.Place, owner *group) error {
	if len(g.unassigned) > 0 {
		at = g.unassigned[0].place
	}
	if err := g.beginStatement(at, owner); err != nil {
		return err
	}
	unnamed := g.unassigned
	g.unassigned = nil
	for _, r := range unnamed {
		if err := g.emitEntry(r); err != nil {
			return err
		}
	}
	return nil
}

// groupOfRow returns a row's group. A row that names no account or currency belongs to the group of the previous row;
// nil means that there is none yet.
func (g *emitter) groupOfRow(r row) (*group, error) {
	account, currency := g.mapping.Account.Literal, g.mapping.Currency.Literal
	named := account != "" && currency != ""
	switch {
	case r.defect != "" && !named && g.previous != nil:
		return g.previous, nil
	case r.defect != "" && !named && len(g.unassigned) < maxUnassigned:
		return nil, nil
	case r.defect == "":
		if account == "" {
			account = g.table.cell(r, g.table.columns.account)
		}
		if currency == "" {
			currency = g.table.cell(r, g.table.columns.currency)
		}
	}
	return g.groupFor(r.place, g.normalAccount(account), currency)
}

// normalAccount normalizes an account number. It caches the last one.
func (g *emitter) normalAccount(text string) string {
	if text != g.accountText {
		g.accountText = text
		g.accountNumber, _ = statement.AccountNumber(text)
	}
	return g.accountNumber
}

// groupFor returns the group of an account and currency, and refuses one that an earlier scope had.
func (g *emitter) groupFor(at statement.Place, account, currency string) (*group, error) {
	if previous := g.previous; previous != nil && previous.account == account && previous.currency == currency {
		return previous, nil
	}
	key := sha256.Sum256([]byte(account + "\x00" + currency))
	found := g.groups[key]
	switch {
	case found != nil && found.scope == g.scopeCount:
		return found, nil
	case found != nil:
		return nil, statement.Refuse(at, "account %s occurs again after the control row of line %d", quote(account), g.scope.previousControlLine).Advise(
			"import each export separately; declare a control row before its rows with `row: first`")
	case len(g.groups) == maxStatements:
		return nil, statement.Refuse(at, "the file has more than %d accounts", maxStatements).Advise("export fewer at a time")
	}
	found = &group{account: account, currency: currency, scope: g.scopeCount, first: -1, last: -1}
	g.groups[key] = found
	return found, nil
}

// beginStatement begins the statement of a group.
func (g *emitter) beginStatement(at statement.Place, owner *group) error {
	number, iban := statement.AccountNumber(owner.account)
	g.statement = statement.Statement{
		Place: at, Format: "csv " + g.institution.Name, Kind: statement.Booked, Servicer: g.institution.Servicer,
		Account: number, IBAN: iban, Currency: owner.currency,
	}
	g.current, g.faultReported, g.hasBooked, g.days = owner, false, false, days{}
	g.running = runningBalance{hasColumn: g.table.columns.balance >= 0}
	g.statedBalances.opening, g.statedBalances.closing = false, false
	g.scope.statements++
	return g.handler.Begin(&g.statement)
}

// emitWaiting reports the statements whose rows are in the spool. The last statement of the scope stays open.
func (g *emitter) emitWaiting() error {
	if g.current == nil && len(g.unassigned) > 0 {
		owner, err := g.groupFor(g.unassigned[0].place, g.normalAccount(g.mapping.Account.Literal), g.mapping.Currency.Literal)
		if err == nil {
			err = g.beginFirst(g.unassigned[0].place, owner)
		}
		if err != nil {
			return err
		}
	}
	for _, owner := range g.waiting {
		if err := g.endStatement(); err != nil {
			return err
		}
		if err := g.beginStatement(owner.firstPlace, owner); err != nil {
			return err
		}
		if err := g.spool.each(owner, g.emitEntry); err != nil {
			return err
		}
	}
	g.waiting = g.waiting[:0]
	g.spool.reset()
	return nil
}

// endStatement reports the running balances of the open statement and ends it.
func (g *emitter) endStatement() error {
	if g.current == nil {
		return nil
	}
	if fault := g.running.fault(); fault != "" {
		g.addFault("%s", fault)
	}
	opening, closing, ok := g.running.balances()
	if ok && !g.statedBalances.opening {
		if err := g.emitBalance(g.statement.Place, statement.OpeningBooked, opening); err != nil {
			return err
		}
	}
	if ok && !g.statedBalances.closing {
		if err := g.emitBalance(g.statement.Place, statement.ClosingBooked, closing); err != nil {
			return err
		}
	}
	if !g.hasBooked {
		g.statement.From, g.statement.To = g.days.first, g.days.last
	}
	g.current = nil
	return g.handler.End()
}

func (g *emitter) emitBalance(at statement.Place, code string, m datedBalance) error {
	return g.handler.Balance(&statement.Balance{
		Place: at, Code: code, Amount: m.balance, Currency: g.statement.Currency, Date: m.date,
	})
}

// endScope ends the scope of a control row, or of the file.
func (g *emitter) endScope() error {
	if err := g.checkControl(); err != nil {
		return err
	}
	if err := g.endStatement(); err != nil {
		return err
	}
	g.previous = nil
	g.scopeCount++
	return nil
}

// finish ends the file. A file without rows is reported as a notice, because its days are unknown.
func (g *emitter) finish() error {
	end := g.table.lineStart(g.table.line + 1)
	if err := g.emitWaiting(); err != nil {
		return err
	}
	if g.current != nil {
		if err := g.endScope(); err != nil {
			return err
		}
		return g.emitNotices()
	}
	if g.scope.control != nil {
		if err := g.checkEmptyScope(g.scope.control); err != nil {
			return err
		}
	}
	switch {
	case len(g.groups) > 0:
		return g.emitNotices()
	case g.mapping.Control != nil && !g.emptyControl:
		return statement.Refuse(end, "there are no rows and no control row").Advise("ask for the whole file")
	}
	if err := g.emitNotices(); err != nil {
		return err
	}
	return g.handler.Notice(&statement.Notice{Place: end, What: "file without rows"})
}
