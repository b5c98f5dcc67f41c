// Amounts as institutions write them (rule 2).

package csvfile

import (
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// alike are characters that stand for a declared mark: blanks that do not break, and the typographic apostrophe and minus.
var alike = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2019", "'", "\u2212", "-")

// number is a cell that was read as a number.
type number struct {
	decimal  string // as statement.Unread has it where ok is false
	ok       bool
	directed bool   // the cell itself says whether it is above or below zero
	currency string // what stands beside the digits and is declared as a currency; may be empty
}

// readNumber reads a number with the mapping's marks, forms and currencies; a sign may stand on either side. What is none
// stays as it is, but as statement.Unread has it: with a decimal comma "1.234" is not read, and not one and a bit either.
func readNumber(text string, m *project.CSVMapping) number {
	bare, direction, currency := strip(alike.Replace(text), &m.Notation)
	bare, signed := leadingSign(bare)
	if m.Group != 0 {
		bare = ungroup(bare, m.Group, m.Decimal)
	}
	decimal, ok := statement.Amount(bare, m.Decimal)
	if !ok || signed && direction != 0 {
		return number{decimal: statement.Unread(text, m.Decimal), currency: currency}
	}
	if direction == '-' {
		decimal = statement.Negate(decimal)
	}
	return number{decimal: decimal, ok: true, directed: signed || direction != 0, currency: currency}
}

// amount is a number that needs no direction: a balance or a total.
func amount(text string, m *project.CSVMapping) (decimal string, ok bool) {
	n := readNumber(text, m)
	return n.decimal, n.ok
}

// strip takes off what is declared to stand beside a number: at most one form, which gives the direction as '+' or '-', and one
// currency. They may stand within one another, such as in "(EUR 3,00)" and "-$3.00".
func strip(text string, w *project.Notation) (bare string, direction byte, currency string) {
	for {
		text = strings.TrimSpace(text)
		if direction == 0 {
			if inner, is := unwrap(text, w.Negative); is {
				text, direction = inner, '-'
				continue
			}
			if inner, is := unwrap(text, w.Positive); is {
				text, direction = inner, '+'
				continue
			}
		}
		if currency != "" {
			return text, direction, currency
		}
		inner, found := withoutCurrency(text, w)
		if found == "" {
			return text, direction, currency
		}
		text, currency = inner, found
	}
}

// unwrap takes off the longest form that fits.
func unwrap(text string, forms []project.Form) (inner string, is bool) {
	longest := 0
	for _, f := range forms {
		n := len(f.Before) + len(f.After)
		if n > longest && len(text) > n && strings.HasPrefix(text, f.Before) && strings.HasSuffix(text, f.After) {
			inner, is, longest = text[len(f.Before):len(text)-len(f.After)], true, n
		}
	}
	return inner, is
}

// withoutCurrency takes off the longest currency that stands at either end, or within a sign there.
func withoutCurrency(text string, w *project.Notation) (inner, currency string) {
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
		if rest, is := strings.CutPrefix(body, p); is && len(p) > len(currency) {
			inner, currency = before+strings.TrimSpace(rest)+after, p
		}
	}
	for _, s := range w.Suffix {
		if rest, is := strings.CutSuffix(body, s); is && len(s) > len(currency) {
			inner, currency = before+strings.TrimSpace(rest)+after, s
		}
	}
	return inner, currency
}

