// Compares stated balances with the transactions, which is the control total of an account.

package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"bursar/internal/aggregate/format/statement"
)

// Control is what the stated balances of a currency are compared with.
type Control struct {
	Currency string `json:"currency"`
	Since    string `json:"since"`   // the first day whose transactions are known
	Opening  string `json:"opening"` // the balance before the transactions from then on
	Balance  string `json:"balance"` // the first stated balance, from which Opening follows
	At       string `json:"at"`      // its time or day
	Proven   bool   `json:"proven"`  // another balance has been equal to the opening and the transactions since
}

// Word is how far the sum of an account's transactions can be trusted.
type Word string

// The words, from the best to the worst.
const (
	Proven  Word = "PROVEN"  // the opening and the posted transactions sum to the stated balance
	Claimed Word = "CLAIMED" // the institution reports the transactions, and nothing to compare them with
	Unknown Word = "UNKNOWN" // something is missing or undecided
	Broken  Word = "BROKEN"  // they do not sum to the stated balance
)

// Verdict is the comparison of a currency's transactions with its stated balance. The figures are empty if none is stated.
type Verdict struct {
	Currency   string `json:"currency"`
	Word       Word   `json:"verdict"`
	Reason     string `json:"reason"`
	Stated     string `json:"stated,omitempty"`
	StatedAt   string `json:"stated_at,omitempty"`
	Counted    string `json:"counted,omitempty"`    // the opening and the posted transactions
	Difference string `json:"difference,omitempty"` // stated less counted
}

// reading is a sum of posted transactions that may be the one that a balance states.
type reading struct {
	sum  statement.Sum // with the opening
	late bool          // transactions of days before Control.Since were booked after it; otherwise they are older history
}

// readings are the sums that a balance may state, the likeliest first: an institution may state its balance at the end of a day, or with all that it
// lists. Transactions from before the known days are either older history, which the opening contains, or were booked late.
func (b *book) readings(c *Control, day string, without map[*Entry]bool) (list []reading) {
	base, early := [2]statement.Sum{}, [2]statement.Sum{}
	for _, e := range b.entries {
		if e.Status != Posted || e.Currency != c.Currency || without[e] {
			continue
		}
		sums, booked := &base, e.day()
		if booked < c.Since {
			sums = &early
		}
		sums[1] = sums[1].Plus(e.amount())
		if booked <= day {
			sums[0] = sums[0].Plus(e.amount())
		}
	}
	opening := sumOf(c.Opening)
	for _, late := range []bool{false, true} {
		for i := range base {
			one := reading{opening.Plus(base[i]), late}
			if late {
				one.sum = one.sum.Plus(early[i])
			}
			if !slices.ContainsFunc(list, func(o reading) bool { return o.sum == one.sum }) {
				list = append(list, one)
			}
		}
	}
	return list
}

// firstDay is the first day of the posted transactions of a currency, or "".
func (b *book) firstDay(currency string) (first string) {
	for _, e := range b.entries {
		if e.Status == Posted && e.Currency == currency {
			if day := e.day(); first == "" || day < first {
				first = day
			}
		}
	}
	return first
}

// judge compares the balances of all currencies. A nil report stands for decisions about what was reported before.
func (b *book) judge(r *report, balances []Stated) (list []Verdict) {
	for _, currency := range b.currencies(balances) {
		v := Verdict{Currency: currency}
		stated := bookedOf(balances, currency)
		doubt := b.doubt(r, currency)
		switch control := b.state.control(currency); {
		case stated == nil:
			v.Word, v.Reason = Claimed, "no balance is stated"
		case control == nil:
			v = b.openControl(r, stated, doubt == "")
		default:
			v = b.compare(r, stated, control)
		}
		if doubt != "" {
			v.Word, v.Reason = Unknown, doubt
		}
		list = append(list, v)
	}
	return list
}

