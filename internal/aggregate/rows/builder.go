// Package rows turns what a format reader emits into rows of the built-in streams, and checks each statement against its
// own totals. It owns the columns of these rows, the balances that open and close a statement, what its entries are
// recognised by, and the spools that keep rows until a file is read to its end. It guarantees that the same content gives
// the same rows with the same ids (rule 1), in bounded memory. It must not know what is stored.
package rows

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rules"
	"bursar/internal/project"
)

// Sink receives the rows of the built-in streams. A row is valid until the call returns.
type Sink func(stream string, r Row) error

// Origin is the file that rows come from.
type Origin struct {
	File   string // the name that errors show
	Object string // the object that keeps the file

	Readings int // how often it was read again; intake must not recognise the rows as those of an earlier reading
}

// maxBalances is how many balances of one statement are kept. Only at its end is it known which of them open and close it.
const maxBalances = 100_000

// Builder implements statement.Handler for one file: it writes rows and checks each statement against its own totals.
type Builder struct {
	reports
	failed         error // the first error: what comes after it has no effect
	out            Sink
	names          *NameSpool // the entries and statements that the rows are matched by; nil if they are not matched
	rules          rules.Set
	occurrences    *occurrences
	file           Summary                           // without bindings and reports
	fileBindings   map[identity.Digest]bool          // subjects of the bindings that the file depends on
	importBindings map[identity.Digest]rules.Binding // all bindings of the import, by subject

	stmt            *statement.Statement
	name            identity.Account
	balances        []statement.Balance
	balanceBytes    int                // memory that balances take
	entryCount      int64              // entries of the statement so far
	temporaryFITIDs bool               // FITIDs do not identify entries (fitids: temporary)
	entries         ledger             // of the statement
	byCurrency      map[string]*ledger // instead of entries, for a statement with several currencies; else nil
	undatedScope    string             // identifies the statement in the ids of entries without a booking day

	originalReversals bool // reversals are declared to have the direction of what they reverse
	reversalsNoted    bool // the statement has recorded the binding of its reversals
	negated           bool // the entry is such a reversal

	entry        *statement.Entry
	id           identity.Digest // of the entry, once it is known
	base         identity.Digest // of the entry: see identity.EntryBase
	details      ledger          // sums the details of the entry
	transactions transactions
	listings     map[string]openListing // by currency for a statement with several currencies; else under ""

	row           Row
	statementCols Row // columns that every row of the statement begins with
	fileCols      Row // columns that every row of the file ends with
}

// rowBuilders pools row builders, because banks send many small files.
var rowBuilders = sync.Pool{New: func() any {
	return &Builder{occurrences: &occurrences{
		heads: map[identity.Digest]int32{}, latest: map[identity.Digest]repeats{}, former: map[statementContent]repeats{},
	}}
}}

// NewBuilder gets a row builder from the pool; the caller releases it. names may be nil: then nothing is matched with the
// rows. left is the memory budget that remains to the import.
func NewBuilder(o Origin, to Sink, names *NameSpool, by rules.Set, left *Limits, given map[identity.Digest]rules.Binding) *Builder {
	t := rowBuilders.Get().(*Builder) //nolint:errcheck // the pool holds nothing else
	*t = Builder{reports: reports{budget: left}, importBindings: given, out: to, names: names, rules: by, occurrences: t.occurrences, balances: t.balances[:0], row: t.row, statementCols: t.statementCols, fileCols: t.fileCols[:0], transactions: t.transactions}
	t.fileCols.Text("file", o.File)
	t.fileCols.Text("object", o.Object)
	t.fileCols = append(t.fileCols, strings.Repeat(" ", o.Readings)...)
	return t
}

// maxPooled limits the buffers of a row builder that goes back to the pool.
const maxPooled = 1 << 12

// Release returns the row builder to the pool, unless its buffers have grown large. Notices and faults stay valid.
func (t *Builder) Release() {
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
	Faults   []string          // statements whose totals do not balance
	Bindings []identity.Digest // subjects of the bindings that the file depends on
	Unique   bool              // it has an entry whose reference identifies it permanently
	Corrects bool              // it has an entry that replaces or deletes another
}

// Summary returns what is known of the file.
func (t *Builder) Summary() Summary {
	t.file.Bindings = slices.Collect(maps.Keys(t.fileBindings))
	t.file.Notices, t.file.Faults = t.all()
	return t.file
}

// Begin starts a statement.
func (t *Builder) Begin(s *statement.Statement) error {
	t.stmt, t.balances, t.entries, t.file.Format = s, t.balances[:0], ledger{}, s.Format
	t.entryCount, t.balanceBytes, t.byCurrency, t.listings = 0, 0, nil, nil
	t.name, t.temporaryFITIDs = t.rules.Account(s), t.rules.HasTemporaryFITIDs(s)
	t.originalReversals, t.reversalsNoted = t.rules.HasOriginalReversals(s), false
	t.statementCols = t.statementCols[:0]
	t.statementCols.Stated("kind", string(s.Kind))
	t.statementCols.Text("servicer", t.name.Servicer)
	t.statementCols.Stated("account", t.name.Account)
	if !s.IBAN && !t.rules.Former {
		t.recordBinding(rules.AccountAspect, s)
	}
	switch {
	case s.IsOFX():
		t.recordBinding(rules.FITIDsAspect, s)
	case t.rules.CSVInstitution(s.Format) != nil:
		t.recordBinding(rules.ReferencesAspect, s)
		t.recordBinding(rules.MappingAspect, s)
	}
	return t.failed
}

func (t *Builder) fail(err error) { t.failed = cmp.Or(t.failed, err) }

