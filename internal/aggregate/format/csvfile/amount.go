// Parses amounts as institutions write them, and currencies next to them (rule 2).

package csvfile

import (
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// equivalentMarks replaces characters by the mark that they stand for: non-breaking spaces, and the typographic
// apostrophe and minus.
var equivalentMarks = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2019", "'", "\u2212", "-")

type parsedNumber struct {
	decimal      string // in the form of statement.Unreadable if ok is false
	ok           bool
	hasDirection bool   // the cell states whether the number is positive or negative
	currency     string // the declared currency next to the digits; may be empty
}

// parseNumber parses a number with the mapping's marks, forms and currencies; a sign may be on either side. A text
// that is not a valid number is returned in the form of statement.Unreadable: with a decimal comma, "1.234" is
// neither 1234 nor 1.234.
func parseNumber(text string, m *project.CSVMapping) parsedNumber {
	bare, direction, currency := trimForms(equivalentMarks.Replace(text), &m.Notation)
	bare, signed := moveSignToFront(bare)
	if m.Group != 0 {
		bare = removeGroupMarks(bare, m.Group, m.Decimal)
	}
	decimal, ok := statement.Amount(bare, m.Decimal)
	if !ok || signed && direction != 0 {
		return parsedNumber{decimal: statement.Unreadable(text, m.Decimal), currency: currency}
	}
	if direction == '-' {
		decimal = statement.Negate(decimal)
	}
	return parsedNumber{decimal: decimal, ok: true, hasDirection: signed || direction != 0, currency: currency}
}

// trimForms removes what is declared to be next to a number: at most one form, which gives the direction as '+' or
// '-', and one currency. They may be nested, as in "(EUR 3,00)" and "-$3.00".
func trimForms(text string, w *project.Notation) (bare string, direction byte, currency string) {
	for {
		text = strings.TrimSpace(text)
		if direction == 0 {
			if inner, ok := trimForm(text, w.Negative); ok {
				text, direction = inner, '-'
				continue
			}
			if inner, ok := trimForm(text, w.Positive); ok {
				text, direction = inner, '+'
				continue
			}
		}
		if currency != "" {
			return text, direction, currency
		}
		inner, found := trimCurrency(text, w)
		if found == "" {
			return text, direction, currency
		}
		text, currency = inner, found
	}
}

// trimForm removes the longest form that matches.
func trimForm(text string, forms []project.Form) (inner string, ok bool) {
	longest := 0
	for _, f := range forms {
		n := len(f.Before) + len(f.After)
		if n > longest && len(text) > n && strings.HasPrefix(text, f.Before) && strings.HasSuffix(text, f.After) {
			inner, ok, longest = text[len(f.Before):len(text)-len(f.After)], true, n
		}
	}
	return inner, ok
}

// trimCurrency removes the longest currency at either end, or next to a sign there.
func trimCurrency(text string, w *project.Notation) (inner, currency string) {
	if len(w.Prefix) == 0 && len(w.Suffix) == 0 {
		return text, ""
	}
	before, after := "", ""
	body := text
	if body != "" && isSign(body[0]) {
		before, body = body[:1], strings.TrimSpace(body[1:])
	}
	if n := len(body); n > 0 && isSign(body[n-1]) {
		body, after = strings.TrimSpace(body[:n-1]), body[n-1:]
	}
	inner = text
	for _, p := range w.Prefix {
		if rest, ok := strings.CutPrefix(body, p); ok && len(p) > len(currency) {
			inner, currency = before+strings.TrimSpace(rest)+after, p
		}
	}
	for _, s := range w.Suffix {
		if rest, ok := strings.CutSuffix(body, s); ok && len(s) > len(currency) {
			inner, currency = before+strings.TrimSpace(rest)+after, s
		}
	}
	return inner, currency
}

func isSign(c byte) bool { return c == '-' || c == '+' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// moveSignToFront moves a trailing sign to the start, and removes blanks after a sign.
func moveSignToFront(text string) (number string, signed bool) {
	if text == "" {
		return text, false
	}
	if isSign(text[0]) {
		if rest := strings.TrimSpace(text[1:]); len(rest) < len(text)-1 {
			return text[:1] + rest, true
		}
		return text, true
	}
	if end := len(text) - 1; isSign(text[end]) && isDigit(text[0]) {
		return text[end:] + strings.TrimSpace(text[:end]), true
	}
	return text, false
}

// removeGroupMarks removes the group marks of a number if three digits follow each; any other text is returned
// unchanged.
func removeGroupMarks(number string, group, mark byte) string {
	whole, fraction, hasFraction := strings.Cut(number, string(mark))
	if !statement.IsGrouped(strings.TrimLeft(whole, "+-"), string(group)) {
		return number
	}
	whole = strings.ReplaceAll(whole, string(group), "")
	if hasFraction {
		whole += string(mark) + fraction
	}
	return whole
}

// signedAmount returns the amount of a row in its currency; or, if its columns do not state one, their text and the
// reason.
func (t *table) signedAmount(r row, currency string) (decimal, reason string) {
	c, m := &t.columns, t.mapping
	if c.amount < 0 {
		return t.amountOfTwoColumns(r, currency)
	}
	text, name := t.cell(r, c.amount), m.Columns.Amount
	n := parseNumber(text, m)
	switch {
	case !n.ok:
		return n.decimal, notANumberReason(name, text, m)
	case !mayMean(n.currency, currency):
		return statement.Unreadable(text, 0), otherCurrencyReason(name, text, n.currency, currency)
	case c.sign >= 0:
		return t.amountBySignColumn(r, text, n)
	case !n.hasDirection && len(m.Notation.Positive) > 0 && !isZero(n.decimal):
		reason = "column " + quote(name) + " is " + quote(text) + ", which has neither a sign nor a form of `positive` or `negative`"
		return statement.Unreadable(text, 0), reason
	}
	return n.decimal, ""
}

// amountBySignColumn returns an amount whose direction is in another column.
func (t *table) amountBySignColumn(r row, text string, n parsedNumber) (decimal, reason string) {
	sign, s := r.cell(t.columns.sign), &t.mapping.Columns.Sign
	switch {
	case n.hasDirection:
		reason = "column " + quote(t.mapping.Columns.Amount) + " is " + quote(text) + ", which has a direction of its own beside that of column " + quote(s.Column)
	case slices.Contains(s.Credit, sign):
		return n.decimal, ""
	case slices.Contains(s.Debit, sign):
		return statement.Negate(n.decimal), ""
	default:
		reason = unknownValueReason(s.Column, sign, "`credit` nor `debit`")
	}
	return statement.Unreadable(strings.TrimSpace(text+" "+sign), 0), reason
}

// amountOfTwoColumns returns the amount of a row that is in one of two columns. A zero in the other column is
// ignored; a debit may have a negative sign.
func (t *table) amountOfTwoColumns(r row, currency string) (decimal, reason string) {
	m := t.mapping
	credit, debit := t.cell(r, t.columns.credit), t.cell(r, t.columns.debit)
	creditNumber, debitNumber := parseNumber(credit, m), parseNumber(debit, m)
	names := &m.Columns
	switch {
	case credit == "" && debit == "":
		return "", "columns " + quote(names.Credit) + " and " + quote(names.Debit) + " are empty, and a row needs an amount"
	case credit != "" && !creditNumber.ok:
		reason = notANumberReason(names.Credit, credit, m)
	case debit != "" && !debitNumber.ok:
		reason = notANumberReason(names.Debit, debit, m)
	case !mayMean(creditNumber.currency, currency):
		reason = otherCurrencyReason(names.Credit, credit, creditNumber.currency, currency)
	case !mayMean(debitNumber.currency, currency):
		reason = otherCurrencyReason(names.Debit, debit, debitNumber.currency, currency)
	case creditNumber.ok && creditNumber.decimal[0] == '-':
		reason = "column " + quote(names.Credit) + " is " + quote(credit) + ", and a credit is not below zero"
	case debit == "" || isZero(debitNumber.decimal) && credit != "":
		return creditNumber.decimal, ""
	case credit != "" && !isZero(creditNumber.decimal):
		reason = "columns " + quote(names.Credit) + " and " + quote(names.Debit) + " have an amount each"
	case debitNumber.decimal[0] == '-':
		return debitNumber.decimal, ""
	default:
		return statement.Negate(debitNumber.decimal), ""
	}
	return strings.TrimSpace(credit + " / " + debit), reason
}

func isZero(decimal string) bool { return statement.Negate(decimal) == decimal }

// currencySigns are the ISO 4217 codes that a sign may stand for. A sign that is not listed is accepted for every
// currency: its declaration says that it is the row's currency.
var currencySigns = map[string]string{
	"€": "EUR",
	"£": "GBP GGP GIP FKP IMP JEP SHP EGP LBP SDG SSP SYP",
	"$": "USD AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD XCD " +
		"ARS CLP COP CUP DOP MXN UYU CVE MOP NIO TOP",
	"US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD NIO", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD", "R$": "BRL",
	"¥": "JPY CNY", "￥": "JPY CNY", "元": "CNY", "円": "JPY", "₹": "INR", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₩": "KRW KPW",
	"₪": "ILS", "₫": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "₵": "GHS", "₸": "KZT", "₾": "GEL", "₼": "AZN",
	"zł": "PLN", "Kč": "CZK", "Ft": "HUF", "lei": "RON", "лв": "BGN", "лв.": "BGN", "kr": "SEK NOK DKK ISK", "kr.": "DKK NOK SEK ISK",
	"Fr.": "CHF", "SFr.": "CHF", "Fr": "CHF", "SFr": "CHF",
}

// mayMean reports whether the text next to an amount may mean a currency. Three letters are a code.
func mayMean(adjacent, currency string) bool {
	if adjacent == "" {
		return true
	}
	if codes, known := currencySigns[adjacent]; known {
		return currency != "" && strings.Contains(codes, strings.ToUpper(currency))
	}
	return !isCode(adjacent) || strings.EqualFold(adjacent, currency)
}

func isCode(text string) bool {
	return len(text) == 3 && strings.Trim(strings.ToUpper(text), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isCurrency(text string) bool {
	return currencySigns[text] != "" || isCode(text) && text == strings.ToUpper(text)
}
