// What a reader tells of a file becomes rows of the built-in streams, and each statement is held against its own totals.

package aggregate

import (
	"cmp"
	"strconv"
	"strings"
	"sync"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// sink takes rows of the built-in streams.
type sink interface {
	write(stream string, r row) error
	open() (at uint32)             // the statement that begins
	describe(at uint32, l listing) // once it has ended
	name(n *named) error           // an entry of it
}

// origin says which file rows come from.
type origin struct {
	file   string // as errors name it
	object string // the object that keeps it

	readings int // how often it was read again: intake does not take its rows for those of an earlier reading
}

// maxBalances is how many balances of one statement are held until its end tells which of them open and close it.
const maxBalances = 100_000

// rowBuilder is the statement.Handler of one file.
type rowBuilder struct {
	reports
	to          sink
	rules       rules
	occurrences *occurrences
	format      string           // of its statements
	given       map[digest]bool  // names what the declarations gave to the file
	all         map[digest]given // that, and what they gave to others of the import

	s         *statement.Statement
	name      accountName
	balances  []statement.Balance
	sizes     int                // bytes of these
	listed    int64              // entries so far
	temporary bool               // FITIDs
	unique    bool               // the file has an entry that a reference names for ever
	corrects  bool               // and one that takes the place of another
	entries   ledger             // of its currency
	others    map[string]*ledger // of the currencies of an account that has several; nil if there is one
	within    string             // what an entry without a day of booking belongs to

	e        *statement.Entry
	id       digest // of the entry, once that is known
	base     digest // what names it
	details  ledger // of the entry
	kept     transactions
	listings map[string]openListing // by currency, of an account that has several; else of ""

	row  row
	of   row // the columns that all rows of the statement begin with
	from row // the columns that all rows of the file end with
}

// tellers are used again, as banks send many small files.
var tellers = sync.Pool{New: func() any { return &rowBuilder{occurrences: newOccurrences()} }}

// newRowBuilder takes a teller, which is to be released. left is what the import may still hold.
func newRowBuilder(o origin, to sink, by rules, left *limits, given map[digest]given) *rowBuilder {
	t := tellers.Get().(*rowBuilder) //nolint:errcheck // the pool holds nothing else
	*t = rowBuilder{reports: reports{left: left}, all: given, to: to, rules: by, occurrences: t.occurrences, balances: t.balances[:0], row: t.row, of: t.of, from: t.from[:0], kept: t.kept}
	t.from.text("file", o.file)
	t.from.text("object", o.object)
	t.from = append(t.from, strings.Repeat(" ", o.readings)...)
	return t
}

// mostKept is how much of each kind a teller keeps from a file to the next.
const mostKept = 1 << 12

// release lets a teller be used again; what it has told stays.
func (t *rowBuilder) release() {
	if len(t.balances) > mostKept || t.sizes > perValue*mostKept || t.occurrences.size() > mostKept || cap(t.row) > mostKept || cap(t.kept.rows) > mostKept {
		return
	}
	t.kept.forget()
	t.occurrences.forget()
	tellers.Put(t)
}

// Notice keeps what is reported.
func (t *rowBuilder) Notice(n *statement.Notice) error {
	t.notice(n)
	return nil
}

// Begin starts a statement.
func (t *rowBuilder) Begin(s *statement.Statement) error {
	t.s, t.balances, t.entries, t.format = s, t.balances[:0], ledger{}, s.Format
	t.listed, t.sizes, t.others, t.listings = 0, 0, nil, nil
	t.name, t.temporary = t.rules.accountName(s), t.rules.temporary(s)
	t.of = t.of[:0]
	t.of.stated("kind", string(s.Kind))
	t.of.text("servicer", t.name.servicer)
	t.of.stated("account", t.name.account)
	return t.depends(s)
}

// Balance holds a balance until the statement ends.
func (t *rowBuilder) Balance(b *statement.Balance) error {
	if len(t.balances) >= maxBalances {
		return statement.Refuse(b.Place, "the statement has more than %d balances", maxBalances)
	}
	t.sizes += perValue + len(b.Code) + len(b.Subtype) + len(b.Amount) + len(b.Currency) + len(b.Date)
	if t.sizes > t.left.balances {
		return statement.Refuse(b.Place, "the statement's balances take more than %d bytes", t.left.balances)
	}
	t.balances = append(t.balances, *b)
	return nil
}

// Entry names an entry, so that its details can name it.
func (t *rowBuilder) Entry(e *statement.Entry) (err error) {
	if t.listed == 0 {
		t.others = currencies(t.balances)
		head := t.head()
		t.occurrences.begin(head)
		t.within = t.scope(head)
	}
	t.listed++
	t.e, t.details = e, ledger{}
	t.kept.forget()
	if !t.rules.former {
		if t.temporary {
			e.Unique, e.Shared = false, false
			refuseCorrection(e)
		}
		t.base = baseOf(t.name, t.s, e, t.reference(e), t.within)
		return nil
	}
	t.base = formerBase(t.s, e, later(t.s, t.intermediate()), t.within)
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

// head is what a statement says before its first entry. One without balances is known by its name alone.
func (t *rowBuilder) head() digest {
	texts := []string{string(t.s.Kind), t.name.servicer, t.name.account, t.s.Currency, t.s.Number, t.s.Page, t.s.From, t.s.To}
	for i := range t.balances {
		b := &t.balances[i]
		texts = append(texts, b.Code, b.Subtype, b.Date, t.amount(b.Amount), b.Currency)
	}
	if len(t.balances) == 0 {
		texts = append(texts, message(t.s))
	}
	return digestOf(texts...)
}

// scope names the statement for entries without a day of booking: by the balances it leads from and to, which are the same
// when it is sent again, or, where they are not known yet, as the bank calls it.
func (t *rowBuilder) scope(head digest) string {
	if b := boundsOf(t.balances); b.booked && b.opening >= 0 && b.closing >= 0 {
		return head.String()
	}
	return message(t.s)
}

// intermediate is the balance that a later part of a statement opens with.
func (t *rowBuilder) intermediate() string {
	if len(t.balances) > 0 && t.balances[0].Subtype == openingMT940 {
		return t.balances[0].Amount
	}
	return ""
}

// Detail keeps one transaction of the entry until it ends, or until there are too many: what they say is part of what names it.
func (t *rowBuilder) Detail(d *statement.Detail) error {
	t.details.add(d.Amount, d.Currency, d.Place)
	t.details.charges.add(d.Charges)
	t.details.lax = t.details.lax || d.Instructed
	r := &t.row
	r.begin()
	t.account(r, cmp.Or(d.Currency, t.e.Currency, t.s.Currency))
	r.stated("day", t.dayOf(t.e))
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
	t.origin(d.Place)
	t.kept.add(facts, *r)
	if len(t.kept.rows) < mostTransactions {
		return nil
	}
	return t.writeDetails()
}

// EndEntry writes the entry.
func (t *rowBuilder) EndEntry() error {
	e := t.e
	if err := t.writeDetails(); err != nil {
		return err
	}
	t.ledger(cmp.Or(e.Currency, t.s.Currency)).take(t, e)
	r := &t.row
	r.begin()
	r.digest("id", t.id)
	t.account(r, cmp.Or(e.Currency, t.s.Currency))
	r.stated("day", t.dayOf(e))
	r.stated("value_day", e.Value)
	r.stated("amount", t.amount(e.Amount))
	r.text("status", statusOf(e))
	r.flag("reversal", e.Reversal)
	r.stated("reference", t.reference(e))
	r.stated("own_reference", t.own(e))
	r.stated("code", e.Code)
	r.stated("party", e.Party)
	r.stated("party_account", e.Peer)
	r.stated("text", e.Text)
	r.stated("operations", e.Operations)
	r.count("details", t.details.all)
	r.stated("corrects", e.Corrects)
	t.unique, t.corrects = t.unique || e.Unique, t.corrects || e.Corrects != ""
	r.stated("statement", t.label())
	if e.Refused != nil {
		r.refused(e.Refused)
	}
	return t.finish(project.EntryStream, e.Place)
}

// account writes what all rows of an account have.
func (t *rowBuilder) account(r *row, currency string) {
	r.columns(t.of)
	r.text("currency", currency)
}

// finish writes where the row comes from, and hands it on.
func (t *rowBuilder) finish(stream string, at statement.Place) error {
	t.origin(at)
	return t.to.write(stream, t.row)
}

// origin ends the row with where it comes from.
func (t *rowBuilder) origin(at statement.Place) {
	t.row.columns(t.from)
	t.row.place("place", at)
	t.row.end()
}

// amount is an amount as rows have it: by value.
func (t *rowBuilder) amount(text string) string {
	if t.rules.former {
		return text
	}
	return plain(text)
}

// label is how people name the statement.
func (t *rowBuilder) label() string { return cmp.Or(t.s.Reference, t.s.Number) }

// dayOf is the day an entry counts for: that of its booking, else the statement's, as far as that is known by then.
func (t *rowBuilder) dayOf(e *statement.Entry) string {
	return cmp.Or(e.Booked, t.s.To, dateOf(t.s.Created), e.Value)
}

// dateOf is the date of a time, as it is written.
func dateOf(created string) string {
	if len(created) < len(time.DateOnly) {
		return ""
	}
	return created[:len(time.DateOnly)]
}