// Balance keeps a balance until the statement ends.
func (t *Builder) Balance(b *statement.Balance) error {
	if len(t.balances) >= maxBalances {
		return statement.Refuse(b.Place, "the statement has more than %d balances", maxBalances)
	}
	t.balanceBytes += valueOverhead + len(b.Code) + len(b.Subtype) + len(b.Amount) + len(b.Currency) + len(b.Date)
	if t.balanceBytes > t.budget.Balances {
		return statement.Refuse(b.Place, "the statement's balances take more than %d bytes", t.budget.Balances)
	}
	t.balances = append(t.balances, *b)
	return nil
}

// Entry computes the base of an entry. Its id follows when its details are known, except in projects with former rules.
func (t *Builder) Entry(e *statement.Entry) error {
	t.readReversal(e)
	if t.entryCount == 0 {
		t.byCurrency = currencies(t.balances)
		head := t.headDigest()
		t.occurrences.begin(head)
		if b := boundsOf(t.balances); b.booked && b.opening >= 0 && b.closing >= 0 { // the same when it is sent again
			t.undatedScope = head.String()
		} else {
			t.undatedScope = identity.MessageID(t.stmt)
		}
	}
	t.entryCount++
	t.entry, t.details = e, ledger{}
	t.transactions.reset()
	if !t.rules.Former {
		if t.temporaryFITIDs {
			e.Unique, e.Shared = false, false
			refuseCorrection(e)
		}
		t.base = identity.EntryBase(t.name, t.stmt, e, t.reference(e), t.undatedScope)
		return t.failed
	}
	intermediate := "" // the balance that a later part of a statement opens with
	if len(t.balances) > 0 && t.balances[0].Subtype == openingMT940 {
		intermediate = t.balances[0].Amount
	}
	t.base = identity.FormerBase(t.stmt, e, intermediate, t.undatedScope)
	t.id = t.base
	if e.Unique && !e.Shared {
		return t.failed
	}
	n, err := t.occurrences.next(e.Place, t.base)
	if n > 1 {
		t.id = identity.Of("again", string(t.base[:]), strconv.FormatUint(uint64(n), 10))
	}
	t.fail(err)
	return t.failed
}

// Detail keeps one transaction of the entry. Details are part of what identifies the entry, so that they are written
// when the entry ends, or when they take too much memory.
func (t *Builder) Detail(d *statement.Detail) error {
	if t.negated {
		d.Amount = statement.Negate(d.Amount)
	}
	t.details.add(d.Amount, d.Currency, d.Place)
	t.details.charges.add(d.Charges)
	t.details.lax = t.details.lax || d.Instructed
	r := &t.row
	r.Begin()
	t.accountColumns(r, cmp.Or(d.Currency, t.entry.Currency, t.stmt.Currency))
	r.Stated("day", t.entryDay(t.entry))
	r.Stated("settled_day", d.SettlementDate)
	r.Stated("amount", t.amount(d.Amount))
	r.Stated("reference", d.Reference)
	r.Stated("transaction", d.Transaction)
	r.Stated("end_to_end", d.EndToEnd)
	r.Stated("instruction", d.Instruction)
	r.Stated("mandate", d.Mandate)
	r.Stated("party", d.Party)
	r.Stated("party_account", d.Peer)
	r.Stated("party_bank", d.Bank)
	r.Stated("text", d.Text)
	facts := identity.Of(string(*r))
	r.Stated("statement", t.label())
	t.originColumns(d.Place)
	t.transactions.add(facts, *r)
	if len(t.transactions.rows) >= maxTransactionBytes {
		t.writeDetails()
	}
	return t.failed
}

// EndEntry writes the details that are kept and the entry.
func (t *Builder) EndEntry() error {
	e := t.entry
	t.writeDetails()
	t.ledger(cmp.Or(e.Currency, t.stmt.Currency)).addEntry(t, e)
	r := &t.row
	r.Begin()
	r.Digest("id", t.id)
	t.accountColumns(r, cmp.Or(e.Currency, t.stmt.Currency))
	r.Stated("day", t.entryDay(e))
	r.Stated("value_day", e.Value)
	r.Stated("amount", t.amount(e.Amount))
	r.Text("status", e.StoredStatus())
	r.flag("reversal", e.Reversal)
	r.Stated("reference", t.reference(e))
	r.Stated("own_reference", t.ownReference(e))
	r.Stated("code", e.Code)
	r.Stated("party", e.Party)
	r.Stated("party_account", e.Peer)
	r.Stated("text", e.Text)
	r.Stated("operations", e.Operations)
	r.count("details", t.details.all)
	r.Stated("corrects", e.Corrects)
	t.file.Unique, t.file.Corrects = t.file.Unique || e.Unique, t.file.Corrects || e.Corrects != ""
	r.Stated("statement", t.label())
	if e.Refused != nil {
		r.refused(e.Refused)
	}
	t.writeRow(project.EntryStream, e.Place)
	return t.failed
}

func (t *Builder) accountColumns(r *Row, currency string) {
	r.columns(t.statementCols)
	r.Text("currency", currency)
}

// writeRow completes the row with its origin and passes it to the sink.
func (t *Builder) writeRow(stream string, at statement.Place) {
	t.originColumns(at)
	t.write(stream)
}

func (t *Builder) write(stream string) {
	if t.failed == nil {
		t.failed = t.out(stream, t.row)
	}
}

// originColumns ends the row with the file and place that it comes from.
func (t *Builder) originColumns(at statement.Place) {
	t.row.columns(t.fileCols)
	t.row.place("place", at)
	t.row.End()
}

// amount normalizes an amount, except in projects with former rules.
func (t *Builder) amount(text string) string {
	if t.rules.Former {
		return text
	}
	return statement.NormalAmount(text)
}

// label is the name of the statement that its rows show to people.
func (t *Builder) label() string { return cmp.Or(t.stmt.Reference, t.stmt.Number) }
