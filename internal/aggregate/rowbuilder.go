// Turns what a format reader emits into rows of the built-in streams, and checks each statement against its own totals.

package aggregate

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// sink receives the rows of the built-in streams, and the entries and statements that the rows are matched by.
type sink interface {
	write(stream string, r row) error
	newListing() (at uint32)         // announces the statement that begins, and numbers it
	setListing(at uint32, l listing) // describes statement number at, once it has ended
	addNamed(n *namedEntry) error    // adds an entry of that statement
}

// origin is the file that rows come from.
type origin struct {
	file   string // the name that errors show
	object string // the object that keeps the file

	readings int // how often it was read again; intake must not recognise the rows as those of an earlier reading
}

// maxBalances is how many balances of one statement are kept. Only at its end is it known which of them open and close it.
const maxBalances = 100_000

// rowBuilder implements statement.Handler for one file: it writes rows and checks each statement against its own totals.
type rowBuilder struct {
	reports
	out            sink
	rules          ruleSet
	occurrences    *occurrences
	format         string             // of the file's statements
	fileBindings   map[digest]bool    // subjects of the bindings that the file depends on
	importBindings map[digest]binding // all bindings of the import, by subject

	stmt            *statement.Statement
	name            accountName
	balances        []statement.Balance
	balanceBytes    int                // memory that balances take
	entryCount      int64              // entries of the statement so far
	temporaryFITIDs bool               // FITIDs do not identify entries (fitids: temporary)
	hasUnique       bool               // the file has an entry whose reference identifies it permanently
	hasCorrects     bool               // the file has an entry that replaces or deletes another
	entries         ledger             // of the statement
	byCurrency      map[string]*ledger // instead of entries, for a statement with several currencies; else nil
	undatedScope    string             // identifies the statement in the ids of entries without a booking day

	entry        *statement.Entry
	id           digest // of the entry, once it is known
	base         digest // of the entry: see entryBase
	details      ledger // sums the details of the entry
	transactions transactions
	listings     map[string]openListing // by currency for a statement with several currencies; else under ""

	row           row
	statementCols row // columns that every row of the statement begins with
	fileCols      row // columns that every row of the file ends with
}

// rowBuilders pools row builders, because banks send many small files.
var rowBuilders = sync.Pool{New: func() any { return &rowBuilder{occurrences: newOccurrences()} }}

// newRowBuilder gets a row builder from the pool; the caller releases it. left is the memory budget that remains to the import.
func newRowBuilder(o origin, to sink, by ruleSet, left *limits, given map[digest]binding) *rowBuilder {
	t := rowBuilders.Get().(*rowBuilder) //nolint:errcheck // the pool holds nothing else
	*t = rowBuilder{reports: reports{budget: left}, importBindings: given, out: to, rules: by, occurrences: t.occurrences, balances: t.balances[:0], row: t.row, statementCols: t.statementCols, fileCols: t.fileCols[:0], transactions: t.transactions}
	t.fileCols.text("file", o.file)
	t.fileCols.text("object", o.object)
	t.fileCols = append(t.fileCols, strings.Repeat(" ", o.readings)...)
	return t
}

// maxPooled limits the buffers of a row builder that goes back to the pool.
const maxPooled = 1 << 12

// release returns the row builder to the pool, unless its buffers have grown large. Notices and faults stay valid.
func (t *rowBuilder) release() {
	if len(t.balances) > maxPooled || t.balanceBytes > valueOverhead*maxPooled || t.occurrences.size() > maxPooled || cap(t.row) > maxPooled || cap(t.transactions.rows) > maxPooled {
		return
	}
	t.transactions.reset()
	t.occurrences.reset()
	rowBuilders.Put(t)
}

// Summary is what is known of a file besides its rows, once it is read.
type Summary struct {
	Format   string // of its statements
	Notices  []statement.Notice
	Faults   []string // statements whose totals do not balance
	Bindings []digest // subjects of the bindings that the file depends on
	Unique   bool     // it has an entry whose reference identifies it permanently
	Corrects bool     // it has an entry that replaces or deletes another
}

