// Ends a statement: writes its balances and its interval, and checks it against its own totals.

package rows

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/project"
)

// End writes the balances and the statement.
func (t *Builder) End() error {
	if t.entryCount == 0 {
		t.byCurrency = currencies(t.balances)
	}
	if t.byCurrency == nil {
		t.close()
	} else {
		t.endEach()
	}
	return t.failed
}

func (t *Builder) close() {
	b := boundsOf(t.balances)
	t.entries.checkTotals(t.stmt, t.balances, b)
	t.describeListing(b)
	if fault := statement.JoinTexts(t.entries.text(true), t.entries.pageFaults.text(true)); fault != "" {
		t.fault(t.stmt.Account, t.day(b), fault)
	}
	alike := map[statement.Balance]int{}
	for i := range t.balances {
		same := t.balances[i]
		same.Place = statement.Place{}
		t.writeBalance(i, alike[same], b)
		alike[same]++
	}
	t.writeStatement(b)
}

func (t *Builder) day(b bounds) string {
	closing := ""
	if b.booked && b.closing >= 0 {
		closing = t.balances[b.closing].Date
	}
	return cmp.Or(closing, t.stmt.To, dateOf(t.stmt.Created), t.entries.last)
}

// daily reports whether everything that the statement lists is of its day, so that its balances are those of that day.
func (t *Builder) daily(b bounds) bool {
	l, day := &t.entries, t.day(b)
	return l.first == "" || l.first == day && l.last == day
}

// writeBalance writes a balance. If a statement states an opening balance and no closing one, the opening balance is
// also written as the closing balance of the previous statement day. alike is how many equal balances come before it.
func (t *Builder) writeBalance(i, alike int, b bounds) {
	day, balance := t.day(b), &t.balances[i]
	t.balanceRow(i, alike, b, day, b.position(i), false)
	if i != b.opening || b.closing >= 0 || balance.Code == statement.PreviousClosing {
		return
	}
	if date, err := time.Parse(time.DateOnly, day); err == nil { // otherwise intake rejects the row above
		t.balanceRow(i, alike, b, t.rules.PreviousDay(t.stmt, date).Format(time.DateOnly), "closing", true)
	}
}

func (t *Builder) balanceRow(i, alike int, b bounds, day, position string, carried bool) {
	balance := &t.balances[i]
	r := &t.row
	r.Begin()
	r.Digest("id", t.balanceID(i, alike, b, day, carried))
	t.accountColumns(r, cmp.Or(balance.Currency, t.stmt.Currency))
	r.Stated("day", day)
	r.Stated("stated_day", balance.Date)
	r.Text("code", balance.Code)
	r.Stated("subtype", balance.Subtype)
	r.Text("position", position)
	r.flag("carried", carried)
	r.flag("daily", t.daily(b))
	r.Stated("amount", t.amount(balance.Amount))
	r.Stated("statement", t.label())
	t.writeRow(project.BalanceStream, balance.Place)
}

// balanceID digests the content of a balance. An opening and a closing balance belong to their statement; a single
// balance is the same event in every statement that states it.
func (t *Builder) balanceID(i, alike int, b bounds, day string, carried bool) identity.Digest {
	balance, scope := &t.balances[i], ""
	switch {
	case b.opening < 0 || b.closing < 0:
	case b.booked && t.stmt.Partial && balance.Code != statement.InterimBooked: // each page may state the balances of the whole
		scope = t.stmt.Number
	case b.booked:
		scope = t.stmt.Number + "/" + t.stmt.Page
	default:
		scope = identity.MessageID(t.stmt)
	}
	return identity.Of("balance", string(t.stmt.Kind), t.name.Servicer, t.name.Account, scope, day, balance.Code, balance.Subtype,
		balance.Date, t.amount(balance.Amount), balance.Currency, b.position(i), strconv.Itoa(alike), strconv.FormatBool(carried), strconv.FormatBool(t.daily(b)))
}

