// Groups rows into statements and reports these to the handler.

package csvfile

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"slices"

	"bursar/internal/aggregate/format/statement"
)

// maxStatements is the maximum number of statements of a file; their accounts are kept in memory.
const maxStatements = 1 << 18

// emitter is the state of one read. The rows of one account and currency become one statement, in any order. Rows of
// the open statement are reported as they are read; those of others wait in the spool until it has ended.
type emitter struct {
	*Reader
	table *table
	out   statement.Emitter

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
		Reader: r, table: t, out: statement.NewEmitter(h),
		groups: map[[sha256.Size]byte]*group{}, spool: spool{dir: r.scratch, limit: spoolBytes},
	}
}

func (e *emitter) emitAll() error {
	defer e.spool.close()
	for e.out.Err == nil {
		row, err := e.table.next()
		switch {
		case errors.Is(err, io.EOF):
			e.finish()
			return e.out.Err
		case err != nil:
			return err
		}
		e.emitRow(row)
	}
	return e.out.Err
}

func (e *emitter) emitRow(r row) {
	if e.isControl(r) {
		e.handleControl(r)
		return
	}
	if r.defect == "" && e.skipRow(r) {
		return
	}
	e.table.checkNamed(&r)
	owner := e.groupOfRow(r)
	if owner == nil {
		e.unassigned = append(e.unassigned, r)
		return
	}
	e.previous = owner
	if e.current == nil {
		e.beginFirst(r.place, owner)
	}
	if owner == e.current {
		e.emitEntry(r)
		return
	}
	if owner.first < 0 && len(owner.encoded) == 0 {
		e.waiting = append(e.waiting, owner)
	}
	e.out.Fail(e.spool.add(owner, r))
}

// beginFirst begins the first statement of the scope, with the unassigned rows before it.
func (e *emitter) beginFirst(at statement.Place, owner *group) {
	if len(e.unassigned) > 0 {
		at = e.unassigned[0].place
	}
	e.beginStatement(at, owner)
	unnamed := e.unassigned
	e.unassigned = nil
	for _, r := range unnamed {
		e.emitEntry(r)
	}
}

// groupOfRow returns a row's group. A row that names no account or currency belongs to the group of the previous row;
// nil means that there is none yet, or that it is refused.
func (e *emitter) groupOfRow(r row) *group {
	account, currency := e.mapping.Account.Literal, e.mapping.Currency.Literal
	named := account != "" && currency != ""
	switch {
	case r.defect != "" && !named && e.previous != nil:
		return e.previous
	case r.defect != "" && !named && len(e.unassigned) < maxUnassigned:
		return nil
	case r.defect == "":
		account = cmp.Or(account, e.table.cell(r, e.table.columns.account))
		currency = cmp.Or(currency, e.table.cell(r, e.table.columns.currency))
	}
	return e.groupFor(r.place, e.normalAccount(account), currency)
}

func (e *emitter) normalAccount(text string) string {
	if text != e.accountText {
		e.accountText = text
		e.accountNumber, _ = statement.AccountNumber(text)
	}
	return e.accountNumber
}

// groupFor returns the group of an account and currency. It refuses one that an earlier scope had, and returns nil.
func (e *emitter) groupFor(at statement.Place, account, currency string) *group {
	if previous := e.previous; previous != nil && previous.account == account && previous.currency == currency {
		return previous
	}
	key := sha256.Sum256([]byte(account + "\x00" + currency))
	found := e.groups[key]
	switch {
	case found != nil && found.scope == e.scopeCount:
		return found
	case found != nil:
		e.out.Fail(statement.Refuse(at, "account %s occurs again after the control row of line %d", quote(account), e.scope.previousControlLine).Advise(
			"import each export separately; declare a control row before its rows with `row: first`"))
		return nil
	case len(e.groups) == maxStatements:
		e.out.Fail(statement.Refuse(at, "the file has more than %d accounts", maxStatements).Advise("export fewer at a time"))
		return nil
	}
	found = &group{account: account, currency: currency, scope: e.scopeCount, first: -1, last: -1}
	e.groups[key] = found
	return found
}

func (e *emitter) beginStatement(at statement.Place, owner *group) {
	number, iban := statement.AccountNumber(owner.account)
	e.statement = statement.Statement{
		Place: at, Format: statement.CSVFormat + e.institution.Name, Kind: statement.Booked, Servicer: e.institution.Servicer,
		Account: number, IBAN: iban, Currency: owner.currency,
	}
	e.current, e.faultReported, e.hasBooked, e.days = owner, false, false, days{}
	e.running = runningBalance{hasColumn: e.table.columns.balance >= 0}
	e.statedBalances.opening, e.statedBalances.closing = false, false
	e.scope.statements++
	e.out.Begin(&e.statement)
}

// emitWaiting reports the statements whose rows are in the spool. The last statement of the scope stays open.
func (e *emitter) emitWaiting() {
	if e.current == nil && len(e.unassigned) > 0 {
		at := e.unassigned[0].place
		if owner := e.groupFor(at, e.normalAccount(e.mapping.Account.Literal), e.mapping.Currency.Literal); owner != nil {
			e.beginFirst(at, owner)
		}
	}
	for _, owner := range e.waiting {
		e.endStatement()
		e.beginStatement(owner.firstPlace, owner)
		e.out.Fail(e.spool.each(owner, func(r row) error {
			e.emitEntry(r)
			return e.out.Err
		}))
	}
	e.waiting = e.waiting[:0]
	e.spool.reset()
}

func (e *emitter) endStatement() {
	if e.current == nil {
		return
	}
	if fault := e.running.fault(); fault != "" {
		e.addFault("%s", fault)
	}
	opening, closing, ok := e.running.balances()
	if ok && !e.statedBalances.opening {
		e.emitBalance(e.statement.Place, statement.OpeningBooked, opening)
	}
	if ok && !e.statedBalances.closing {
		e.emitBalance(e.statement.Place, statement.ClosingBooked, closing)
	}
	if !e.hasBooked {
		e.statement.From, e.statement.To = e.days.first, e.days.last
	}
	e.current = nil
	e.out.End()
}

func (e *emitter) emitBalance(at statement.Place, code string, m datedBalance) {
	e.out.Balance(&statement.Balance{Place: at, Code: code, Amount: m.balance, Currency: e.statement.Currency, Date: m.date})
}

func (e *emitter) endScope() {
	e.emitWaiting()
	if e.current == nil {
		e.checkEmptyScope()
		return
	}
	e.checkControl()
	e.endStatement()
	e.previous = nil
	e.scopeCount++
}

// finish ends the file. A file without rows is reported as a notice, because its days are unknown.
func (e *emitter) finish() {
	end := e.table.lineStart(e.table.line + 1)
	e.endScope()
	if len(e.groups) == 0 && e.mapping.Control != nil && !e.emptyControl {
		e.out.Fail(statement.Refuse(end, "there are no rows and no control row").Advise("ask for the whole file"))
	}
	for _, n := range slices.Concat(e.skipped, e.table.notes) {
		e.out.Notice(&n)
	}
	if len(e.groups) == 0 {
		e.out.Notice(&statement.Notice{Place: end, What: "file without rows"})
	}
}