// currencies are those of the account, sorted.
func (b *book) currencies(balances []Stated) []string {
	all := map[string]bool{}
	if b.account.Currency != "" {
		all[b.account.Currency] = true
	}
	for _, e := range b.entries {
		if e.Status != Merged {
			all[e.Currency] = true
		}
	}
	for i := range balances {
		all[balances[i].Currency] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// doubt is why nothing can be proven, whatever the balance, or "".
func (b *book) doubt(r *report, currency string) string {
	switch {
	case r != nil && r.partial:
		return "the institution says that data is missing"
	case r != nil && len(r.warnings) > 0:
		return fmt.Sprintf("%d invalid transactions or balances are left out; the first is %v", len(r.warnings), r.warnings[0])
	}
	for i := range b.state.Open {
		if s := &b.state.Open[i]; s.Kind == Reissued && b.entries[s.Newer].Currency == currency {
			return "it is not decided whether transactions are new or re-issued; the first is suggestion " + s.ID
		}
	}
	return ""
}

// openControl derives the opening from the first stated balance, if any day is known from which all transactions are.
func (b *book) openControl(r *report, stated *Stated, certain bool) Verdict {
	v := Verdict{Currency: stated.Currency, Word: Claimed, Stated: stated.Amount, StatedAt: stated.StatedAt, Reason: "it is the first stated balance"}
	since := b.firstDay(stated.Currency)
	if r != nil && r.complete && (since == "" || r.from < since) {
		since = r.from
	}
	until := stated.Day
	if !stated.isOfDay() { // the institution's next day may have begun
		until = addDays(until, 1)
	}
	if since == "" || until < since || !certain { // it says nothing about the transactions
		return v
	}
	c := Control{Currency: stated.Currency, Since: since, Balance: stated.Amount, At: stated.StatedAt}
	c.Opening = sumOf(stated.Amount).Minus(b.readings(&c, until, nil)[0].sum).String()
	if !isAmount(c.Opening) {
		v.Word, v.Reason = Unknown, "the sum of all transactions has too many digits"
		return v
	}
	b.state.addControl(c)
	v.Counted, v.Difference = stated.Amount, "0.00"
	return v
}

func isAmount(text string) bool {
	_, ok := statement.Amount(text, '.')
	return ok
}

// compare compares a balance with the transactions since the first one.
func (b *book) compare(r *report, stated *Stated, c *Control) Verdict {
	list := b.readings(c, stated.Day, nil)
	amount := sumOf(stated.Amount)
	v := Verdict{Currency: c.Currency, Word: Broken, Stated: stated.Amount, StatedAt: stated.StatedAt}
	v.Counted, v.Difference = list[0].sum.String(), amount.Minus(list[0].sum).String()
	v.Reason = fmt.Sprintf("the stated balance is %s, and the opening with the posted transactions %s: the difference is %s", v.Stated, v.Counted, v.Difference)
	for _, one := range list {
		if one.sum == amount && stated.Day >= c.Since {
			b.extend(c, one)
			v.Counted, v.Difference = stated.Amount, "0.00"
			c.Proven = c.Proven || stated.Amount != c.Balance || stated.StatedAt != c.At
			v.Word, v.Reason = Proven, "the opening and the posted transactions sum to the stated balance"
			if !c.Proven {
				v.Word, v.Reason = Claimed, "it is the first stated balance"
			}
			return v
		}
	}
	other := cmp.Or(r.otherTime(stated, c, bookedOf(b.state.Stated, c.Currency)), r.changedMeanwhile(stated))
	if other != "" {
		v.Word, v.Reason = Unknown, other+"; "+v.Reason
	}
	return v
}

// changedMeanwhile is why some transactions may be older than the balance, or "": they were read before the institution changed its data.
func (r *report) changedMeanwhile(stated *Stated) string {
	if r == nil || r.moved[stated.Currency] == "" {
		return ""
	}
	return fmt.Sprintf("the institution has stated %s and then %s while its transactions were read", r.moved[stated.Currency], stated.Amount)
}

// otherTime is why a balance is of another time than the transactions, or "".
func (r *report) otherTime(stated *Stated, c *Control, last *Stated) string {
	switch {
	case stated.Day < c.Since:
		return fmt.Sprintf("the balance is of %s, and the transactions are known from %s", stated.when(), c.Since)
	case r == nil:
	case r.complete && stated.Day > r.to:
		return fmt.Sprintf("the balance is of %s, and newer than the list, which ends on %s", stated.when(), r.to)
	case last != nil && stated.time().Before(last.time()):
		return fmt.Sprintf("the balance is of %s, and older than the one before, of %s", stated.when(), last.when())
	}
	return ""
}

// extend includes the days before Since whose transactions a balance has explained.
func (b *book) extend(c *Control, one reading) {
	first := b.firstDay(c.Currency)
	if first == "" || first >= c.Since {
		return
	}
	opening := sumOf(c.Opening)
	if !one.late {
		for _, e := range b.entries {
			if e.Status == Posted && e.Currency == c.Currency && e.day() < c.Since {
				opening = opening.Minus(e.amount())
			}
		}
	}
	if text := opening.String(); isAmount(text) {
		c.Opening, c.Since = text, first
	}
}