func (t *rowBuilder) summary() Summary {
	s := Summary{Format: t.format, Bindings: slices.Collect(maps.Keys(t.fileBindings)), Unique: t.hasUnique, Corrects: t.hasCorrects}
	s.Notices, s.Faults = t.all()
	return s
}

// Notice keeps a notice.
func (t *rowBuilder) Notice(n *statement.Notice) error {
	t.notice(n)
	return nil
}

// Begin starts a statement.
func (t *rowBuilder) Begin(s *statement.Statement) error {
	t.stmt, t.balances, t.entries, t.format = s, t.balances[:0], ledger{}, s.Format
	t.entryCount, t.balanceBytes, t.byCurrency, t.listings = 0, 0, nil, nil
	t.name, t.temporaryFITIDs = t.rules.accountName(s), t.rules.hasTemporaryFITIDs(s)
	t.statementCols = t.statementCols[:0]
	t.statementCols.stated("kind", string(s.Kind))
	t.statementCols.text("servicer", t.name.servicer)
	t.statementCols.stated("account", t.name.account)
	return t.recordBindings(s)
}

// Balance keeps a balance until the statement ends.
func (t *rowBuilder) Balance(b *statement.Balance) error {
	if len(t.balances) >= maxBalances {
		return statement.Refuse(b.Place, "the statement has more than %d balances", maxBalances)
	}
	t.balanceBytes += valueOverhead + len(b.Code) + len(b.Subtype) + len(b.Amount) + len(b.Currency) + len(b.Date)
	if t.balanceBytes > t.budget.balances {
		return statement.Refuse(b.Place, "the statement's balances take more than %d bytes", t.budget.balances)
	}
	t.balances = append(t.balances, *b)
	return nil
}

// Entry computes the base of an entry. Its id follows when its details are known, except in projects with former rules.
func (t *rowBuilder) Entry(e *statement.Entry) (err error) {
	if t.entryCount == 0 {
		t.byCurrency = currencies(t.balances)
		head := t.headDigest()
		t.occurrences.begin(head)
		t.undatedScope = t.scopeOfUndated(head)
	}
	t.entryCount++
	t.entry, t.details = e, ledger{}
	t.transactions.reset()
	if !t.rules.former {
		if t.temporaryFITIDs {
			e.Unique, e.Shared = false, false
			refuseCorrection(e)
		}
		t.base = entryBase(t.name, t.stmt, e, t.reference(e), t.undatedScope)
		return nil
	}
	t.base = formerBase(t.stmt, e, formerPart(t.stmt, t.intermediateOpening()), t.undatedScope)
	t.id = t.base
	if e.Unique && !e.Shared {
		return nil
	}
	n, err := t.occurrences.next(e.Place, t.base)
	if n > 1 {
		t.id = digestOf("again", string(t.base[:]), strconv.FormatUint(uint64(n), 10))
	}
	return err
}

// headDigest digests what a statement states before its first entry. A statement without balances is identified by its message instead.
func (t *rowBuilder) headDigest() digest {
	texts := []string{string(t.stmt.Kind), t.name.servicer, t.name.account, t.stmt.Currency, t.stmt.Number, t.stmt.Page, t.stmt.From, t.stmt.To}
	for i := range t.balances {
		b := &t.balances[i]
		texts = append(texts, b.Code, b.Subtype, b.Date, t.amount(b.Amount), b.Currency)
	}
	if len(t.balances) == 0 {
		texts = append(texts, messageID(t.stmt))
	}
	return digestOf(texts...)
}

// scopeOfUndated identifies the statement in the ids of entries without a booking day: by its opening and closing
// balances, which are the same when it is sent again, or by its message where these are not known before the entries.
func (t *rowBuilder) scopeOfUndated(head digest) string {
	if b := boundsOf(t.balances); b.booked && b.opening >= 0 && b.closing >= 0 {
		return head.String()
	}
	return messageID(t.stmt)
}

// intermediateOpening is the balance that a later part of a statement opens with.
func (t *rowBuilder) intermediateOpening() string {
	if len(t.balances) > 0 && t.balances[0].Subtype == openingMT940 {
		return t.balances[0].Amount
	}
	return ""
}