// writeStatement writes the statement. Its id is made of all columns except its origin. If it has both booked balances,
// they identify it whatever the bank calls it; otherwise its name is part of the id.
func (t *Builder) writeStatement(b bounds) {
	s, l, day := t.stmt, &t.entries, t.day(b)
	from, to := t.interval(b, day)
	closed := b.booked && b.closing >= 0 && !l.incremental
	balanced := closed && b.opening >= 0
	r := &t.row
	r.Begin()
	t.accountColumns(r, t.currency(b))
	r.Stated("name", s.Name)
	r.Stated("number", s.Number)
	r.Stated("page", s.Page)
	r.Stated("day", day)
	r.Stated("from_day", from)
	r.Stated("to_day", to)
	if b.booked && b.opening >= 0 {
		r.Stated("opening", t.amount(t.balances[b.opening].Amount))
		r.Stated("opening_day", t.balances[b.opening].Date)
	}
	if closed {
		r.Stated("closing", t.amount(t.balances[b.closing].Amount))
		r.Stated("closing_day", t.balances[b.closing].Date)
	}
	r.count("entries", l.booked.count())
	r.Text("amount", l.booked.sum.String())
	r.Digest("entries_digest", l.content)
	r.Stated("first_day", l.first)
	r.Stated("last_day", l.last)
	r.count("pending", l.pending)
	r.count("details", l.details)
	r.count("operations", l.operations)
	r.flag("totals", balanced || s.Stated != statement.Totals{})
	r.Stated("fault", l.text(false))
	r.Stated("page_fault", l.pageFaults.text(false))
	name := ""
	if !balanced {
		name = identity.MessageID(s)
	}
	r.Digest("id", identity.Of("statement", string(*r), name))
	t.pages(b)
	r.Text("format", s.Format)
	r.Stated("reference", s.Reference)
	r.Stated("created", s.Created)
	t.writeRow(project.StatementStream, s.Place)
}

// pages writes whether other pages come before or after this one. If only the message has pages, a statement in it that
// closes by itself is whole.
func (t *Builder) pages(b bounds) {
	s := t.stmt
	if s.Kind != statement.Booked {
		return
	}
	interim := func(at int, page []string, numbered bool) bool {
		return b.booked && at >= 0 && t.balances[at].Code == statement.InterimBooked && (numbered || slices.Contains(page, t.balances[at].Subtype))
	}
	if interim(b.opening, openingPage, statement.IsLaterPage(s.Page)) {
		t.row.flag("page_before", true)
	}
	open := b.opening >= 0 && b.closing < 0 || t.entries.pageFaults.text(false) != ""
	if s.MorePages || interim(b.closing, closingPage, s.MoreMessages) || s.MoreMessages && open {
		t.row.flag("page_after", true)
	}
}

// currency is that of the account, else that of its balances or entries.
func (t *Builder) currency(b bounds) string {
	for _, i := range []int{b.opening, b.closing} {
		if t.stmt.Currency == "" && i >= 0 {
			return t.balances[i].Currency
		}
	}
	return cmp.Or(t.stmt.Currency, t.entries.currency)
}

// interval is the days that the statement covers, both included.
func (t *Builder) interval(b bounds, day string) (from, to string) {
	from, to = t.stmt.From, cmp.Or(t.stmt.To, day)
	if b.booked && b.closing >= 0 {
		to = cmp.Or(t.balances[b.closing].Date, to)
		if b.opening < 0 && t.stmt.To != "" {
			to = max(min(to, t.stmt.To), t.entries.last) // a balance of today does not say which entries came after the end of the interval
		}
	}
	if b.booked && b.opening >= 0 && from == "" {
		from = t.opened(&t.balances[b.opening], to)
	}
	from = cmp.Or(from, t.entries.first, to)
	return min(from, to), to
}

// opened is the day that a balance opens. A previous closing balance is that of the day before, and so is the opening
// balance of MT940. Some banks date it as the first day: entries or a closing balance of that day show it.
func (t *Builder) opened(opening *statement.Balance, to string) string {
	date, err := time.Parse(time.DateOnly, opening.Date)
	before := opening.Code == statement.PreviousClosing ||
		strings.HasPrefix(t.stmt.Format, "mt94") && opening.Date < to && (t.entries.first == "" || t.entries.first > opening.Date)
	if err != nil || !before {
		return opening.Date
	}
	return date.AddDate(0, 0, 1).Format(time.DateOnly)
}
