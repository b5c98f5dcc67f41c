// Balances, and the totals of an interim report.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// balanceCodes are the ISO 20022 codes of the fields.
var balanceCodes = map[string]string{
	"60": statement.OpeningBooked, "60F": statement.OpeningBooked, "62": statement.ClosingBooked, "62F": statement.ClosingBooked,
	"60M": statement.InterimBooked, "62M": statement.InterimBooked,
	"64": statement.ClosingAvailable, "65": statement.ForwardAvailable,
}

// balance tells a balance. A page's own, :60M: and :62M:, has its tag as its subtype.
func (t *emitter) balance(tag, text string, at statement.Place) error {
	if err := t.startBalance(tag, at); err != nil {
		return err
	}
	t.seen.body = true
	t.seen.opening = t.seen.opening || tag[:2] == "60"
	t.seen.closing = t.seen.closing || tag[:2] == "62"
	b, ok, why := t.mark.balance(text)
	if !ok {
		b.Amount = unread(tag, text)
		if why != "" {
			b.Amount += ": " + why
		}
	}
	if t.s.Currency == "" {
		t.s.Currency = b.Currency
	}
	if b.Currency == "" {
		b.Currency = t.s.Currency // some banks write no second one
	}
	if tag[:2] == "60" {
		t.calendar.begin(b.Date, false)
	}
	b.Place, b.Code = at, balanceCodes[tag]
	if b.Code == statement.InterimBooked {
		b.Subtype = tag
	}
	if err := t.begin(); err != nil {
		return err
	}
	return t.h.Balance(&b)
}

// startBalance starts the next statement where one that is closed is followed by an opening balance: another currency or part of
// the same message, whose account is told once.
func (t *emitter) startBalance(tag string, at statement.Place) error {
	again, s := tag[:2] == "60" && t.open && t.seen.closing, t.s
	if err := t.start(at, again); err != nil || !again {
		return err
	}
	t.s.Servicer, t.s.Account, t.s.IBAN, t.s.Name = s.Servicer, s.Account, s.IBAN, s.Name
	t.s.Reference, t.s.Number, t.s.Page = s.Reference, s.Number, s.Page
	return nil
}

// noDate is what German banks write with the opening balance of an account's first statement.
const noDate = "000000"

// balance reads C or D, YYMMDD, a currency and an amount. Where the amount's mark is why it cannot be read, why says so.
func (d *decimalMark) balance(text string) (b statement.Balance, ok bool, why string) {
	if text != "" && lower(text[0]) {
		text = strings.ToUpper(text)
	}
	if len(text) < 8 || text[0] != 'C' && text[0] != 'D' || strings.Trim(text[1:7], "0123456789") != "" {
		return b, false, ""
	}
	if text[1:7] != noDate {
		b.Date = date(text[1:7])
	}
	rest := text[7:]
	if len(rest) > 3 && isCurrency(rest[:3]) {
		b.Currency, rest = rest[:3], rest[3:]
	}
	rest = strings.TrimSpace(rest)
	if strings.ContainsAny(rest, "+-") {
		return b, false, ""
	}
	amount, ok, why := d.read(rest)
	if ok {
		b.Amount = signed(amount, text[0] == 'D')
	}
	return b, ok, why
}

// totals reads :90D: and :90C:, a count, a currency and a sum without sign.
func (t *emitter) totals(tag, text string, at statement.Place) error {
	if err := t.start(at, false); err != nil {
		return err
	}
	t.seen.body, t.seen.interim = true, true
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	count, rest := text[:digits], strings.ToUpper(text[digits:])
	sum, ok := text, false
	if len(rest) > 3 && isCurrency(rest[:3]) {
		sum, ok, _ = t.mark.read(rest[3:])
		if t.s.Currency == "" {
			t.s.Currency = rest[:3]
		}
	}
	if !ok || count == "" || strings.ContainsAny(sum, "+-") {
		count, sum = unread(tag, text), unread(tag, text)
	}
	if tag == "90D" {
		t.s.Stated.DebitCount, t.s.Stated.DebitSum = count, sum
	} else {
		t.s.Stated.CreditCount, t.s.Stated.CreditSum = count, sum
	}
	return nil
}

// unread stands for an amount that cannot be read: the whole field, with its tag, so that it is never taken for a number.
func unread(tag, text string) string { return ":" + tag + ":" + text }

func signed(amount string, negative bool) string {
	if negative {
		return statement.Negate(amount)
	}
	return amount
}

func isCurrency(text string) bool { return letter(text[0]) && letter(text[1]) && letter(text[2]) }
