// Checks a statement against its own balances and totals, and keeps faults, notices and bindings within the limits of an import.

package rows

import (
	"cmp"
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rules"
)

// checkTotals checks the entries against the balances and totals that the bank states, and keeps the first faults with both figures.
// Totals of a page may be those of all pages, and a report may list only what came since the previous one: neither is a fault.
func (l *ledger) checkTotals(s *statement.Statement, balances []statement.Balance, b bounds) {
	whole := &l.faults
	if s.Partial {
		whole = &l.pageFaults
	}
	if b.booked && b.opening >= 0 && b.closing >= 0 {
		opening, closing := &balances[b.opening], &balances[b.closing]
		fault := l.checkBalances(s, opening, closing)
		interim := closing.Code == statement.InterimBooked
		l.incremental = fault != "" && interim && s.Kind == statement.Report
		switch {
		case fault == "" || l.incremental:
		case interim || opening.Code == statement.InterimBooked:
			l.addFault(closing.Place, "%s", fault)
		default:
			whole.addFault(closing.Place, "%s", fault)
		}
	}
	l.checkPrevious(s, balances, b)
	if s.Fault != "" {
		l.addFault(s.Place, "%s", s.Fault)
	}
	listed := l.booked.plus(l.announced) // some banks count announced entries too
	if faults := l.booked.compareStated(&s.Stated); len(faults) > 0 && len(listed.compareStated(&s.Stated)) > 0 {
		for _, fault := range faults {
			whole.addFault(s.Place, "%s", fault)
		}
	}
}

// checkPrevious compares the opening balance with the previous closing balance that the statement states: they are equal by definition.
func (l *ledger) checkPrevious(s *statement.Statement, balances []statement.Balance, b bounds) {
	previous := firstBalance(balances, []string{statement.PreviousClosing})
	if s.Kind != statement.Booked || !b.booked || b.opening < 0 || previous < 0 || balances[b.opening].Code != statement.OpeningBooked {
		return
	}
	opening, before := &balances[b.opening], &balances[previous]
	if opening.Currency == before.Currency && !statement.SameNumber(opening.Amount, before.Amount) {
		l.addFault(opening.Place, "it opens with %s, and states %s as what closed before", opening.Amount, before.Amount)
	}
}

// checkBalances checks opening + entries = closing. It returns what differs, or "".
func (l *ledger) checkBalances(s *statement.Statement, opening, closing *statement.Balance) string {
	if opening.Currency != closing.Currency || l.currency != "" && opening.Currency != "" && l.currency != opening.Currency {
		return fmt.Sprintf("the opening balance is in %s, the closing one in %s, the entries in %s", opening.Currency, closing.Currency,
			cmp.Or(l.currency, s.Currency))
	}
	var made, stated statement.Sum
	if !made.Add(opening.Amount) || !stated.Add(closing.Amount) {
		return fmt.Sprintf("opening balance %q or closing balance %q cannot be read", opening.Amount, closing.Amount)
	}
	made = made.Plus(l.booked.sum)
	rest := stated.Minus(made)
	if rest.Sign() == 0 {
		return ""
	}
	return fmt.Sprintf("opening %s and %d entries of %s make %s, the closing balance is %s: %s is missing%s",
		opening.Amount, l.booked.count(), l.booked.sum, made, closing.Amount, rest, l.otherReading(rest))
}

// faults are the first few faults of a statement. Its zero value is empty.
type faults struct {
	list []fault
	more int // number of further faults
}

// fault is one total that does not balance, or a value that cannot be added up.
type fault struct {
	place statement.Place
	text  string
}

const maxFaults = 3

// addFault keeps a fault. Its text is cut if values in it are longer than any valid one.
// The text is part of the statement's id (see close.go), so its words must not change.
func (f *faults) addFault(at statement.Place, format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, fault{at, statement.Brief(fmt.Sprintf(format, args...), statement.MaxTextLength)})
}

// text is all faults in one line; empty if there are none. Places depend on how the file is written: they are shown to
// people, and are not part of the statement's content.
func (f *faults) text(places bool) string {
	list := make([]string, len(f.list), maxFaults+1)
	for i, one := range f.list {
		list[i] = one.text
		if places {
			list[i] = one.place.String() + ": " + one.text
		}
	}
	if f.more > 0 {
		list = append(list, fmt.Sprintf("and %d more", f.more))
	}
	return strings.Join(list, "; ")
}

// otherReading says that a statement that does not balance would balance with its reversals in the other direction; empty if not.
func (l *ledger) otherReading(missing statement.Sum) string {
	if l.reversals.Sign() == 0 || missing.Plus(l.reversals).Plus(l.reversals).Sign() != 0 {
		return ""
	}
	if l.originalReversals {
		return "; with its reversals read by their own direction it would hold: `reversals: original` is declared for the institution"
	}
	return "; with its reversals read by the direction of the entries that they take back it would hold: if the bank writes them so, declare " +
		"`reversals: original` for the institution"
}

