// Reads balances, amounts, and the totals of an interim report.

package mt940

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

var balanceCodes = map[string]string{
	"60": statement.OpeningBooked, "60F": statement.OpeningBooked, "62": statement.ClosingBooked, "62F": statement.ClosingBooked,
	"60M": statement.InterimBooked, "62M": statement.InterimBooked,
	"64": statement.ClosingAvailable, "65": statement.ForwardAvailable,
}

// balanceField reports a balance. The balances of a page, :60M: and :62M:, have their tag as their subtype.
func (t *emitter) balanceField(tag, text string, at statement.Place) {
	t.openForBalance(tag, at)
	t.seen.hasContent = true
	t.seen.opening = t.seen.opening || tag[:2] == "60"
	t.seen.closing = t.seen.closing || tag[:2] == "62"
	b, ok, why := t.decimals.parseBalance(text)
	if !ok {
		b.Amount = unreadableField(tag, text)
		if why != "" {
			b.Amount += ": " + why
		}
	}
	t.statement.Currency = cmp.Or(t.statement.Currency, b.Currency)
	b.Currency = cmp.Or(b.Currency, t.statement.Currency) // some banks omit the currency of later balances
	if tag[:2] == "60" {
		t.calendar.reset(b.Date, false)
	}
	b.Place, b.Code = at, balanceCodes[tag]
	if b.Code == statement.InterimBooked {
		b.Subtype = tag
	}
	t.beginStatement()
	t.out.Balance(&b)
}

// openForBalance opens the next statement if an opening balance follows a closing balance: another currency or part
// of the same message, whose account is stated only once.
func (t *emitter) openForBalance(tag string, at statement.Place) {
	isNext, s := tag[:2] == "60" && t.open && t.seen.closing, t.statement
	if t.openStatement(at, isNext); !isNext {
		return
	}
	t.statement.Servicer, t.statement.Account, t.statement.IBAN, t.statement.Name = s.Servicer, s.Account, s.IBAN, s.Name
	t.statement.Reference, t.statement.Number, t.statement.Page = s.Reference, s.Number, s.Page
}

// noDate is what German banks write with the opening balance of an account's first statement.
const noDate = "000000"

// parseBalance parses C or D, YYMMDD, a currency and an amount. why is set if the amount cannot be read because of
// its decimal mark.
func (d *decimalMark) parseBalance(text string) (b statement.Balance, ok bool, why string) {
	if text != "" && isLower(text[0]) {
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
	amount, ok, why := d.parseAmount(rest)
	if ok {
		b.Amount = signed(amount, text[0] == 'D')
	}
	return b, ok, why
}

// totalsField reads :90D: and :90C:, a count, a currency and a sum without a sign.
func (t *emitter) totalsField(tag, text string, at statement.Place) {
	t.openStatement(at, false)
	t.seen.hasContent, t.seen.interim = true, true
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	count, rest := text[:digits], strings.ToUpper(text[digits:])
	sum, ok := text, false
	if len(rest) > 3 && isCurrency(rest[:3]) {
		sum, ok, _ = t.decimals.parseAmount(rest[3:])
		t.statement.Currency = cmp.Or(t.statement.Currency, rest[:3])
	}
	if !ok || count == "" || strings.ContainsAny(sum, "+-") {
		count, sum = unreadableField(tag, text), unreadableField(tag, text)
	}
	if tag == "90D" {
		t.statement.Stated.DebitCount, t.statement.Stated.DebitSum = count, sum
	} else {
		t.statement.Stated.CreditCount, t.statement.Stated.CreditSum = count, sum
	}
}

// unreadableField stands for an amount that cannot be read: the whole field with its tag, which is never a valid
// number.
func unreadableField(tag, text string) string { return ":" + tag + ":" + text }

func signed(amount string, negative bool) string {
	if negative {
		return statement.Negate(amount)
	}
	return amount
}

func isCurrency(text string) bool { return isUpper(text[0]) && isUpper(text[1]) && isUpper(text[2]) }

// decimalMark is the decimal mark of the file's amounts: that of the first amount that has one. No file has both.
type decimalMark struct {
	mark        byte   // 0 until an amount has one
	firstAmount string // the amount that determined mark
}

// maxDecimalsAfterPoint limits the decimals after a point, because a point before three digits may be a group mark.
const maxDecimalsAfterPoint = 2

// parseAmount parses an amount. why is set if it cannot be read because of its mark.
func (d *decimalMark) parseAmount(text string) (amount string, ok bool, why string) {
	at := strings.IndexAny(text, ",.")
	if at < 0 {
		amount, ok = statement.Amount(text, ',')
		return amount, ok, ""
	}
	mark := text[at]
	switch decimals := text[at+1:]; {
	case d.mark != 0 && d.mark != mark:
		return text, false, fmt.Sprintf("the amount %#q has a decimal %s, and %#q before it a %s: a file has one of the two", text, markName(mark), d.firstAmount, markName(d.mark))
	case mark == '.' && strings.ContainsAny(decimals, ",."):
		return text, false, fmt.Sprintf("the amount %#q has a point between groups of digits, which MT940 does not have", text)
	case mark == '.' && len(decimals) > maxDecimalsAfterPoint:
		return text, false, fmt.Sprintf("the amount %#q has a point with %d digits behind it: it may be a decimal point or divide groups", text, len(decimals))
	}
	if amount, ok = statement.Amount(text, mark); ok && d.mark == 0 {
		d.mark, d.firstAmount = mark, text
	}
	return amount, ok, ""
}

func markName(mark byte) string {
	if mark == '.' {
		return "point"
	}
	return "comma"
}

type listedTotals struct{ credit, debit sideTotals }

type sideTotals struct {
	count int64
	sum   statement.Sum // without a sign
}

func (l *listedTotals) add(amount string) {
	side := &l.credit
	if rest, negative := strings.CutPrefix(amount, "-"); negative {
		side, amount = &l.debit, rest
	}
	if side.sum.Add(amount) {
		side.count++
	}
}

// dropTotalsAboveFloor removes stated totals that exceed the listed entries, if a floor limit explains it: they
// cannot be checked.
func (t *emitter) dropTotalsAboveFloor() {
	s := &t.statement.Stated
	if !t.seen.floor {
		return
	}
	if t.listed.credit.exceededBy(s.CreditCount, s.CreditSum) {
		s.CreditCount, s.CreditSum = "", ""
	}
	if t.listed.debit.exceededBy(s.DebitCount, s.DebitSum) {
		s.DebitCount, s.DebitSum = "", ""
	}
}

// exceededBy reports whether the stated count and sum are both greater.
func (l *sideTotals) exceededBy(count, sum string) bool {
	n, err := strconv.ParseInt(count, 10, 64)
	var stated statement.Sum
	return err == nil && n > l.count && stated.Add(sum) && stated.Minus(l.sum).Sign() > 0
}
