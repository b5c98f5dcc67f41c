// Reads the changes that an institution reports, and sets invalid transactions aside.

package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/failure"
)

// maxDigits bounds an amount before its decimal mark, so that sums and changes of amounts fit the columns of the streams.
const maxDigits = 15

// reported is a valid transaction as the institution reports it now.
type reported struct {
	id       string
	status   Status
	replaces string
	Content
}

// report is what an institution reports, read and checked.
type report struct {
	list      []*reported // sorted by id
	byID      map[string]*reported
	mentioned map[string]bool // ids of the list, invalid ones included
	removed   map[string]bool
	complete  bool // a transaction of the days from first to last that is not mentioned has vanished
	from, to  string
	partial   bool
	moved     map[string]string // by currency: an older balance of the same day than the one that counts, if it is another
	warnings  []error
}

// readReport reads changes. An error means that none of them can be used.
func readReport(a Account, c *connector.Changes) (*report, error) {
	switch {
	case c.Account != "" && c.Account != a.ID:
		return nil, failure.Wrap(failure.Data, fmt.Errorf("changes are of account %q, not of %q", c.Account, a.ID))
	case c.Complete && (!isDay(c.From) || !isDay(c.To) || c.From > c.To):
		return nil, failure.Wrap(failure.Data, fmt.Errorf("changes of account %q list all transactions from %q to %q, which are not an interval of days", a.ID, c.From, c.To))
	}
	r := &report{
		byID: map[string]*reported{}, mentioned: map[string]bool{}, removed: map[string]bool{}, moved: map[string]string{},
		complete: c.Complete && !c.Partial, from: c.From, to: c.To, partial: c.Partial,
	}
	for i := range c.Transactions {
		r.add(a, cmp.Or(c.Currency, a.Currency), &c.Transactions[i])
	}
	for _, one := range r.byID {
		r.list = append(r.list, one)
	}
	slices.SortFunc(r.list, func(x, y *reported) int { return cmp.Compare(x.id, y.id) })
	for _, id := range c.Removed {
		if id = valid(id); !r.mentioned[id] {
			r.removed[id] = true
		}
	}
	return r, nil
}

// warn reports a transaction that is left out.
func (r *report) warn(id, format string, args ...any) {
	r.warnings = append(r.warnings, failure.Wrap(failure.Data, fmt.Errorf("transaction %q: "+format, append([]any{id}, args...)...)))
}

// isDay reports whether a text is a day that streams accept: they have no year 0.
func isDay(text string) bool { return statement.IsDay(text) && text >= "0001" }

// valid is a text that every store accepts.
func valid(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
}

func (r *report) add(a Account, currency string, t *connector.Transaction) {
	one := &reported{id: valid(t.ID), status: Posted, replaces: valid(t.Replaces)}
	one.Content = Content{Currency: valid(cmp.Or(t.Currency, currency)), Booked: t.Booked, Made: t.Made, Party: valid(t.Party), Text: valid(t.Text)}
	if t.Pending {
		one.status = Pending
	}
	r.mentioned[one.id] = true
	amount, ok := statement.Amount(t.Amount, '.')
	whole, _, _ := strings.Cut(strings.TrimPrefix(amount, "-"), ".")
	before := r.byID[one.id]
	switch {
	case one.id == "":
		r.warn(t.ID, "the institution gives it no id (amount %q, booked %q)", t.Amount, t.Booked)
		return
	case !ok || len(whole) > maxDigits:
		r.warn(one.id, "amount %q is not a decimal of at most %d digits before and %d after the mark", t.Amount, maxDigits, statement.Scale)
		return
	case one.Currency == "":
		r.warn(one.id, "neither it nor account %q has a currency", a.ID)
		return
	}
	for name, day := range map[string]string{"booked": t.Booked, "made": t.Made} {
		if day != "" && !isDay(day) {
			r.warn(one.id, "the day on which it was %s, %q, is not a day", name, day)
			return
		}
	}
	one.Amount = statement.NormalAmount(amount)
	if before != nil && *before != *one {
		r.warn(one.id, "it is listed twice with different contents: the last one counts")
	}
	r.byID[one.id] = one
}

// isGone reports whether the institution no longer has an entry, which it had until now, and why.
func (r *report) isGone(e *Entry) (gone bool, evidence string) {
	switch day := e.day(); {
	case !e.isLive() || r.mentioned[e.Source]:
		return false, ""
	case r.removed[e.Source]:
		return true, "the institution has removed it"
	case r.complete && day >= r.from && day <= r.to:
		return true, fmt.Sprintf("it is not in the complete list of %s to %s", r.from, r.to)
	}
	return false, ""
}