func isSign(c byte) bool { return c == '-' || c == '+' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// leadingSign puts a sign that stands behind a number, or away from it, at its beginning.
func leadingSign(text string) (number string, signed bool) {
	if text == "" {
		return text, false
	}
	if isSign(text[0]) {
		if rest := strings.TrimSpace(text[1:]); len(rest) < len(text)-1 {
			return text[:1] + rest, true
		}
		return text, true
	}
	if end := len(text) - 1; isSign(text[end]) && digit(text[0]) {
		return text[end:] + strings.TrimSpace(text[:end]), true
	}
	return text, false
}

// ungroup takes group marks out of a number in which each stands before three digits; any other text stays as it is.
func ungroup(number string, group, mark byte) string {
	whole, fraction, marked := strings.Cut(number, string(mark))
	groups := strings.Split(whole, string(group))
	first := strings.TrimLeft(groups[0], "+-")
	if len(groups) == 1 || len(first) == 0 || len(first) > 3 {
		return number
	}
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return number
		}
	}
	whole = strings.Join(groups, "")
	if marked {
		whole += string(mark) + fraction
	}
	return whole
}

// signed is what a row's account moved by in its currency; or, where its columns do not say so, what stands there and why it is
// not an amount.
func (t *table) signed(r row, currency string) (decimal, reason string) {
	c, m := &t.columns, t.mapping
	if c.amount < 0 {
		return t.twoColumns(r, currency)
	}
	text, name := t.cell(r, c.amount), m.Columns.Amount
	n := readNumber(text, m)
	switch {
	case !n.ok:
		return n.decimal, notANumber(name, text, m)
	case !isOf(n.currency, currency):
		return statement.Unread(text, 0), otherCurrency(name, text, n.currency, currency)
	case c.sign >= 0:
		return t.marked(r, text, n)
	case !n.directed && len(m.Notation.Positive) > 0 && !zero(n.decimal):
		return statement.Unread(text, 0), undirectedReason(name, text)
	}
	return n.decimal, ""
}

// marked is a number whose direction is in a column of its own.
func (t *table) marked(r row, text string, n number) (decimal, reason string) {
	sign, s := r.cell(t.columns.sign), &t.mapping.Columns.Sign
	switch {
	case n.directed:
		reason = "column " + tick(t.mapping.Columns.Amount) + " is " + tick(text) + ", which has a direction of its own beside that of column " + tick(s.Column)
	case slices.Contains(s.Credit, sign):
		return n.decimal, ""
	case slices.Contains(s.Debit, sign):
		return statement.Negate(n.decimal), ""
	default:
		reason = unknownValue(s.Column, sign, "`credit` nor `debit`")
	}
	return statement.Unread(strings.TrimSpace(text+" "+sign), 0), reason
}

// twoColumns is the amount of a row that has it in one of two columns. Zeros in the other one say nothing; a debit may have
// its sign already.
func (t *table) twoColumns(r row, currency string) (decimal, reason string) {
	m := t.mapping
	credit, debit := t.cell(r, t.columns.credit), t.cell(r, t.columns.debit)
	in, out := readNumber(credit, m), readNumber(debit, m)
	names := &m.Columns
	switch {
	case credit == "" && debit == "":
		return "", "columns " + tick(names.Credit) + " and " + tick(names.Debit) + " are empty, and a row needs an amount"
	case credit != "" && !in.ok:
		reason = notANumber(names.Credit, credit, m)
	case debit != "" && !out.ok:
		reason = notANumber(names.Debit, debit, m)
	case !isOf(in.currency, currency):
		reason = otherCurrency(names.Credit, credit, in.currency, currency)
	case !isOf(out.currency, currency):
		reason = otherCurrency(names.Debit, debit, out.currency, currency)
	case in.ok && in.decimal[0] == '-':
		reason = "column " + tick(names.Credit) + " is " + tick(credit) + ", and a credit is not below zero"
	case debit == "" || zero(out.decimal) && credit != "":
		return in.decimal, ""
	case credit != "" && !zero(in.decimal):
		reason = "columns " + tick(names.Credit) + " and " + tick(names.Debit) + " have an amount each"
	case out.decimal[0] == '-':
		return out.decimal, ""
	default:
		return statement.Negate(out.decimal), ""
	}
	return strings.TrimSpace(credit + " / " + debit), reason
}

func zero(decimal string) bool { return statement.Negate(decimal) == decimal }
