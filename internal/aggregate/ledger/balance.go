// Reads the balances that an institution states.

package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/failure"
)

// Stated is an event of the stream account_balances: a balance as the institution states it.
type Stated struct {
	EventID     string    `json:"id"`
	Institution string    `json:"institution"`
	Account     string    `json:"account"`
	Kind        string    `json:"kind"`
	Currency    string    `json:"currency"`
	Amount      string    `json:"amount"`
	Day         string    `json:"day"`       // of the balance, where the institution is
	StatedAt    string    `json:"stated_at"` // in UTC; the last second of the day if the institution states no time
	At          time.Time `json:"at"`
}

// kinds are the kinds of balances that the stream accepts.
var kinds = []string{connector.Booked, connector.Available, connector.Due}

// compareName orders balances by currency and kind.
func (s *Stated) compareName(o *Stated) int {
	return cmp.Or(cmp.Compare(s.Currency, o.Currency), cmp.Compare(s.Kind, o.Kind))
}

// endOfDay is the time of a balance of which only the day is known.
const endOfDay = "T23:59:59Z"

// time is when the balance was as stated.
func (s *Stated) time() time.Time {
	t, _ := time.Parse(time.RFC3339, s.StatedAt) // it was checked when it was read
	return t
}

// isOfDay reports whether only the day of the balance is known.
func (s *Stated) isOfDay() bool { return s.StatedAt == s.Day+endOfDay }

// when is the time or day of the balance, for people.
func (s *Stated) when() string {
	if s.isOfDay() {
		return s.Day
	}
	return s.StatedAt
}

// setTime sets the time of a balance from a time or day. ok is false if it is neither, or one that no stream accepts.
func (s *Stated) setTime(text string) (ok bool) {
	s.Day = text[:min(len(text), len(dayLayout))]
	if text == s.Day {
		text += endOfDay
	}
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC().Truncate(time.Microsecond)
	s.StatedAt = t.Format(time.RFC3339Nano)
	return err == nil && isDay(s.Day) && t.Year() >= 1 && t.Year() <= 9999
}

// readBalances returns the newest balance of each kind and currency, sorted, and sets invalid ones aside. Of several of the same time that is the one
// that was reported last: a fetch with several answers may take less than a second.
func (b *book) readBalances(r *report, c *connector.Changes) (list []Stated) {
	for i := len(c.Balances) - 1; i >= 0; i-- {
		one, err := b.readBalance(c, &c.Balances[i])
		if err != nil {
			r.warnings = append(r.warnings, failure.Wrap(failure.Data, fmt.Errorf("account %q: %w", b.account.ID, err)))
			continue
		}
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(x, y Stated) int { return cmp.Or(x.compareName(&y), -x.time().Compare(y.time())) })
	return slices.CompactFunc(list, func(x, y Stated) bool {
		isOlder := x.compareName(&y) == 0
		if isOlder && x.Kind == connector.Booked && x.Day == y.Day && x.Amount != y.Amount {
			r.moved[x.Currency] = y.Amount
		}
		return isOlder
	})
}

func (b *book) readBalance(c *connector.Changes, one *connector.Balance) (s Stated, err error) {
	s = Stated{
		Institution: b.account.Institution, Account: b.account.ID, Kind: valid(one.Kind),
		Currency: valid(cmp.Or(one.Currency, c.Currency, b.account.Currency)), At: b.at,
	}
	amount, ok := statement.Amount(one.Amount, '.')
	whole, _, _ := strings.Cut(strings.TrimPrefix(amount, "-"), ".")
	isTime := s.setTime(one.At)
	switch {
	case !ok || len(whole) > maxDigits:
		return s, fmt.Errorf("the %s balance %q is not a decimal of at most %d digits before and %d after the mark", s.Kind, one.Amount, maxDigits, statement.Scale)
	case s.Currency == "":
		return s, fmt.Errorf("the %s balance has no currency", s.Kind)
	case !slices.Contains(kinds, s.Kind):
		return s, fmt.Errorf("the kind of the balance %s is %q; it can be %s", one.Amount, s.Kind, strings.Join(kinds, ", "))
	case !isTime:
		return s, fmt.Errorf("the time of the %s balance, %q, is neither a day nor a time", s.Kind, one.At)
	}
	s.Amount = statement.NormalAmount(amount)
	s.EventID = digest("balance", s.Institution, s.Account, s.Kind, s.Currency, s.StatedAt, s.Amount, b.at.Format(time.RFC3339Nano))
	return s, nil
}

// keepBalances returns the balances that are newer than those that were stated last, or correct them.
func (b *book) keepBalances(list []Stated) (changed []Stated) {
	for _, one := range list {
		at, known := slices.BinarySearchFunc(b.state.Stated, one, func(x, y Stated) int { return x.compareName(&y) })
		switch {
		case !known:
			b.state.Stated = slices.Insert(b.state.Stated, at, one)
		case b.state.Stated[at].Amount == one.Amount && b.state.Stated[at].StatedAt == one.StatedAt, one.time().Before(b.state.Stated[at].time()):
			continue
		default:
			b.state.Stated[at] = one
		}
		changed = append(changed, one)
	}
	return changed
}

// bookedOf finds the booked balance of a currency, or nil.
func bookedOf(list []Stated, currency string) *Stated {
	for i := range list {
		if list[i].Kind == connector.Booked && list[i].Currency == currency {
			return &list[i]
		}
	}
	return nil
}