// Detail keeps one transaction of the entry. Details are part of what identifies the entry, so that they are written
// when the entry ends, or when they take too much memory.
func (t *rowBuilder) Detail(d *statement.Detail) error {
	t.details.add(d.Amount, d.Currency, d.Place)
	t.details.charges.add(d.Charges)
	t.details.lax = t.details.lax || d.Instructed
	r := &t.row
	r.begin()
	t.accountColumns(r, cmp.Or(d.Currency, t.entry.Currency, t.stmt.Currency))
	r.stated("day", t.entryDay(t.entry))
	r.stated("settled_day", d.SettlementDate)
	r.stated("amount", t.amount(d.Amount))
	r.stated("reference", d.Reference)
	r.stated("transaction", d.Transaction)
	r.stated("end_to_end", d.EndToEnd)
	r.stated("instruction", d.Instruction)
	r.stated("mandate", d.Mandate)
	r.stated("party", d.Party)
	r.stated("party_account", d.Peer)
	r.stated("party_bank", d.Bank)
	r.stated("text", d.Text)
	facts := digestOf(string(*r))
	r.stated("statement", t.label())
	t.originColumns(d.Place)
	t.transactions.add(facts, *r)
	if len(t.transactions.rows) < maxTransactionBytes {
		return nil
	}
	return t.writeDetails()
}

// EndEntry writes the details that are kept and the entry.
func (t *rowBuilder) EndEntry() error {
	e := t.entry
	if err := t.writeDetails(); err != nil {
		return err
	}
	t.ledger(cmp.Or(e.Currency, t.stmt.Currency)).addEntry(t, e)
	r := &t.row
	r.begin()
	r.digest("id", t.id)
	t.accountColumns(r, cmp.Or(e.Currency, t.stmt.Currency))
	r.stated("day", t.entryDay(e))
	r.stated("value_day", e.Value)
	r.stated("amount", t.amount(e.Amount))
	r.text("status", e.StoredStatus())
	r.flag("reversal", e.Reversal)
	r.stated("reference", t.reference(e))
	r.stated("own_reference", t.ownReference(e))
	r.stated("code", e.Code)
	r.stated("party", e.Party)
	r.stated("party_account", e.Peer)
	r.stated("text", e.Text)
	r.stated("operations", e.Operations)
	r.count("details", t.details.all)
	r.stated("corrects", e.Corrects)
	t.hasUnique, t.hasCorrects = t.hasUnique || e.Unique, t.hasCorrects || e.Corrects != ""
	r.stated("statement", t.label())
	if e.Refused != nil {
		r.refused(e.Refused)
	}
	return t.writeRow(project.EntryStream, e.Place)
}

// accountColumns writes the columns that all rows of an account have.
func (t *rowBuilder) accountColumns(r *row, currency string) {
	r.columns(t.statementCols)
	r.text("currency", currency)
}

// writeRow completes the row with its origin and passes it to the sink.
func (t *rowBuilder) writeRow(stream string, at statement.Place) error {
	t.originColumns(at)
	return t.out.write(stream, t.row)
}

// originColumns ends the row with the file and place that it comes from.
func (t *rowBuilder) originColumns(at statement.Place) {
	t.row.columns(t.fileCols)
	t.row.place("place", at)
	t.row.end()
}

// amount normalizes an amount, except in projects with former rules.
func (t *rowBuilder) amount(text string) string {
	if t.rules.former {
		return text
	}
	return statement.NormalAmount(text)
}

// label is the name of the statement that its rows show to people.
func (t *rowBuilder) label() string { return cmp.Or(t.stmt.Reference, t.stmt.Number) }

// entryDay is the day that an entry counts for: its booking day, else the statement's day as far as it is known at that point.
func (t *rowBuilder) entryDay(e *statement.Entry) string {
	return cmp.Or(e.Booked, t.stmt.To, dateOf(t.stmt.Created), e.Value)
}

// dateOf is the date part of a timestamp, as it is written.
func dateOf(created string) string {
	if len(created) < len(time.DateOnly) {
		return ""
	}
	return created[:len(time.DateOnly)]
}
