// Groups rows into statements and reports these to the handler.

package csvfile

import (
	"crypto/sha256"

	"bursar/internal/aggregate/format/statement"
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
func (e *emitter) emitRow(r row) error {
	if e.isControl(r) {
		return e.handleControl(r)
	}
	if r.defect == "" && e.skipRow(r) {
		return nil
	}
	e.table.checkNamed(&r)
	owner, err := e.groupOfRow(r)
	switch {
	case err != nil:
		return err
	case owner == nil:
		e.unassigned = append(e.unassigned, r)
		return nil
	}
	e.previous = owner
	if e.current == nil {
		if err := e.beginFirst(r.place, owner); err != nil {
			return err
		}
	}
	if owner == e.current {
		return e.emitEntry(r)
	}
	if owner.first < 0 && len(owner.encoded) == 0 {
		e.waiting = append(e.waiting, owner)
	}
	return e.spool.add(owner, r)
}

// beginFirst begins the first statement of the scope, with the unassigned rows before it.
func (e *emitter) beginFirst(at statement.Place, owner *group) error {
	if len(e.unassigned) > 0 {
		at = e.unassigned[0].place
	}
	if err := e.beginStatement(at, owner); err != nil {
		return err
	}
	unnamed := e.unassigned
	e.unassigned = nil
	for _, r := range unnamed {
		if err := e.emitEntry(r); err != nil {
			return err
		}
	}
	return nil
}

// groupOfRow returns a row's group. A row that names no account or currency belongs to the group of the previous row;
// nil means that there is none yet.
func (e *emitter) groupOfRow(r row) (*group, error) {
	account, currency := e.mapping.Account.Literal, e.mapping.Currency.Literal
	named := account != "" && currency != ""
	switch {
	case r.defect != "" && !named && e.previous != nil:
		return e.previous, nil
	case r.defect != "" && !named && len(e.unassigned) < maxUnassigned:
		return nil, nil
	case r.defect == "":
		if account == "" {
			account = e.table.cell(r, e.table.columns.account)
		}
		if currency == "" {
			currency = e.table.cell(r, e.table.columns.currency)
		}
	}
	return e.groupFor(r.place, e.normalAccount(account), currency)
}

// normalAccount normalizes an account number. It caches the last one.
func (e *emitter) normalAccount(text string) string {
	if text != e.accountText {
		e.accountText = text
		e.accountNumber, _ = statement.AccountNumber(text)
	}
	return e.accountNumber
}

// groupFor returns the group of an account and currency, and refuses one that an earlier scope had.
func (e *emitter) groupFor(at statement.Place, account, currency string) (*group, error) {
	if previous := e.previous; previous != nil && previous.account == account && previous.currency == currency {
		return previous, nil
	}
	key := sha256.Sum256([]byte(account + "\x00" + currency))
	found := e.groups[key]
	switch {
	case found != nil && found.scope == e.scopeCount:
		return found, nil
	case found != nil:
		return nil, statement.Refuse(at, "account %s occurs again after the control row of line %d", quote(account), e.scope.previousControlLine).Advise(
			"import each export separately; declare a control row before its rows with `row: first`")
	case len(e.groups) == maxStatements:
		return nil, statement.Refuse(at, "the file has more than %d accounts", maxStatements).Advise("export fewer at a time")
	}
	found = &group{account: account, currency: currency, scope: e.scopeCount, first: -1, last: -1}
	e.groups[key] = found
	return found, nil
}

// beginStatement begins the statement of a group.
func (e *emitter) beginStatement(at statement.Place, owner *group) error {
	number, iban := statement.AccountNumber(owner.account)
	e.statement = statement.Statement{
		Place: at, Format: statement.CSVFormat + e.institution.Name, Kind: statement.Booked, Servicer: e.institution.Servicer,
		Account: number, IBAN: iban, Currency: owner.currency,
	}
	e.current, e.faultReported, e.hasBooked, e.days = owner, false, false, days{}
	e.running = runningBalance{hasColumn: e.table.columns.balance >= 0}
	e.statedBalances.opening, e.statedBalances.closing = false, false
	e.scope.statements++
	return e.handler.Begin(&e.statement)
}

// emitWaiting reports the statements whose rows are in the spool. The last statement of the scope stays open.
func (e *emitter) emitWaiting() error {
	if e.current == nil && len(e.unassigned) > 0 {
		owner, err := e.groupFor(e.unassigned[0].place, e.normalAccount(e.mapping.Account.Literal), e.mapping.Currency.Literal)
		if err == nil {
			err = e.beginFirst(e.unassigned[0].place, owner)
		}
		if err != nil {
			return err
		}
	}
	for _, owner := range e.waiting {
		if err := e.endStatement(); err != nil {
			return err
		}
		if err := e.beginStatement(owner.firstPlace, owner); err != nil {
			return err
		}
		if err := e.spool.each(owner, e.emitEntry); err != nil {
			return err
		}
	}
	e.waiting = e.waiting[:0]
	e.spool.reset()
	return nil
}

// endStatement reports the running balances of the open statement and ends it.
func (e *emitter) endStatement() error {
	if e.current == nil {
		return nil
	}
	if fault := e.running.fault(); fault != "" {
		e.addFault("%s", fault)
	}
	opening, closing, ok := e.running.balances()
	if ok && !e.statedBalances.opening {
		if err := e.emitBalance(e.statement.Place, statement.OpeningBooked, opening); err != nil {
			return err
		}
	}
	if ok && !e.statedBalances.closing {
		if err := e.emitBalance(e.statement.Place, statement.ClosingBooked, closing); err != nil {
			return err
		}
	}
	if !e.hasBooked {
		e.statement.From, e.statement.To = e.days.first, e.days.last
	}
	e.current = nil
	return e.handler.End()
}

func (e *emitter) emitBalance(at statement.Place, code string, m datedBalance) error {
	return e.handler.Balance(&statement.Balance{
		Place: at, Code: code, Amount: m.balance, Currency: e.statement.Currency, Date: m.date,
	})
}

// endScope ends the scope of a control row, or of the file.
func (e *emitter) endScope() error {
	if err := e.checkControl(); err != nil {
		return err
	}
	if err := e.endStatement(); err != nil {
		return err
	}
	e.previous = nil
	e.scopeCount++
	return nil
}

// finish ends the file. A file without rows is reported as a notice, because its days are unknown.
func (e *emitter) finish() error {
	end := e.table.lineStart(e.table.line + 1)
	if err := e.emitWaiting(); err != nil {
		return err
	}
	if e.current != nil {
		if err := e.endScope(); err != nil {
			return err
		}
		return e.emitNotices()
	}
	if e.scope.control != nil {
		if err := e.checkEmptyScope(e.scope.control); err != nil {
			return err
		}
	}
	switch {
	case len(e.groups) > 0:
		return e.emitNotices()
	case e.mapping.Control != nil && !e.emptyControl:
		return statement.Refuse(end, "there are no rows and no control row").Advise("ask for the whole file")
	}
	if err := e.emitNotices(); err != nil {
		return err
	}
	return e.handler.Notice(&statement.Notice{Place: end, What: "file without rows"})
}