// Limits bound the memory of an import. The budget that all files share shrinks as files are read.
type Limits struct {
	Reports  int // bytes of the notices and faults of all files
	Bindings int // bytes of the bindings of all files
	Balances int // bytes of the balances of one statement
}

// DefaultLimits are those of an import.
var DefaultLimits = Limits{Reports: 16 << 20, Bindings: 512 << 20, Balances: 16 << 20}

const (
	maxReports    = 10_000 // notices of a file, and likewise faults
	valueOverhead = 100    // approximate memory of a value in addition to its text
)

// reports are the notices and faults of a file. Those beyond the limits are only counted.
type reports struct {
	budget  *Limits
	notices []statement.Notice
	faults  []string

	moreNotices, moreFaults int64
}

// takes reports whether another report of some bytes is kept.
func (r *reports) takes(kept, bytes int) bool {
	if kept >= maxReports || bytes > r.budget.Reports {
		return false
	}
	r.budget.Reports -= bytes
	return true
}

// Notice keeps a notice.
func (r *reports) Notice(n *statement.Notice) error {
	size := valueOverhead
	for i := range n.Fields {
		size += valueOverhead + min(len(n.Fields[i].Name), statement.MaxValueLength) + min(len(n.Fields[i].Value), statement.MaxValueLength)
	}
	if !r.takes(len(r.notices), size) {
		r.moreNotices += max(n.Count, 1)
		return nil
	}
	kept := statement.Notice{Place: n.Place, What: statement.Brief(n.What, statement.MaxValueLength), Count: n.Count}
	for _, f := range n.Fields {
		kept.Fields = append(kept.Fields, statement.Field{Name: statement.Brief(f.Name, statement.MaxValueLength), Value: statement.Brief(f.Value, statement.MaxValueLength)})
	}
	r.notices = append(r.notices, kept)
	return nil
}

func (r *reports) fault(account, day, fault string) {
	text := statement.Brief(fmt.Sprintf("account %s, %s: %s", statement.Brief(account, statement.MaxValueLength), day, fault), 2*statement.MaxTextLength)
	if !r.takes(len(r.faults), valueOverhead+len(text)) {
		r.moreFaults++
		return
	}
	r.faults = append(r.faults, strings.Clone(text))
}

// all returns the reports, with the number of those left out.
func (r *reports) all() ([]statement.Notice, []string) {
	notices, faults := r.notices, r.faults
	if r.moreNotices > 0 {
		notices = append(notices, statement.Notice{What: "further notices", Count: r.moreNotices})
	}
	if r.moreFaults > 0 {
		faults = append(faults, fmt.Sprintf("and %d more of its statements do not hold", r.moreFaults))
	}
	return notices, faults
}

// maxNumberLength is the maximum length of an account's source, number and currency; longer ones are not bound.
const maxNumberLength = 100

func (t *Builder) recordBinding(what rules.Aspect, s *statement.Statement) {
	g := t.rules.Bind(what, s, t.name)
	if len(g.Source)+len(g.Number)+len(g.Currency) > maxNumberLength {
		return
	}
	subject := g.Subject()
	if t.fileBindings[subject] {
		return
	}
	_, known := t.importBindings[subject]
	size := valueOverhead / 2 // approximate memory of its subject, and of the binding itself
	if !known {
		size += 4 * valueOverhead
	}
	if t.budget.Bindings -= size; t.budget.Bindings < 0 {
		t.fail(statement.Refuse(s.Place, "the files of the import have too many accounts without an IBAN").Advise(
			"import fewer files at a time, or divide this one"))
		return
	}
	if t.fileBindings == nil {
		t.fileBindings = map[identity.Digest]bool{}
	}
	t.fileBindings[subject] = true
	if !known {
		g.Source, g.Number, g.Currency = strings.Clone(g.Source), strings.Clone(g.Number), strings.Clone(g.Currency) // substrings would keep a longer text in memory
		g.Value, g.Servicer = strings.Clone(g.Value), strings.Clone(g.Servicer)
		t.importBindings[subject] = g
	}
}

// readReversal negates a reversal with the original direction, so that it is what the account moved by, and notes the
// binding that it depends on.
func (t *Builder) readReversal(e *statement.Entry) {
	if t.negated = e.Reversal && t.originalReversals; t.negated {
		e.Amount = statement.Negate(e.Amount)
	}
	if e.Reversal && !t.reversalsNoted && t.stmt.IsCAMT() {
		t.reversalsNoted = true
		t.recordBinding(rules.ReversalsAspect, t.stmt)
	}
}
